"""The machine that a figure comes from, without its name or its paths, and the choice of a core."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

DISTRIBUTIONS = (
    "aiohttp",
    "attrs",
    "chainhub",
    "distributed",
    "fal-client",
    "google-genai",
    "h11",
    "httpcore",
    "httpcore2",
    "httpx",
    "httpx2",
    "lumaai",
    "openai",
    "openapi-python-client",
    "replicate",
    "runwayml",
    "uvloop",
)
SOURCES = ("benchmarks", "generated", "overlays", "requirements/bench.txt", "tools")
"""All that the figures depend on, except the machine."""


def cores() -> list[int]:
    """Return the cores this process may use; none where the system does not say."""
    if sys.platform == "linux":
        return sorted(os.sched_getaffinity(0))
    return []


def pin(core: int | None) -> None:
    """Stay on one core from now on, where the system allows to choose."""
    if core is not None and sys.platform == "linux":
        os.sched_setaffinity(0, {core})


def resident_mb() -> float | None:
    """Return the MB of memory this process holds, None where the system does not say."""
    with suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    return None


def machine() -> dict[str, str | int | float]:
    """Describe the machine: processor, cores, system, interpreter; no name, no path."""
    return {
        "processor": _processor(),
        "cores": len(cores()) or os.cpu_count() or 1,
        "memory_gb": _memory(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def versions() -> dict[str, str]:
    """Return the versions of all distributions, "not installed" for a missing one."""
    return {name: _version(name) for name in DISTRIBUTIONS}


def sources(project: Path) -> str:
    """Return a digest of all files that the figures depend on."""
    digest = hashlib.sha256()
    for name in SOURCES:
        source = project / name
        for path in sorted(source.rglob("*")) if source.is_dir() else [source]:
            if path.suffix in (".py", ".txt", ".yaml", ".jinja"):
                digest.update(b"%s\0%b\0" % (os.fsencode(path.name), path.read_bytes()))
    return digest.hexdigest()[:16]


def load() -> float:
    """Return the load average of the last minute: running and waiting processes."""
    return round(os.getloadavg()[0], 2)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory() -> float:
    try:
        return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9)
    except (ValueError, OSError):
        return 0
