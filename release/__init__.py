"""Make the files of a release and publish them to a private index; not part of a release."""
