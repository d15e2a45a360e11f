"""Leave out the operations of which no code can be generated, and say why.

One bad operation does not take the contract with it. The whole contract is tried first; only where
it fails is each operation judged alone, with the components that it needs.
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
    """Take the operations that can be generated; the others are removed from `document`.

    Returns:
        What the generator understood of the document, and what was left out, a sentence each.

    Raises:
        PipelineError: nothing is left, or the contract fails as a whole only.
    """
    left: list[str] = []
    while True:
        faults = _faults(document, place, lambda one: validation.validate(one, place))
        if not faults:
            try:
                return generation.parse(document, place), left
            except generation.Unparsed as error:
                faults = error.operations or _faults(
                    document, place, lambda one: generation.parse(one, place)
                )
        if not faults:
            continue
        left += leave_out(document, faults, place)


def leave_out(document: dict[str, Json], faults: dict[Place, str], place: str) -> list[str]:
    """Remove operations from a contract, with the components that nothing else needs.

    Raises:
        PipelineError: nothing is left.
    """
    left = [f"{called(one)} is left out: {reason}" for one, reason in faults.items()]
    for one in faults:
        item = mapping(at(document, one[:2]))
        del item[str(one[2])]
        if item.keys().isdisjoint(METHODS):
            del mapping(document["paths"])[str(one[1])]
    if not any(True for _ in operations(document)):
        raise PipelineError(f"{place}: no operation can be generated. {left[0]}")
    document["components"] = needed(document, list(operations(document)))
    return left


def _faults(
    document: dict[str, Json], place: str, check: Callable[[dict[str, Json]], object]
) -> dict[Place, str]:
    """Find the operations that fail by themselves, where all together fail."""
    whole = refusal_of(lambda: check(document))
    if whole is None:
        return {}
    if refusal_of(lambda: check({**document, "paths": {}, "components": {}})) == whole:
        raise PipelineError(whole)  # it is no operation's
    found = {}
    for where, operation in operations(document):
        reason = refusal_of(partial(check, _alone(document, where, operation)))
        if reason is not None:
            found[where] = reason
    components = needed(document, list(operations(document)))
    if not found and components == document.get("components"):
        raise PipelineError(whole)
    document["components"] = components  # the fault may be in one that nothing needs
    own = {
        where: reason.removeprefix(place).removeprefix(" cannot be generated").lstrip(": ")
        for where, reason in found.items()
    }
    return own or _faults(document, place, check)


def _alone(document: dict[str, Json], place: Place, operation: dict[str, Json]) -> dict[str, Json]:
    item = mapping(at(document, place[:2]))
    rest = {key: value for key, value in item.items() if key not in METHODS}
    paths: dict[str, Json] = {str(place[1]): {**rest, str(place[2]): operation}}
    components = needed(document, [(place, operation)])
    return {**document, "paths": paths, "components": components}
