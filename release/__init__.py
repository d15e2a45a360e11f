"""Make the files of a release and bring them to an index of one's own; never shipped."""
