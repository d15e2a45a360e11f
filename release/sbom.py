"""The bill of materials: what a bare install brings along, as CycloneDX.

The versions are those of the lock, which are the ones the tests ran with. Equal sources give equal
bytes: the time is the one all builds have, the serial number follows from the parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, distribution
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from release.errors import Problem

_PIN = re.compile(r"^([a-z0-9._-]+)==([^ ;]+)", re.MULTILINE)
_FOR_AN_EXTRA = re.compile(r"\bextra\b")


@dataclass(frozen=True)
class Part:
    """A distribution, what it says of its licence, and the names of what it asks for."""

    name: str
    version: str
    licence: str
    asks_for: tuple[str, ...]
    # A package address leads scanners to the public index, where our name may be a stranger's.
    public: bool = True


def pins(lock: str) -> dict[str, str]:
    """Read the versions out of a lock."""
    return dict(_PIN.findall(lock))


def parts(root: Part, versions: Mapping[str, str]) -> list[Part]:
    """Find what a distribution brings along, itself first.

    Raises:
        Problem: something it needs is not locked or not installed.
    """
    found = {root.name: root}
    waiting = list(root.asks_for)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = _part(name, versions)
            waiting += found[name].asks_for
    first, *rest = found.values()
    return [first, *sorted(rest, key=lambda part: part.name)]


def needed(requirements: Iterable[str], versions: Mapping[str, str]) -> Iterator[str]:
    """Name what is asked for without an extra, on any platform the lock knows."""
    for requirement in map(Requirement, requirements):
        name = canonicalize_name(requirement.name)
        marker = str(requirement.marker or "")
        # What only other Pythons or systems need is not in the lock either.
        if not _FOR_AN_EXTRA.search(marker) and (name in versions or not marker):
            yield name


def write(found: Sequence[Part], when: datetime) -> str:
    """Write the bill of the first part."""
    components = {part.name: _component(part) for part in found}
    pinned = " ".join(f"{part.name}=={part.version}" for part in found)
    bom = Bom(
        serial_number=uuid5(NAMESPACE_URL, f"sbom:{pinned}"),
        metadata=BomMetaData(component=components[found[0].name], timestamp=when),
        components=[components[part.name] for part in found[1:]],
    )
    for part in found:
        bom.register_dependency(components[part.name], [components[n] for n in part.asks_for])
    return JsonV1Dot6(bom).output_as_string(indent=1) + "\n"


def _part(name: str, versions: Mapping[str, str]) -> Part:
    try:
        known, version = distribution(name), versions[name]
    except (PackageNotFoundError, KeyError):
        raise Problem(f"{name} is not in requirements/run.txt or not installed.") from None
    about = known.metadata
    licences = [*about.get_all("License-Expression", []), *about.get_all("License", [])]
    licence = next(iter(licences), "")
    return Part(name, version, licence, tuple(sorted(set(needed(known.requires or (), versions)))))


def _component(part: Part) -> Component:
    address = PackageURL("pypi", name=part.name, version=part.version) if part.public else None
    licences = [LicenseFactory().make_from_string(part.licence)] if part.licence else []
    return Component(
        name=part.name,
        version=part.version,
        type=ComponentType.LIBRARY,
        bom_ref=f"{part.name}@{part.version}",
        purl=address,
        licenses=licences,
    )
