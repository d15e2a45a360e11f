"""Whether a response with a 2xx status is an error.

`hidden_error` knows two degrees of certainty:

* certain: the object holds nothing but parts of an error envelope, no data, and either a
  filled `error`, `success: false`, a `code` from 400 to 599, or a `code` that is a word other
  than success. No operation answers so when all is well.
* likely: the answer did not fit what was declared, has no `id` and no `task_id`, and says one
  of these things among others.
"""

from __future__ import annotations

MESSAGES = (
    "message",
    "msg",
    "error_message",
    "error_msg",
    "errorMessage",
    "errmsg",
    "error_description",
    "fail_reason",
    "description",
)
CODES = ("code", "error_code", "errorCode", "errcode")
_GOOD_WORDS = frozenset({"", "success", "succeeded", "succeed", "ok", "0", "1", "200", "true"})
_ENVELOPE = frozenset(
    {
        *MESSAGES,
        *CODES,
        "data",
        "detail",
        "details",
        "error",
        "errors",
        "param",
        "path",
        "reason",
        "request_id",
        "requestId",
        "result",
        "status",
        "success",
        "timestamp",
        "title",
        "trace_id",
        "type",
    }
)


def hidden_error(document: object, *, certain: bool) -> bool:
    """Tell whether an answer with a good status is an error.

    Args:
        document: The decoded body.
        certain: Whether to be sure for any operation; else for an answer that did not fit.
    """
    if not isinstance(document, dict) or document.get("success") is True:
        return False
    if certain and not _only_envelope(document):
        return False
    if not certain and (document.get("id") or document.get("task_id")):
        return False
    return _says_something(document) or _refuses(document, certain=certain)


def empty_success(document: object) -> bool:
    """Tell whether the response says success but contains no data."""
    return (
        isinstance(document, dict)
        and "data" in document
        and _empty(document["data"])
        and str(document.get("code", "")).lower() in _GOOD_WORDS
        and ("code" in document or document.get("success") is True)
    )


def code_of(value: object) -> str | None:
    """Return a code as a word, or None if it says nothing."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18:
        return str(value)
    return None


def _only_envelope(document: dict[str, object]) -> bool:
    return (
        _ENVELOPE.issuperset(document)
        and _empty(document.get("data"))
        and _empty(document.get("result"))
        and not isinstance(document.get("status"), str)
    )


def _says_something(document: dict[str, object]) -> bool:
    """Return whether there is an error message; a number or a flag is not one."""
    errors = (document.get("error"), document.get("errors"))
    return any(isinstance(error, str | dict | list) and bool(error) for error in errors)


def _refuses(document: dict[str, object], *, certain: bool) -> bool:
    if document.get("success") is False:
        return True
    code = code_of(document.get("code"))
    if code is None or not any(name in document for name in MESSAGES):
        return False
    if code.isdecimal():
        return len(code) == 3 and 400 <= int(code) <= 599
    return code.lower() not in _GOOD_WORDS and ("data" in document or not certain)


def _empty(data: object) -> bool:
    return data is None or data in ("", [], {})
