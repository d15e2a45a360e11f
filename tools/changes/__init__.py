"""Say what changed for callers: the public surface, two states of it, and their code."""
