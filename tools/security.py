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
# The service sends something first, and the header is made of it.
_ANSWERED = ("digest", "hoba", "mutual", "negotiate", "scram-sha-1", "scram-sha-256")
_NOTHING: Carrier = ("none", "", "")


def carrier_of(scheme: Json) -> Carrier | None:
    """Return where a request carries the key of a scheme, None where only a person can."""
    match scheme:
        case {"type": "apiKey", "in": "header" | "query" as place, "name": str(name)} if name:
            return (place, name, "")
        case {"type": "http", "scheme": str(kind)} if kind.lower() == "basic":
            return ("basic", "Authorization", "Basic")
        case {"type": "http", "scheme": str(kind)} if kind and kind.lower() not in _ANSWERED:
            return ("header", "Authorization", kind.capitalize())
        case {"type": "oauth2" | "openIdConnect"}:
            return BEARER
    return None


def carriers(
    document: dict[str, Json], known: Iterable[tuple[str, Place]]
) -> tuple[Carrier, dict[str, Carrier]]:
    """Return where the key goes, and the operations that want it elsewhere or not at all."""
    found = {name: _carrier(document, place) for name, place in known}
    # What most want is the client's own way; one that says nothing takes it too.
    counted = Counter(one for one in found.values() if one not in (None, _NOTHING))
    ((key, _),) = counted.most_common(1) or [(BEARER, 0)]
    return key, {name: one for name, one in found.items() if one not in (None, key)}


def write_security(
    document: dict[str, Json], known: Iterable[tuple[str, Place]], into: Path
) -> None:
    """Write where the key goes."""
    key, others = carriers(document, known)
    text = (
        '"""Where requests carry the key, as the contract says"""\n\n'
        f"KEY: tuple[str, str, str] = {key!r}\n"
        f"OTHERS: dict[str, tuple[str, str, str]] = {pformat(others)}\n"
    )
    (into / FILE).write_text(text, encoding="utf-8")


def take_out_keys(document: dict[str, Json]) -> list[tuple[str, int]]:
    """Take out the parameters that are the key of a scheme: callers give it to the client."""
    schemes = mapping(at(document, ("components", "securitySchemes"))).values()
    carriers = [carrier_of(scheme) for scheme in schemes]
    names = {
        ("query" if one[0] == "query" else "header", one[1].lower()) for one in carriers if one
    }
    found = 0
    items = mapping(document.get("paths")).values()
    for holder in [*map(mapping, items), *(one for _, one in operations(document))]:
        listed = sequence(holder.get("parameters"))
        kept = [one for one in listed if not _is_key(one, names, document)]
        if len(kept) < len(listed):
            holder["parameters"] = kept
            found += len(listed) - len(kept)
    sentence = "The key is no parameter of an operation: the client sends it."
    return [(sentence, found)] if found else []


def _is_key(parameter: Json, names: set[tuple[str, str]], document: dict[str, Json]) -> bool:
    one = resolved(parameter, document)
    return (str(one.get("in")), str(one.get("name")).lower()) in names


def unmet(document: dict[str, Json]) -> list[tuple[str, int]]:
    """Tell of operations whose every way in asks for more than one key, or for one in a cookie."""
    found = 0
    for _, operation in operations(document):
        listed = operation.get("security", document.get("security"))
        if any(map(mapping, sequence(listed))) and not any(_ways(document, sequence(listed))):
            found += 1
    sentence = (
        "An operation asks for several keys at once, or for one that a header or the query cannot "
        "carry, such as a cookie or a certificate: it is sent with the "
        "client's one key, as the others are; headers= takes a further one."
    )
    return [(sentence, found)] if found else []


def _carrier(document: dict[str, Json], place: Place) -> Carrier | None:
    operation = mapping(at(document, place))
    return _chosen(document, operation.get("security", document.get("security")))


def _chosen(document: dict[str, Json], listed: Json) -> Carrier | None:
    """Return the first way that a key alone opens; None where nothing is said or none does."""
    if not isinstance(listed, list):
        return None
    ways = [*_ways(document, listed)]
    if ways:
        return ways[0]
    return _NOTHING if not any(map(mapping, listed)) else None


def _ways(document: dict[str, Json], listed: list[Json]) -> Iterator[Carrier]:
    schemes = mapping(at(document, ("components", "securitySchemes")))
    for requirement in sequence(listed):
        carriers = [carrier_of(schemes.get(name)) for name in mapping(requirement)]
        if len(carriers) == 1 and carriers[0]:
            yield carriers[0]
