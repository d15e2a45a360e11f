"""Read a YAML or JSON document strictly, into plain JSON values, within bounds.

The text is parsed by libyaml, an order of magnitude faster than Python and with a bound on nesting;
its values are decided here, by the core schema of YAML 1.2: no dates, no `yes`, no tags, no key
twice, and never an object of any other kind.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Final, TypeAlias

import yaml  # type: ignore[import-untyped]  # it ships without types

from tools.errors import PipelineError
from tools.layout import shown

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

MAX_BYTES = 16 * 1024 * 1024
MAX_VALUES = 2_000_000
MAX_DEPTH = 100

_WORDS: Final[dict[str, Json]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_NUMBER: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
# Line ends of YAML 1.1 that are none in YAML 1.2 and JSON.
_LINES: Final = re.compile("[\u0085\u2028\u2029]")
# JSON writes a letter beyond 16 bits as two escapes, which libyaml refuses.
_PAIR: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})", re.I)
_SAFE: Final = re.compile(r"[A-Za-z/][A-Za-z0-9_/{}.$-]*( [A-Za-z0-9_/{}.$()-]+)*")
_UNSAFE: Final = ("null", "true", "false", "yes", "no", "on", "off", "y", "n")
_UNPRINTED: Final = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_PLAIN_TAGS: Final = ("str", "map", "seq")


class Broken(PipelineError):
    """Stop because a text is not valid YAML; `line` counts from 0 in that text."""

    def __init__(self, sentence: str, line: int, fault: str) -> None:
        super().__init__(sentence)
        self.line = line
        self.fault = fault


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # no types
    """Parse only; it resolves and constructs nothing."""

    yaml_implicit_resolvers: Final[dict[str, object]] = {}


def read(path: Path) -> dict[str, Json]:
    """Read a file that must hold one mapping.

    Raises:
        PipelineError: the file cannot be read, or is not such a document.
    """
    return parse(read_text(path), shown(path))


def read_text(path: Path) -> str:
    """Read a text file of bounded size.

    Raises:
        PipelineError: it is missing, too large, or not UTF-8.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise PipelineError(f"{shown(path)} is larger than {MAX_BYTES // 2**20} MiB.")
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PipelineError(f"{shown(path)} is not UTF-8 text: byte {error.start}.") from None
    except OSError as error:
        raise PipelineError(f"{shown(path)} cannot be read: {error.strerror}.") from None


def parse(text: str, place: str, line: int = 1) -> dict[str, Json]:
    """Read the text of one mapping; `line` is where it begins in the file `place`.

    Raises:
        Broken: it is not YAML (which JSON is).
        PipelineError: a key twice, a value that JSON does not have, beyond the bounds, no mapping.
    """
    try:
        node = yaml.compose(_PAIR.sub(_join_surrogates, _LINES.sub(" ", text)), Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        raise _broken(error, place, line) from None
    except yaml.YAMLError as error:
        raise PipelineError(f"{place} is not text: {str(error).splitlines()[0]}.") from None
    if not isinstance(node, yaml.MappingNode):
        raise PipelineError(f"{place} does not hold a mapping at its top level.")
    return _Reader(place, line).mapping(node, "", 0)


def _join_surrogates(match: re.Match[str]) -> str:
    pair = bytes.fromhex(match[2] + match[3]).decode("utf-16-be")
    return f"{match[1]}\\U{ord(pair):08x}"


def _broken(error: yaml.MarkedYAMLError, place: str, line: int) -> Broken:
    mark = error.problem_mark or error.context_mark
    fault = " ".join(str(error.problem or error.context).split())
    where = f"{place}:{line + mark.line}:{mark.column + 1}"
    return Broken(f"{where} is not valid YAML: {fault}.", mark.line, fault)


class _Reader:
    """Turn parsed nodes into plain JSON values; values that an alias repeats count each time."""

    def __init__(self, place: str, line: int) -> None:
        self._place = place
        self._line = line
        self._values_left = MAX_VALUES

    def mapping(self, node: yaml.MappingNode, pointer: str, depth: int) -> dict[str, Json]:
        result: dict[str, Json] = {}
        inherited: dict[str, Json] = {}
        for key_node, value_node in node.value:
            if (
                isinstance(key_node, yaml.ScalarNode)
                and key_node.value == "<<"
                and not key_node.style
            ):
                # A merge key of YAML 1.1, which is still in use.
                merged = self._value(value_node, f"{pointer}/<<", depth + 1)
                for base in reversed(merged if isinstance(merged, list) else [merged]):
                    if not isinstance(base, dict):
                        fault = f"merges what is no mapping at {pointer or '/'}"
                        raise self._problem(key_node, fault)
                    inherited |= base
                continue
            key = self._key(key_node, pointer)
            if key in result:
                raise self._problem(key_node, f"has the key “{key}” twice in one mapping")
            result[key] = self._value(value_node, f"{pointer}/{key}", depth + 1)
        return {**inherited, **result} if inherited else result

    def _value(self, node: yaml.Node, pointer: str, depth: int) -> Json:
        self._values_left -= 1
        if self._values_left < 0 or depth > MAX_DEPTH:
            raise self._problem(node, f"is too large or too deep at {pointer[:100]}")
        if node.tag and node.tag.rpartition(":")[2] not in _PLAIN_TAGS:
            raise self._problem(node, f"has a value of the kind {node.tag} at {pointer}")
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, pointer, depth)
        if isinstance(node, yaml.SequenceNode):
            return [
                self._value(item, f"{pointer}/{index}", depth + 1)
                for index, item in enumerate(node.value)
            ]
        return node.value if node.style else self._scalar(node, pointer)

    def _scalar(self, node: yaml.ScalarNode, pointer: str) -> Json:
        text = node.value
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.fullmatch(text) and len(text) < 400:
            return int(text, 0 if text[1:2] in ("o", "x") else 10)
        if _NUMBER.fullmatch(text):
            number = float(text)
            if math.isfinite(number):
                return number
        elif text.lower().lstrip("+-") not in (".nan", ".inf"):
            return str(text)
        raise self._problem(node, f"has a number that JSON does not have at {pointer}")

    def _key(self, node: yaml.Node, pointer: str) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self._problem(node, f"has a key that is not text at {pointer or '/'}")
        return str(node.value)

    def _problem(self, node: yaml.Node, fault: str) -> PipelineError:
        return PipelineError(f"{self._place}:{self._line + node.start_mark.line} {fault}.")


def text_of(value: Json, indent: str = "") -> str:
    """Write a value as YAML that any reader understands: blocks, strings quoted where needed."""
    if isinstance(value, dict) and value:
        return "".join(
            f"{indent}{_scalar_of(key)}:{_inner(item, indent)}" for key, item in value.items()
        )
    if isinstance(value, list) and value:
        return "".join(f"{indent}-{_inner(item, indent)}" for item in value)
    return f"{indent}{_scalar_of(value)}\n"


def _inner(value: Json, indent: str) -> str:
    if isinstance(value, dict | list) and value:
        return "\n" + text_of(value, indent + "  ")
    return f" {_scalar_of(value)}\n"


def _scalar_of(value: Json) -> str:
    plain = isinstance(value, str) and _SAFE.fullmatch(value) and value.lower() not in _UNSAFE
    if plain:
        return str(value)
    text = json.dumps(value, ensure_ascii=False)
    return _UNPRINTED.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
