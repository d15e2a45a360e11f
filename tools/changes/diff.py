"""Say what a change of the contract means for callers, from two public surfaces.

Breaking is what can stop a program that worked: something gone, another type, a field that may now
be missing or null, a parameter that must now be given, another place in the call, a moved path.
What a model's change means depends on where the model goes: a request must give what is required
and may give what is allowed, an answer is read. So a field that may now be null breaks those who
read it, one that must now be given breaks those who write it; the reverse of both breaks nobody.
Added is what nobody used yet. The version that the change asks for follows semantic versioning;
before 1.0 a breaking change asks for the next minor version, any other for the next patch.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from tools.errors import PipelineError

_CALL: Final = re.compile(r"- `(client\.[\w.]+)(\(.*\)) -> (.+)` — `(.+)`")
_FIELD: Final = re.compile(r"- `(\w+): (.+)` — (.+)")
_VALUE: Final = re.compile(r"- `(\w+) = (.+)`")
_OTHER: Final = re.compile(r"- any other field: `(.+)`")
_VERSION: Final = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")
_NAME: Final = re.compile(r"[A-Za-z_]\w*")


class Told(NamedTuple):
    """A change: the name it is about, and the sentence for a person."""

    name: str
    sentence: str


@dataclass
class Difference:
    """What changed, a sentence each."""

    breaking: list[Told] = field(default_factory=list)
    added: list[Told] = field(default_factory=list)
    documentation: list[Told] = field(default_factory=list)
    settled: set[str] = field(default_factory=set)  # new or gone, told or part of what is

    def tell(self, breaks: bool, name: str, sentence: str) -> None:
        """Sort a change in."""
        (self.breaking if breaks else self.added).append(Told(name, sentence))

    def take(self, other: Difference, called: Callable[[str], str | None]) -> None:
        """Take in what another comparison found and this one did not tell.

        Args:
            other: Its changes.
            called: Tells under which name the thing of a change would stand here, if any.
        """
        known = self.settled | {told.name for told in (*self.breaking, *self.added)}
        for ours, theirs in (
            (self.breaking, other.breaking),
            (self.added, other.added),
            (self.documentation, other.documentation),
        ):
            for told in theirs:
                name = called(told.name)
                if name is not None and not _known(name, known):
                    ours.append(Told(name, told.sentence.replace(f"`{told.name}`", f"`{name}`")))

    def lines(self) -> Iterator[str]:
        """Write the lines of a changelog, breaking changes first, each change once."""
        kinds = {
            "Breaking": self.breaking,
            "Added": self.added,
            "Changed documentation": self.documentation,
        }
        for kind, changes in kinds.items():
            for sentence in dict.fromkeys(told.sentence for told in sorted(changes)):
                yield f"- {kind}: {sentence}\n"


def _known(name: str, told: set[str]) -> bool:
    """Tell whether a change of this, or of what holds it or it holds, was told."""
    return any(f"{name}.".startswith(f"{one}.") or one.startswith(f"{name}.") for one in told)


def asked_for(version: str, differences: Iterable[Difference]) -> str:
    """Name the smallest version that may follow `version` with these changes."""
    numbers = numbers_of(version)
    differences = list(differences)
    if any(one.breaking for one in differences):
        place = 0
    elif any(one.added for one in differences):
        place = 1
    elif any(one.documentation for one in differences):
        place = 2
    else:
        return ".".join(map(str, numbers))
    if numbers[0] == 0:
        place = min(place + 1, 2)
    raised = [*numbers[:place], numbers[place] + 1, 0, 0]
    return ".".join(map(str, raised[:3]))


def numbers_of(version: str) -> tuple[int, int, int]:
    """Read `1.2.3` or `v1.2.3`.

    Raises:
        PipelineError: it is no such version.
    """
    found = _VERSION.fullmatch(version)
    if not found:
        raise PipelineError(f"{version} is no version such as 1.2.3.")
    return int(found[1]), int(found[2]), int(found[3])


@dataclass(frozen=True)
class _Parameter:
    kind: str
    default: str | None
    place: int | None  # None where it can be given by name only

    @property
    def required(self) -> bool:
        return self.default is None


@dataclass(frozen=True)
class _Call:
    request: str
    returns: str
    parameters: dict[str, _Parameter]


@dataclass(frozen=True)
class _Field:
    kind: str
    optional: bool
    nullable: bool
    json: str

    def __str__(self) -> str:
        notes = ["optional" if self.optional else "required"]
        notes += ["nullable"] if self.nullable else []
        return ", ".join([f"`{self.kind}`", *notes, *([self.json] if self.json else [])])


@dataclass(frozen=True)
class _Other:
    """A model itself, a listed value, or the fields a model has beside its own."""

    text: str

    def __str__(self) -> str:
        return self.text


_Entry: TypeAlias = _Call | _Field | _Other
_Entries: TypeAlias = dict[str, _Entry]


@dataclass
class _Surface:
    entries: _Entries
    sent: set[str]
    received: set[str]

    def calls(self) -> Iterator[tuple[str, _Call]]:
        return ((name, one) for name, one in self.entries.items() if isinstance(one, _Call))


def difference(old: str, new: str) -> Difference:
    """Compare two surfaces, the texts of API.md."""
    was, now = _read(old), _read(new)
    both = was.entries.keys() & now.entries.keys()
    result = Difference(settled=was.entries.keys() ^ now.entries.keys())
    for name in _alone(was, both):
        result.tell(True, name, f"`{name}` is gone.")
    for name in _alone(now, both):
        _add(name, now, result)
    for name in both:
        _compare(name, was.entries[name], now, result)
    return result


def _alone(surface: _Surface, both: set[str]) -> Iterator[str]:
    """Find what only this surface has, without what goes with a call or model that it alone has."""
    known = _reached((call for name, call in surface.calls() if name in both), surface.entries)
    others = surface.sent | surface.received
    for name in surface.entries.keys() - both:
        holder = name.rpartition(".")[0]
        belongs = holder in surface.entries and holder not in both
        if not belongs and (name not in others or name in known):
            yield name


def _add(name: str, now: _Surface, result: Difference) -> None:
    entry = now.entries[name]
    must = isinstance(entry, _Field) and not entry.optional and name.partition(".")[0] in now.sent
    result.tell(must, name, f"`{name}`{', which must be given' if must else ''}.")


def _compare(name: str, old: _Entry, now: _Surface, result: Difference) -> None:
    new, model = now.entries[name], name.partition(".")[0]
    if isinstance(old, _Call) and isinstance(new, _Call):
        _compare_calls(name, old, new, result)
    elif isinstance(old, _Field) and isinstance(new, _Field):
        if old != new:
            unused = model not in now.sent | now.received
            breaks = (
                old.json != new.json
                or ((unused or model in now.sent) and _breaks_writers(old, new))
                or ((unused or model in now.received) and _breaks_readers(old, new))
            )
            result.tell(breaks, name, f"`{name}` was {old} and is {new}.")
    elif old != new:
        result.tell(True, name, f"`{name}` was {old} and is {new}.")


def _breaks_writers(old: _Field, new: _Field) -> bool:
    narrower = not members(old.kind) <= members(new.kind)
    return narrower or (old.optional and not new.optional) or (old.nullable and not new.nullable)


def _breaks_readers(old: _Field, new: _Field) -> bool:
    empty = (new.optional or new.nullable) and not (old.optional or old.nullable)
    return empty or not members(new.kind) <= members(old.kind)


def _compare_calls(name: str, was: _Call, now: _Call, result: Difference) -> None:
    compare_types(f"`{name}`", "returns", was.returns, now.returns, result, name)
    if was.request != now.request:
        result.tell(True, name, f"`{name}` asks `{now.request}`, no longer `{was.request}`.")
    for own in was.parameters.keys() | now.parameters.keys():
        old, new = was.parameters.get(own), now.parameters.get(own)
        shown = f"The parameter `{own}` of `{name}`"
        if new is None:
            result.tell(True, name, f"{shown} is gone.")
        elif old is None:
            must = ", which must be given" if new.required else ""
            result.tell(new.required, name, f"{shown}{must}.")
        else:
            _compare_parameters(shown, old, new, result, name)


def _compare_parameters(
    shown: str, old: _Parameter, new: _Parameter, result: Difference, name: str
) -> None:
    compare_types(shown, "takes", old.kind, new.kind, result, name)
    if new.required > old.required:
        result.tell(True, name, f"{shown} must now be given.")
    elif old.place is not None and old.place != new.place:
        result.tell(True, name, f"{shown} must be given differently.")
    elif new.required < old.required:
        result.tell(False, name, f"{shown} may be left out.")
    elif old.default != new.default:
        told = f"{shown} is `{new.default}` where it is not given, no longer `{old.default}`."
        result.tell(True, name, told)


def compare_types(shown: str, verb: str, old: str, new: str, result: Difference, name: str) -> None:
    """Tell how a type has changed: who gives a value may be allowed more, who gets one less."""
    if members(old) == members(new):
        return
    one, two = members(old), members(new)
    breaks = not (one <= two if verb == "takes" else two <= one)
    result.tell(breaks, name, f"{shown} {verb} `{new}`, no longer `{old}`.")


def members(annotation: str) -> frozenset[str]:
    """List the members of a union; quotes and their order mean nothing."""
    try:
        return frozenset(_members(ast.parse(annotation.strip(), mode="eval").body))
    except (SyntaxError, ValueError):
        return frozenset([annotation])


def _members(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        yield from _members(node.left)
        yield from _members(node.right)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from members(node.value)
    else:
        yield ast.unparse(node)


def _read(text: str) -> _Surface:
    entries = dict(_entries(text))
    calls = [entry for entry in entries.values() if isinstance(entry, _Call)]
    sent = _reached(calls, entries, returned=False)
    return _Surface(entries, sent, _reached(calls, entries, given=False))


def _reached(
    calls: Iterable[_Call], entries: _Entries, *, given: bool = True, returned: bool = True
) -> set[str]:
    """Find the models that these calls are given or return, and those in their fields."""
    inner: dict[str, list[str]] = {}
    for name, entry in entries.items():
        if not isinstance(entry, _Call):
            kind = entry.kind if isinstance(entry, _Field) else entry.text
            inner.setdefault(name.partition(".")[0], []).append(kind)
    waiting: list[str] = []
    for call in calls:
        waiting += [one.kind for one in call.parameters.values()] if given else []
        waiting += [call.returns] if returned else []
    found: set[str] = set()
    while waiting:
        for name in _NAME.findall(waiting.pop()):
            if name in inner and name not in found:
                found.add(name)
                waiting += inner[name]
    return found


def _entries(text: str) -> Iterator[tuple[str, _Entry]]:
    model = ""
    for line in text.splitlines():
        if line.startswith("### "):
            model = line[4:]
            yield model, _Other("a model")
        elif found := _CALL.fullmatch(line):
            yield found[1], _Call(found[4], found[3], dict(_parameters(found[2])))
        elif found := _FIELD.fullmatch(line):
            notes = found[3].split(", ")
            json = " ".join(note for note in notes if note.startswith("JSON "))
            made = _Field(found[2], "optional" in notes, "nullable" in notes, json)
            yield f"{model}.{found[1]}", made
        elif found := _VALUE.fullmatch(line):
            yield f"{model}.{found[1]}", _Other(f"`{found[2]}`")
        elif found := _OTHER.fullmatch(line):
            yield f"{model}.…", _Other(f"`{found[1]}`")


def _parameters(signature: str) -> Iterator[tuple[str, _Parameter]]:
    function = ast.parse(f"def call{signature}: ...").body[0]
    assert isinstance(function, ast.FunctionDef)
    arguments = function.args
    defaults: list[ast.expr | None] = [None] * (len(arguments.args) - len(arguments.defaults))
    for place, (argument, default) in enumerate(
        zip(arguments.args, [*defaults, *arguments.defaults], strict=True)
    ):
        yield argument.arg, _Parameter(_type(argument), _default(default), place)
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield argument.arg, _Parameter(_type(argument), _default(default), None)


def _default(default: ast.expr | None) -> str | None:
    return None if default is None else ast.unparse(default)


def _type(argument: ast.arg) -> str:
    return ast.unparse(argument.annotation) if argument.annotation else "anything"
