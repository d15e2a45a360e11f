"""Faults that are known and not yet mended: the end of a test's name, and what is wrong.

A test that passes again must be taken out of here.
"""

KNOWN: dict[str, str] = {}


def reason(name: str) -> str | None:
    """Return what is known of a test, or None."""
    return next((why for end, why in KNOWN.items() if name.endswith(end)), None)
