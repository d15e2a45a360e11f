"""What the contract says of tasks: recognised where nobody said it, compiled into tables."""
