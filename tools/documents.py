"""Read a YAML or JSON document strictly, into plain JSON values, within bounds."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias, cast

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import ScalarNode

from tools.layout import shown
from tools.problem import Problem

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

MAX_BYTES = 16 * 1024 * 1024
MAX_VALUES = 2_000_000
MAX_DEPTH = 100


class _Constructor(SafeConstructor):
    """Keep dates as the strings they are: JSON has no others."""


def _as_text(constructor: SafeConstructor, node: ScalarNode) -> str:
    return cast(str, constructor.construct_scalar(node))


_Constructor.add_constructor("tag:yaml.org,2002:timestamp", _as_text)


def read(path: Path) -> dict[str, Json]:
    """Read a file that must hold one mapping.

    Raises:
        Problem: the file cannot be read, or is not such a document.
    """
    return parse(read_text(path), shown(path))


def read_text(path: Path) -> str:
    """Read a text file of bounded size.

    Raises:
        Problem: it is missing, too large, or not UTF-8.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise Problem(f"{shown(path)} is larger than {MAX_BYTES // 2**20} MiB.")
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Problem(f"{shown(path)} is not UTF-8 text: byte {error.start}.") from None
    except OSError as error:
        raise Problem(f"{shown(path)} cannot be read: {error.strerror}.") from None


def parse(text: str, place: str, line: int = 1) -> dict[str, Json]:
    """Read the text of one mapping; `line` is where it begins in the file `place`.

    Raises:
        Problem: not YAML or JSON, a key twice, a value that JSON does not have, beyond the bounds.
    """
    try:
        loaded = _load_json(text, place) if text.lstrip()[:1] == "{" else _load_yaml(text)
    except MarkedYAMLError as error:
        raise Problem(_sentence(error, place, line)) from None
    except (YAMLError, ValueError, RecursionError) as error:
        raise Problem(f"{place} is not YAML or JSON: {_first_line(error)}.") from None
    if not isinstance(loaded, dict):
        raise Problem(f"{place} does not hold a mapping at its top level.")
    return cast("dict[str, Json]", _Plain(place).value(loaded, "", 0))


def _load_yaml(text: str) -> object:
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _Constructor
    return yaml.load(text)


def _load_json(text: str, place: str) -> object:
    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        mapping: dict[str, object] = {}
        for key, value in pairs:
            if key in mapping:
                raise Problem(f"{place} has the key “{key}” twice in one mapping.")
            mapping[key] = value
        return mapping

    try:
        return json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError:
        return _load_yaml(text)


def _sentence(error: MarkedYAMLError, place: str, line: int) -> str:
    mark = error.problem_mark or error.context_mark
    where = f"{place}:{line + mark.line}:{mark.column + 1}" if mark else place
    what = " ".join(str(error.problem or error.context).split())
    return f"{where} is not valid YAML: {what}."


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


class _Plain:
    """Copy a loaded document into plain JSON values, counting what an alias repeats."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._left = MAX_VALUES

    def value(self, value: object, at: str, depth: int) -> Json:
        self._left -= 1
        if self._left < 0 or depth > MAX_DEPTH:
            raise Problem(f"{self._place} is too large or too deep at {at or '/'}.")
        if isinstance(value, Mapping):
            return {
                self._key(key, at): self.value(item, f"{at}/{key}", depth + 1)
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [
                self.value(item, f"{at}/{index}", depth + 1) for index, item in enumerate(value)
            ]
        if value is None or isinstance(value, bool | int | str):
            return value
        if isinstance(value, float) and math.isfinite(value):
            return value
        raise Problem(f"{self._place} has a value that JSON does not have at {at}.")

    def _key(self, key: object, at: str) -> str:
        if isinstance(key, str):
            return key
        if isinstance(key, int) and not isinstance(key, bool):
            return str(key)
        raise Problem(f"{self._place} has a key that is not text at {at or '/'}: {key!r}.")
