"""The tasks of a contract: recognised where it declares none, compiled into tables."""
