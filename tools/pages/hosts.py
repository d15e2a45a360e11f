"""Decide which hosts a contract may name: the caller's key is sent there.

The usual host is the one of the contract in place, else the one that most pages name. A page that
names another is refused unless --allow-host names it. Where no page names the usual host, the
service has moved: a note says so, but a host that is spelt almost the same is refused.
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
    """Find the host, with its port, in a URL or in a text that a person wrote instead of one."""
    try:
        return urlsplit(text if "//" in text else f"//{text}").netloc.lower()
    except ValueError:  # such as a bracket that is never closed
        return text


def usual_host(documents: Sequence[dict[str, Json]], known_hosts: Collection[str] = ()) -> str:
    """Decide which host is the usual one; empty where no page names one."""
    counts = Counter(host for document in documents for host in sorted(hosts_of(document)))
    for host in known_hosts:
        if host in counts or any(_alike(host, name) for name in counts):
            return host
    return counts.most_common(1)[0][0] if counts else ""


def strange_host(
    document: dict[str, Json], usual: str, allowed_hosts: Collection[str] = ()
) -> str | None:
    """Return a host of this contract to which the key must not be sent, or None."""
    hosts = hosts_of(document) - {usual, *map(host_in, allowed_hosts)}
    return min(hosts, default=None)


def refusal(place: str, host: str, usual: str) -> str:
    """Say why a page is left out."""
    if not host:
        return f"{place} is refused: its server names no host; the others are on {usual}."
    return (
        f"{place} is refused: the key would go to its server {' '.join(host.split())},"
        f" which is not {usual};"
        " --allow-host takes it by name."
    )


def moved(usual: str, known_hosts: Collection[str]) -> list[str]:
    """Return a note that the service has moved, if it has."""
    if not usual or not known_hosts or usual in known_hosts:
        return []
    return [f"The server is {usual}, no longer {' or '.join(known_hosts)}: the key will go there."]


def _alike(host: str, other: str) -> bool:
    return host != other and SequenceMatcher(None, host, other, autojunk=False).ratio() > _ALIKE
