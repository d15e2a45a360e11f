"""How to install what an extra brings: one form for all messages.

The form names an index. With a bare name, pip asks the public index, where anybody may own it.
"""

from __future__ import annotations


def missing_extra(subject: str, package: str, extra: str) -> str:
    """Return the sentence for a package that is not installed.

    Args:
        subject: What needs it, with its verb: "the command line needs".
        package: The package.
        extra: The extra of chainhub that brings it.
    """
    return (
        f'{subject} the package {package}, which comes with the extra "{extra}": '
        f'pip install --index-url https://INDEX/simple/ "chainhub[{extra}]" '
        "(INDEX: the package index that chainhub came from)"
    )
