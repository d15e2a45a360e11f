"""What a response means: the value the contract declares, or which error; pure, without httpx.

`judge` reads the response of an attempt: the error that its status and body stand for, or None.
`decode_json` and `settle` turn a good body into what the generated parser takes, and refuse what
the contract does not describe; `explain_misfit` says which field does not fit. Nothing here sends,
waits or looks at a clock.
"""

from __future__ import annotations

from chainhub._responses.response import APIResponse, decode_json, explain_misfit, judge
from chainhub._responses.validation import settle

__all__ = [
    "APIResponse",
    "decode_json",
    "explain_misfit",
    "judge",
    "settle",
]
