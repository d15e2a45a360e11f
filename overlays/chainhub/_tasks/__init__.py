"""The life of a task: status, polling, many at once, the journal, its files."""
