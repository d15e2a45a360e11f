"""Turn the templates of paths, `{Task ID}` or `{任务id}`, into names that every tool takes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from tools.contract import mapping, sequence
from tools.documents import Json

_TEMPLATE: Final = re.compile(r"\{([^{}]*)\}")
_GOOD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_WORD: Final = re.compile(r"[A-Za-z0-9]+")


def make_plain(document: dict[str, Json]) -> list[tuple[str, str]]:
    """Rename templates in paths, with the parameters they name; tell the paths before and after.

    A path that would become one that is there already is left alone.
    """
    paths = mapping(document.get("paths"))
    renamed: list[tuple[str, str]] = []
    for path in list(paths):
        names = dict(_names(path))
        new = path.replace("\\/", "/").strip()
        new = new if new.startswith("/") or "://" in new else f"/{new}"
        for name, plain in names.items():
            new = new.replace(f"{{{name}}}", f"{{{plain}}}")
        if new != path and new not in paths:
            renamed.append((path, new))
            _rename_parameters(mapping(paths[path]), names)
    if renamed:
        words = dict(renamed)
        document["paths"] = {words.get(path, path): item for path, item in paths.items()}
    return renamed


def _names(path: str) -> Iterator[tuple[str, str]]:
    used: set[str] = set()
    for name in _TEMPLATE.findall(path):
        plain = name
        if not _GOOD.fullmatch(name):
            plain = "_".join(_WORD.findall(name)).lower()
            plain = plain if _GOOD.fullmatch(plain) else f"id_{plain}".rstrip("_")
        while plain in used:
            plain += "_too"
        used.add(plain)
        yield name, plain


def _rename_parameters(item: dict[str, Json], names: dict[str, str]) -> None:
    for holder in [item, *map(mapping, item.values())]:
        for parameter in map(mapping, sequence(holder.get("parameters"))):
            if parameter.get("in") == "path":
                name = str(parameter.get("name"))
                parameter["name"] = names.get(name, name)
