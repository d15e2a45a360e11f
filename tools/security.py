"""Write where requests carry the key, as the contract's security schemes say.

The generator only tells operations with a scheme from those without one, and its client sends one
header to all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from pprint import pformat
from typing import TypeAlias

from tools.contract import Place, at, mapping, operations, resolved, sequence
from tools.documents import Json

FILE = "security.py"
Carrier: TypeAlias = tuple[str, str, str]
BEARER: Carrier = ("header", "Authorization", "Bearer")
# The service sends a challenge first, and the header depends on it.
_CHALLENGES = ("digest", "hoba", "mutual", "negotiate", "scram-sha-1", "scram-sha-256")
_NO_KEY: Carrier = ("none", "", "")


def carrier_of(scheme: Json) -> Carrier | None:
    """Return where a request carries the key of a scheme, None if no fixed place can carry it."""
    match scheme:
        case {"type": "apiKey", "in": "header" | "query" as place, "name": str(name)} if name:
            return (place, name, "")
        case {"type": "http", "scheme": str(kind)} if kind.lower() == "basic":
            return ("basic", "Authorization", "Basic")
        case {"type": "http", "scheme": str(kind)} if kind and kind.lower() not in _CHALLENGES:
            return ("header", "Authorization", kind.capitalize())
        case {"type": "oauth2" | "openIdConnect"}:
            return BEARER
    return None


def carriers(
    document: dict[str, Json], operation_names: Iterable[tuple[str, Place]]
) -> tuple[Carrier, dict[str, Carrier]]:
    """Return where the key goes, and the operations with another place, or without a key."""
    by_name = {name: _carrier(document, place) for name, place in operation_names}
    # The most frequent carrier is the client's default, also where the contract says nothing.
    counts = Counter(carrier for carrier in by_name.values() if carrier not in (None, _NO_KEY))
    ((key, _),) = counts.most_common(1) or [(BEARER, 0)]
    return key, {name: carrier for name, carrier in by_name.items() if carrier not in (None, key)}


def write_security(
    document: dict[str, Json], operation_names: Iterable[tuple[str, Place]], into: Path
) -> None:
    """Write where the key goes."""
    key, overrides = carriers(document, operation_names)
    text = (
        '"""Where requests carry the key, as the contract says"""\n\n'
        f"KEY: tuple[str, str, str] = {key!r}\n"
        f"OTHERS: dict[str, tuple[str, str, str]] = {pformat(overrides)}\n"
    )
    (into / FILE).write_text(text, encoding="utf-8")


def take_out_keys(document: dict[str, Json]) -> list[tuple[str, int]]:
    """Remove the parameters that are the key of a scheme: callers give it to the client."""
    schemes = mapping(at(document, ("components", "securitySchemes"))).values()
    carriers = [carrier_of(scheme) for scheme in schemes]
    names = {
        ("query" if carrier[0] == "query" else "header", carrier[1].lower())
        for carrier in carriers
        if carrier
    }
    count = 0
    items = mapping(document.get("paths")).values()
    for holder in [*map(mapping, items), *(operation for _, operation in operations(document))]:
        parameters = sequence(holder.get("parameters"))
        remaining = [item for item in parameters if not _is_key(item, names, document)]
        if len(remaining) < len(parameters):
            holder["parameters"] = remaining
            count += len(parameters) - len(remaining)
    sentence = "The key is no parameter of an operation: the client sends it."
    return [(sentence, count)] if count else []


def _is_key(parameter: Json, names: set[tuple[str, str]], document: dict[str, Json]) -> bool:
    target = resolved(parameter, document)
    return (str(target.get("in")), str(target.get("name")).lower()) in names


def unmet(document: dict[str, Json]) -> list[tuple[str, int]]:
    """Count operations that need more than one key, or one in a cookie, in every alternative."""
    count = 0
    for _, operation in operations(document):
        requirements = operation.get("security", document.get("security"))
        if any(map(mapping, sequence(requirements))) and not any(
            _carriers(document, sequence(requirements))
        ):
            count += 1
    sentence = (
        "An operation asks for several keys at once, or for one that a header or the query cannot "
        "carry, such as a cookie or a certificate: it is sent with the "
        "client's one key, as the others are; headers= takes a further one."
    )
    return [(sentence, count)] if count else []


def _carrier(document: dict[str, Json], place: Place) -> Carrier | None:
    operation = mapping(at(document, place))
    return _first_carrier(document, operation.get("security", document.get("security")))


def _first_carrier(document: dict[str, Json], requirements: Json) -> Carrier | None:
    """Return the carrier of the first requirement that one key meets; None if there is none."""
    if not isinstance(requirements, list):
        return None
    carriers = [*_carriers(document, requirements)]
    if carriers:
        return carriers[0]
    return _NO_KEY if not any(map(mapping, requirements)) else None


def _carriers(document: dict[str, Json], requirements: list[Json]) -> Iterator[Carrier]:
    schemes = mapping(at(document, ("components", "securitySchemes")))
    for requirement in sequence(requirements):
        carriers = [carrier_of(schemes.get(name)) for name in mapping(requirement)]
        if len(carriers) == 1 and carriers[0]:
            yield carriers[0]
