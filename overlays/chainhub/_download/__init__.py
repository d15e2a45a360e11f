"""The bytes of a URL, safely on disk.

A download resumes, is checked, and gets the name of its target only when it is complete.
"""
