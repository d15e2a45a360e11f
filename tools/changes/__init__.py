"""What changed for callers: two states of the public surface, and of the code."""
