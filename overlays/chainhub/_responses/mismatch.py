"""Why an answer that could be decoded is not the declared one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainhub._responses.hidden_error import empty_success, hidden_error
from chainhub._responses.locate import locate
from chainhub._responses.status_error import read_hidden_error, read_refused
from chainhub._responses.strict_json import NotJSON, parse
from chainhub.errors import ChainhubError, ResponseError

if TYPE_CHECKING:
    from types import ModuleType

    from chainhub._responses.response import APIResponse


def explain(
    answer: APIResponse,
    problem: BaseException | str,
    declared: object,
    namespace: ModuleType | None,
    secrets: tuple[str, ...],
) -> ChainhubError:
    """Return the error hidden in the body, else a `ResponseError` that names the field."""
    try:
        document = parse(answer.body, answer.charset)
    except NotJSON:
        return read_refused(answer, _text(problem, answer.status), secrets)
    if hidden_error(document, certain=False):
        return read_hidden_error(answer, document, secrets)
    if empty_success(document):
        return read_refused(answer, "the response says success but contains no data", secrets)
    if isinstance(problem, ResponseError):
        return read_refused(answer, problem.message, secrets, problem.field)
    undeclared = _undeclared(problem, answer.status)
    if namespace and not undeclared and (fault := locate(document, declared, namespace)):
        return read_refused(answer, fault.sentence(secrets), secrets, fault.field(secrets))
    return read_refused(answer, _text(problem, answer.status), secrets)


def _undeclared(problem: BaseException | str, status: int) -> bool:
    """Tell whether generated code failed at the status: a foreign one it cannot even name."""
    if type(problem).__name__ == "UnexpectedStatus":
        return True
    return isinstance(problem, ValueError) and f"{status} is not a valid HTTPStatus" in str(problem)


def _text(problem: BaseException | str, status: int) -> str:
    if isinstance(problem, str):
        return problem
    if _undeclared(problem, status):
        return f"the contract declares no response for the status {status}"
    if isinstance(problem, KeyError):
        return f"the field {problem} is missing"
    return f"the response does not match the contract ({type(problem).__name__}: {problem})"
