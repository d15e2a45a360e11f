"""Turn the templates of paths, `{Task ID}` or `{任务id}`, into names that every tool takes.

And write out the paths and components that are only references: the generator does not follow
them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Final

from tools.contract import TEMPLATE, at, mapping, pointer, sequence
from tools.documents import Json

GOOD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_DEEPEST: Final = 20
_WORD: Final = re.compile(r"[A-Za-z0-9]+")


def write_out(document: dict[str, Json]) -> None:
    """Replace paths, and shared parts but schemas, that are only references to another."""
    components = mapping(document.get("components"))
    sections = [mapping(section) for kind, section in components.items() if kind != "schemas"]
    for holder in (mapping(document.get("paths")), *sections):
        _write_out(holder, document)


def _write_out(holder: dict[str, Json], document: dict[str, Json]) -> None:
    for name, item in holder.items():
        for _ in range(_DEEPEST):
            target = at(document, pointer(str(mapping(item).get("$ref", "-"))))
            if not isinstance(item, dict) or not isinstance(target, dict):
                break
            item = deepcopy(target) | {key: item[key] for key in item if key != "$ref"}
        holder[name] = item


def make_plain(document: dict[str, Json]) -> list[tuple[str, str]]:
    """Rename templates in paths, with the parameters they name; return the paths before and after.

    A path whose new form exists already is left alone.
    """
    paths = mapping(document.get("paths"))
    renamed: list[tuple[str, str]] = []
    for path in list(paths):
        names = dict(_names(path))
        new = path.replace("\\/", "/").strip()
        # Two slashes would begin the name of a host.
        new = new if "://" in new else f"/{new.lstrip('/')}"
        for name, plain in names.items():
            new = new.replace(f"{{{name}}}", f"{{{plain}}}")
        if new != path and new not in paths:
            renamed.append((path, new))
            _rename_parameters(mapping(paths[path]), names)
    if renamed:
        new_paths = dict(renamed)
        document["paths"] = {new_paths.get(path, path): item for path, item in paths.items()}
    return renamed


def _names(path: str) -> Iterator[tuple[str, str]]:
    plain_names: set[str] = set()
    for name in TEMPLATE.findall(path):
        plain = name
        if not GOOD.fullmatch(name):
            plain = "_".join(_WORD.findall(name)).lower()
            plain = plain if GOOD.fullmatch(plain) else f"id_{plain}".rstrip("_")
        while plain in plain_names:
            plain += "_too"
        plain_names.add(plain)
        yield name, plain


def _rename_parameters(item: dict[str, Json], names: dict[str, str]) -> None:
    for holder in [item, *map(mapping, item.values())]:
        for parameter in map(mapping, sequence(holder.get("parameters"))):
            if parameter.get("in") == "path":
                name = str(parameter.get("name"))
                parameter["name"] = names.get(name, name)
