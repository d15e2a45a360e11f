"""Decide which hosts a contract may name: the key of whoever calls goes there.

The usual host is the one of the contract in place, else the one that most pages name. A page that
names another is refused unless that is allowed by name. Where no page names the usual host, the
service has moved: that is told, but a host that is only spelt a little differently is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from difflib import SequenceMatcher
from typing import Final
from urllib.parse import urlsplit

from tools.contract import mapping, operations, sequence
from tools.documents import Json

_ALIKE: Final = 0.8


def hosts_of(document: dict[str, Json]) -> set[str]:
    """Find all hosts that a contract names."""
    holders = [document, *mapping(document.get("paths")).values()]
    holders += [operation for _, operation in operations(document)]
    return {
        host_in(str(mapping(server).get("url")))
        for holder in holders
        for server in sequence(mapping(holder).get("servers"))
        if mapping(server).get("url")
    }


def host_in(text: str) -> str:
    """Find the host, with its port, in a URL or in what a person wrote instead of one."""
    try:
        return urlsplit(text if "//" in text else f"//{text}").netloc.lower()
    except ValueError:  # such as a bracket that is never closed
        return text


def usual_host(documents: Sequence[dict[str, Json]], known: Collection[str] = ()) -> str:
    """Decide which host is the usual one, or none where no page names one."""
    counts = Counter(host for document in documents for host in sorted(hosts_of(document)))
    for host in known:
        if host in counts or any(_alike(host, other) for other in counts):
            return host
    return counts.most_common(1)[0][0] if counts else ""


def strange_host(
    document: dict[str, Json], usual: str, allowed: Collection[str] = ()
) -> str | None:
    """Name a host of this contract to which the key must not go, if it has one."""
    others = hosts_of(document) - {usual, *map(host_in, allowed)}
    return min(others, default=None)


def refusal(place: str, host: str, usual: str) -> str:
    """Say why a page is left out."""
    if not host:
        return f"{place} is refused: its server names no host; the others are on {usual}."
    return (
        f"{place} is refused: the key would go to its server {' '.join(host.split())},"
        f" which is not {usual};"
        " --allow-host takes it by name."
    )


def moved(usual: str, known: Collection[str]) -> list[str]:
    """Tell that the service has moved, if it has."""
    if not usual or not known or usual in known:
        return []
    return [f"The server is {usual}, no longer {' or '.join(known)}: the key will go there."]


def _alike(one: str, two: str) -> bool:
    return one != two and SequenceMatcher(None, one, two, autojunk=False).ratio() > _ALIKE
