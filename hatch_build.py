"""Put the software bill of materials (SBOM) into the wheel (PEP 770), if `make build` wrote one."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SBOM = "chainhub.cdx.json"


class AddSbom(BuildHookInterface[Any]):
    """A wheel that is built by other means has no such file, and is equal otherwise."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the file if it is there."""
        if Path(self.root, SBOM).is_file():
            build_data["sbom_files"].append(SBOM)
