"""What a response means: the value the contract declares, or which error; pure, without httpx.

`judge` reads the response of an attempt: the error that its status and body stand for, or None.
`decode_json` decodes a good body, and `Declared.validate` refuses what the contract does not
describe before generated code parses it; `explain_misfit` makes the error of a `Mismatch`. Nothing
here sends, waits or looks at a clock.
"""

from chainhub._responses.response import charset_of
from chainhub._responses.status_error import decode_json, explain_misfit, judge
from chainhub._responses.validation import Declared, Mismatch, is_unset, members, resolve

__all__ = [
    "Declared",
    "Mismatch",
    "charset_of",
    "decode_json",
    "explain_misfit",
    "is_unset",
    "judge",
    "members",
    "resolve",
]
