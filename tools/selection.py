"""Leave out the operations of which no code can be generated, and say why.

One bad operation does not make the contract fail. The whole contract is tried first; only if that
fails, each operation is checked alone, with the components that it needs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from openapi_python_client.parser import GeneratorData

from tools import generation, validation
from tools.contract import METHODS, Place, at, called, mapping, needed, operations
from tools.documents import Json
from tools.errors import PipelineError, refusal_of


def select(document: dict[str, Json], place: str) -> tuple[GeneratorData, list[str]]:
    """Keep the operations that can be generated; the others are removed from `document`.

    Returns:
        The parsed document, and a sentence for each operation that was left out.

    Raises:
        PipelineError: nothing is left, or the contract fails as a whole only.
    """
    left_out: list[str] = []
    while True:
        faults = _faults(document, place, lambda candidate: validation.validate(candidate, place))
        if not faults:
            try:
                return generation.parse(document, place), left_out
            except generation.Unparsed as error:
                faults = error.operations or _faults(
                    document, place, lambda candidate: generation.parse(candidate, place)
                )
        if not faults:
            continue
        left_out += leave_out(document, faults, place)


def leave_out(document: dict[str, Json], faults: dict[Place, str], place: str) -> list[str]:
    """Remove operations from a contract, with the components that nothing else needs.

    Raises:
        PipelineError: nothing is left.
    """
    left_out = [f"{called(where)} is left out: {reason}" for where, reason in faults.items()]
    for where in faults:
        item = mapping(at(document, where[:2]))
        del item[str(where[2])]
        if item.keys().isdisjoint(METHODS):
            del mapping(document["paths"])[str(where[1])]
    if not any(True for _ in operations(document)):
        raise PipelineError(f"{place}: no operation can be generated. {left_out[0]}")
    document["components"] = needed(document, list(operations(document)))
    return left_out


def _faults(
    document: dict[str, Json], place: str, check: Callable[[dict[str, Json]], object]
) -> dict[Place, str]:
    """Find the operations that fail when checked alone, if the whole document fails."""
    refusal = refusal_of(lambda: check(document))
    if refusal is None:
        return {}
    if refusal_of(lambda: check({**document, "paths": {}, "components": {}})) == refusal:
        raise PipelineError(refusal)  # the fault is outside all operations
    reasons = {}
    for where, operation in operations(document):
        reason = refusal_of(partial(check, _single_operation(document, where, operation)))
        if reason is not None:
            reasons[where] = reason
    components = needed(document, list(operations(document)))
    if not reasons and components == document.get("components"):
        raise PipelineError(refusal)
    document["components"] = components  # the fault may be in a component that nothing needs
    own_reasons = {
        where: reason.removeprefix(place).removeprefix(" cannot be generated").lstrip(": ")
        for where, reason in reasons.items()
    }
    return own_reasons or _faults(document, place, check)


def _single_operation(
    document: dict[str, Json], place: Place, operation: dict[str, Json]
) -> dict[str, Json]:
    item = mapping(at(document, place[:2]))
    rest = {key: value for key, value in item.items() if key not in METHODS}
    paths: dict[str, Json] = {str(place[1]): {**rest, str(place[2]): operation}}
    components = needed(document, [(place, operation)])
    return {**document, "paths": paths, "components": components}
