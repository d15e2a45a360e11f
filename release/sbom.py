"""The bill of materials: chainhub and the dependencies of an install without extras, as CycloneDX.

The versions are those of the lock, which are the ones the tests ran with. Equal sources give equal
bytes: the time is the same for all builds, the serial number is derived from the parts.
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
    """A distribution, its licence, and the names of its dependencies."""

    name: str
    version: str
    licence: str
    dependencies: tuple[str, ...]
    # A package URL leads scanners to the public index, where this name may be another project.
    public: bool = True


def pins(lock: str) -> dict[str, str]:
    """Read the versions from a lock."""
    return dict(_PIN.findall(lock))


def parts(root: Part, versions: Mapping[str, str]) -> list[Part]:
    """List a distribution and all its dependencies, itself first.

    Raises:
        Problem: a dependency is not locked or not installed.
    """
    parts_by_name = {root.name: root}
    stack = list(root.dependencies)
    while stack:
        name = stack.pop()
        if name not in parts_by_name:
            parts_by_name[name] = _part(name, versions)
            stack += parts_by_name[name].dependencies
    first, *rest = parts_by_name.values()
    return [first, *sorted(rest, key=lambda part: part.name)]


def needed(requirements: Iterable[str], versions: Mapping[str, str]) -> Iterator[str]:
    """Yield the names of the dependencies without an extra, on any platform of the lock."""
    for requirement in map(Requirement, requirements):
        name = canonicalize_name(requirement.name)
        marker = str(requirement.marker or "")
        # Dependencies of other Pythons or systems only are not in the lock.
        if not _FOR_AN_EXTRA.search(marker) and (name in versions or not marker):
            yield name


def write(materials: Sequence[Part], when: datetime) -> str:
    """Write the bill of the first part."""
    components = {part.name: _component(part) for part in materials}
    pinned = " ".join(f"{part.name}=={part.version}" for part in materials)
    bom = Bom(
        serial_number=uuid5(NAMESPACE_URL, f"sbom:{pinned}"),
        metadata=BomMetaData(component=components[materials[0].name], timestamp=when),
        components=[components[part.name] for part in materials[1:]],
    )
    for part in materials:
        bom.register_dependency(components[part.name], [components[n] for n in part.dependencies])
    return JsonV1Dot6(bom).output_as_string(indent=1) + "\n"


def _part(name: str, versions: Mapping[str, str]) -> Part:
    try:
        installed, version = distribution(name), versions[name]
    except (PackageNotFoundError, KeyError):
        raise Problem(f"{name} is not in requirements/run.txt or not installed.") from None
    metadata = installed.metadata
    licences = [*metadata.get_all("License-Expression", []), *metadata.get_all("License", [])]
    licence = next(iter(licences), "")
    return Part(
        name, version, licence, tuple(sorted(set(needed(installed.requires or (), versions))))
    )


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
