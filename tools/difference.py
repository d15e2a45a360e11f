"""Say what a change of the contract means for callers, from two public surfaces.

Breaking is what can stop a program that worked: something gone, another type, a field that may now
be missing or null, a parameter that must now be given, another place in the call, a moved path.
Added is what nobody used yet. The version that the change asks for follows semantic versioning;
before 1.0 a breaking change asks for the next minor version, any other for the next patch.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from tools.problem import Problem

_CALL: Final = re.compile(r"- `(client\.[\w.]+)(\(.*\)) -> (.+)` — `(.+)`")
_FIELD: Final = re.compile(r"- `(\w+): (.+)` — (.+)")
_VALUE: Final = re.compile(r"- `(\w+) = (.+)`")
_OTHER: Final = re.compile(r"- any other field: `(.+)`")
_VERSION: Final = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")


@dataclass
class Difference:
    """What changed, a sentence each."""

    breaking: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)

    def asks_for(self, version: str) -> str:
        """Name the smallest version that may follow `version` with this change."""
        numbers = numbers_of(version)
        if not self.breaking and not self.added:
            return ".".join(map(str, numbers))
        place = 0 if self.breaking else 1
        place += numbers[0] == 0
        raised = [*numbers[:place], numbers[place] + 1, 0, 0]
        return ".".join(map(str, raised[:3]))

    def draft(self) -> str:
        """Write it as the entry of a changelog."""
        lines = [f"- Breaking: {line}" for line in self.breaking]
        lines += [f"- Added: {line}" for line in self.added]
        return "### Contract\n\n" + ("\n".join(lines) or "- Nothing that callers see.") + "\n"


def numbers_of(version: str) -> tuple[int, int, int]:
    """Read `1.2.3` or `v1.2.3`.

    Raises:
        Problem: it is no such version.
    """
    found = _VERSION.match(version)
    if not found:
        raise Problem(f"{version} is no version such as 1.2.3.")
    return int(found[1]), int(found[2]), int(found[3])


@dataclass(frozen=True)
class _Call:
    request: str
    returns: str
    parameters: dict[str, tuple[str, bool, int | None]]  # type, required, place if positional


def difference(old: str, new: str) -> Difference:
    """Compare two surfaces, the texts of API.md."""
    before, after = dict(_entries(old)), dict(_entries(new))
    result = Difference()
    for name in sorted(before.keys() - after.keys()):
        result.breaking.append(f"`{name}` is gone.")
    for name in sorted(after.keys() - before.keys()):
        result.added.append(f"`{name}`.")
    for name in sorted(before.keys() & after.keys()):
        was, now = before[name], after[name]
        if isinstance(was, _Call) and isinstance(now, _Call):
            _compare(name, was, now, result)
        elif was != now:
            result.breaking.append(f"`{name}` was {was} and is {now}.")
    return result


def _compare(name: str, was: _Call, now: _Call, result: Difference) -> None:
    for what, one, two in (
        ("returns", was.returns, now.returns),
        ("asks", was.request, now.request),
    ):
        if one != two:
            result.breaking.append(f"`{name}` {what} `{two}`, no longer `{one}`.")
    for parameter in sorted(was.parameters.keys() | now.parameters.keys()):
        shown = f"`{parameter}` of `{name}`"
        old, new = was.parameters.get(parameter), now.parameters.get(parameter)
        if new is None:
            result.breaking.append(f"The parameter {shown} is gone.")
        elif old is None:
            kind = result.breaking if new[1] else result.added
            kind.append(f"The parameter {shown}{', which must be given' if new[1] else ''}.")
        elif old[0] != new[0]:
            result.breaking.append(f"The parameter {shown} takes `{new[0]}`, no longer `{old[0]}`.")
        elif (new[1] and not old[1]) or (old[2] is not None and old[2] != new[2]):
            result.breaking.append(f"The parameter {shown} must be given differently.")


def _entries(text: str) -> Iterator[tuple[str, _Call | str]]:
    model = ""
    for line in text.splitlines():
        if line.startswith("### "):
            model = line[4:]
            yield model, "a model"
        elif found := _CALL.fullmatch(line):
            yield found[1], _Call(found[4], found[3], dict(_parameters(found[2])))
        elif found := _FIELD.fullmatch(line):
            yield f"{model}.{found[1]}", f"`{found[2]}`, {found[3]}"
        elif found := _VALUE.fullmatch(line):
            yield f"{model}.{found[1]}", f"`{found[2]}`"
        elif found := _OTHER.fullmatch(line):
            yield f"{model}[…]", f"`{found[1]}`"


def _parameters(signature: str) -> Iterator[tuple[str, tuple[str, bool, int | None]]]:
    function = ast.parse(f"def call{signature}: ...").body[0]
    assert isinstance(function, ast.FunctionDef)
    arguments = function.args
    for place, argument in enumerate(arguments.args):
        yield argument.arg, (_type(argument), True, place)
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield argument.arg, (_type(argument), default is None, None)


def _type(argument: ast.arg) -> str:
    return ast.unparse(argument.annotation) if argument.annotation else "anything"
