"""An answer as it came, and the verdict on it.

Every operation passes `judge` (by status only) and, where it declares JSON, `decode_json`.
`explain_misfit` is for an answer that could be decoded but is not what was declared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainhub import errors
from chainhub._responses.charsets import charset_of
from chainhub._responses.hidden_error import hidden_error
from chainhub._responses.strict_json import NotJSON, parse

if TYPE_CHECKING:
    from types import ModuleType


class APIResponse:
    """Hold a complete answer, its body read and decompressed.

    Args:
        status: The status, any number.
        headers: Names and values as they came, in order.
        body: The body, decompressed.
        method: The method of the request.
        url: The address of the request.
    """

    __slots__ = ("body", "headers", "method", "status", "url")

    def __init__(
        self,
        status: int,
        headers: list[tuple[bytes, bytes]],
        body: bytes,
        method: str,
        url: str,
    ) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.method = method
        self.url = url

    def __repr__(self) -> str:
        """Return the facts that hold no secret."""
        from chainhub._redaction import redact_url
        from chainhub.errors import named_status

        shown = f"{self.method} {redact_url(self.url)}"
        return f"<Answer {named_status(self.status)} to {shown}, {len(self.body)} bytes>"

    def header(self, name: bytes) -> str | None:
        """Return the first header of this name, in any letter case, or None."""
        wanted = name.lower()
        for key, value in self.headers:
            if key.lower() == wanted:
                return value.decode("latin-1")
        return None

    def charset(self) -> str | None:
        """Return the charset the answer declares, or None."""
        return charset_of(self.header(b"content-type"))


def judge(answer: APIResponse, *, secrets: tuple[str, ...] = ()) -> errors.StatusError | None:
    """Return the error an answer is by its status, or None for any 2xx.

    Args:
        answer: The answer.
        secrets: Keys that must not be shown, even if the body echoes them.
    """
    if 200 <= answer.status <= 299:
        return None
    from chainhub._responses.status_error import read_error  # a good answer needs none of it

    return read_error(answer, secrets)


def decode_json(answer: APIResponse, *, secrets: tuple[str, ...] = ()) -> object:
    """Return the decoded body of a 2xx.

    Args:
        answer: The answer.
        secrets: Keys that must not be shown, even if the body echoes them.

    Raises:
        ResponseError: If the body is no acceptable JSON document.
        StatusError: If it is certainly an error in spite of the status.
    """
    document, problem = None, None
    try:
        document = parse(answer.body, answer.charset)
    except NotJSON as error:
        problem = f"the body is not the declared JSON: {error}"
    if problem is None and not hidden_error(document, certain=True):
        return document
    from chainhub._responses import status_error as _reading  # a good answer needs none of it

    if problem is None:
        raise _reading.read_hidden_error(answer, document, secrets)
    raise _reading.read_refused(answer, problem, secrets)


def explain_misfit(
    answer: APIResponse,
    problem: BaseException | str,
    *,
    declared: object = None,
    namespace: ModuleType | None = None,
    secrets: tuple[str, ...] = (),
) -> errors.ChainhubError:
    """Return the error for a 2xx that could be decoded but is not what was declared.

    An error hidden in the body is preferred, as long as the body has no id of a task.

    Args:
        answer: The answer.
        problem: What parsing or `settle` has raised, or a sentence.
        declared: The declared type or its text, to find the field in the document.
        namespace: The package of the models.
        secrets: Keys that must not be shown.
    """
    from chainhub._responses.mismatch import explain  # a good answer needs none of it

    return explain(answer, problem, declared, namespace, secrets)
