"""Where the files of the pipeline are, seen from the folder that holds `tools/`."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

CONTRACT = ROOT / "openapi.yaml"
CHOICES = ROOT / "pages.yaml"
CONFIG = ROOT / "generator-config.yaml"
OVERLAY = ROOT / "overlays" / "openapi.overlay.yaml"
TASKS = ROOT / "overlays" / "tasks.yaml"
TEMPLATES = ROOT / "overlays" / "templates"
GENERATED = ROOT / "generated"
BUILD = ROOT / "build"
REPAIRED = BUILD / "openapi.json"

PACKAGE = "chainhub_api"
RESOURCES = "chainhub_resources"
CLIENT = "chainhub"
PACKAGES = (PACKAGE, RESOURCES, CLIENT)
SURFACE = "API.md"
REPAIRS = "REPAIRS.md"


def shown(path: Path) -> str:
    """Name a file as a person in the project's folder would type it."""
    absolute = path.absolute()
    return str(absolute.relative_to(ROOT)) if absolute.is_relative_to(ROOT) else str(path)
