"""What callers were promised, thing by thing, read from an API.md; `promises.py` reads a contract.

An entry is a thing with a name of its own: a call, a parameter, an answer, a model, a field. Its
words are what is said of it, by keyword, so that one table (`diff.py`) compares them all.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

from tools.documents import Json

_CALL: Final = re.compile(r"- `(client\.[\w.]+)(\(.*\)) -> (.+)` — `(.+)`")
_FIELD: Final = re.compile(r"- `(\w+): (.+)` — (.+)")
_VALUE: Final = re.compile(r"- `(\w+) = (.+)`")
_OTHER: Final = re.compile(r"- any other field: `(.+)`")
_NAME: Final = re.compile(r"[A-Za-z_]\w*")
_TASK: Final = re.compile(r"  `(client\.[\w.]+)` (is a task|starts a task of `(.+)`)(;.*)?\.")
_FILE: Final = re.compile(r"`(client\.[\w.]+)` is its file")

Side: TypeAlias = Literal["sent", "received", ""]


@dataclass
class Entry:
    """One thing.

    Args:
        kind: What it is; decides what it means that it is new or gone.
        shown: How a sentence names it.
        holder: The entry that it is a part of.
        side: Whether callers give it or read it; empty for a part of a model, where the calls
            that use the model decide.
        words: What is said of it.
        refers: The models it leads to.
        listed: The class that the generator makes of its listed values.
    """

    kind: str
    shown: str
    holder: str = ""
    side: Side = ""
    words: dict[str, Json] = field(default_factory=dict)
    refers: set[str] = field(default_factory=set)
    listed: str = ""


Entries: TypeAlias = dict[str, Entry]


def root_of(name: str, entries: Entries) -> str:
    """Name the model or call that an entry belongs to."""
    while entries[name].holder in entries:
        name = entries[name].holder
    return name


def at_new_status(old: Entries, new: Entries) -> Entries:
    """Put a call's one good answer at the status that it has now: callers read it as before."""
    was, now = _answers(old), _answers(new)
    moved = {
        places[0]: now[call][0]
        for call, places in was.items()
        if len(places) == len(now.get(call, ())) == 1
        and _has_body(old[places[0]]) == _has_body(new[now[call][0]])
    }

    def placed(name: str) -> str:
        start = " ".join(name.split(" ", 2)[:2])
        return moved.get(start, start) + name[len(start) :]

    return {placed(name): replace(one, holder=placed(one.holder)) for name, one in old.items()}


def _has_body(answer: Entry) -> bool:
    return bool(answer.words.get("media types"))


def _answers(entries: Entries) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, entry in entries.items():
        if entry.kind == "answer":
            found.setdefault(entry.holder, []).append(name)
    return found


def calls_of(surface: str) -> set[str]:
    """Name the calls that an API.md lists."""
    return {found[1] for found in map(_CALL.fullmatch, surface.splitlines()) if found}


def tasks_of(surface: str) -> dict[str, dict[str, Json]]:
    """Read what an API.md says of calls and tasks, as words of these calls."""
    found: dict[str, dict[str, Json]] = {}
    for name, _, task, more in (
        one.groups("") for one in map(_TASK.fullmatch, surface.splitlines()) if one
    ):
        file = _FILE.search(more)
        found[name] = (
            {"starts": task}
            if task
            else {
                "task": True,
                "file": file[1] if file else None,
                "methods": "has its methods too" in more,
                "meant": "where none is named" in more,
            }
        )
    return found


def from_surface(text: str) -> Entries:
    """Read an API.md, which knows names and types only."""
    entries: Entries = {}
    model = ""
    for line in text.splitlines():
        if line.startswith("### "):
            model = line[4:]
            entries[model] = Entry("model", f"`{model}`")
        elif found := _CALL.fullmatch(line):
            entries.update(_call(found[1], found[2], found[3], found[4]))
        elif found := _FIELD.fullmatch(line):
            notes = found[3].split(", ")
            json = [note[6:-1] for note in notes if note.startswith("JSON ")]
            words: dict[str, Json] = {
                "name": json[0] if json else found[1],
                "required": "optional" not in notes,
                "nullable": "nullable" in notes,
            }
            entries[f"{model}.{found[1]}"] = _part(model, found[1], found[2], words)
        elif found := _VALUE.fullmatch(line):
            entries[f"{model}.{found[1]}"] = Entry(
                "value", f"`{model}.{found[1]}`", model, words={"value": found[2]}
            )
        elif found := _OTHER.fullmatch(line):
            entries[f"{model}.…"] = _part(model, "…", found[1], {})
    for name, words in tasks_of(text).items():
        entries[name].words |= words
    models = {name for name, entry in entries.items() if entry.kind == "model"}
    for entry in entries.values():
        entry.refers &= models
    return entries


def _part(model: str, name: str, kind: str, words: dict[str, Json]) -> Entry:
    words["type"] = members(kind)
    return Entry("field", f"`{model}.{name}`", model, words=words, refers={*_NAME.findall(kind)})


def _call(name: str, signature: str, returns: str, request: str) -> Iterator[tuple[str, Entry]]:
    shown = f"`{name}(…)`"
    yield name, Entry("call", shown, side="sent", words={"request": request})
    answer = Entry("answer", f"What {shown} returns", name, "received", {"type": members(returns)})
    answer.refers = {*_NAME.findall(returns)}
    yield f"{name}()", answer
    function = ast.parse(f"def call{signature}: ...").body[0]
    assert isinstance(function, ast.FunctionDef)
    given = function.args
    defaults: list[ast.expr | None] = [None] * (len(given.args) - len(given.defaults))
    places = [*enumerate(given.args, 1), *((None, one) for one in given.kwonlyargs)]
    for (place, argument), default in zip(
        places, [*defaults, *given.defaults, *given.kw_defaults], strict=True
    ):
        kind = ast.unparse(argument.annotation) if argument.annotation else "Any"
        words: dict[str, Json] = {
            "required": default is None,
            "default": None if default is None else ast.unparse(default),
            "place": place,
            "type": members(kind),
        }
        part = Entry("parameter", f"The parameter `{argument.arg}` of {shown}", name, "sent", words)
        part.refers = {*_NAME.findall(kind)}
        yield f"{name}({argument.arg})", part


def members(annotation: str) -> list[Json]:
    """List the members of a union; quotes and their order mean nothing."""
    try:
        return [*sorted(set(_members(ast.parse(annotation.strip(), mode="eval").body)))]
    except (SyntaxError, ValueError):
        return [annotation]


def _members(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        yield from _members(node.left)
        yield from _members(node.right)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from map(str, members(node.value))
    else:
        yield ast.unparse(node)


def users(entries: Entries) -> dict[str, dict[str, set[Side]]]:
    """Tell which calls use each model, and whether they send or return it."""
    inner: dict[str, set[str]] = {}
    for name, entry in entries.items():
        inner.setdefault(root_of(name, entries), set()).update(entry.refers)
    found: dict[str, dict[str, set[Side]]] = {}
    for name, entry in entries.items():
        if not entry.side:
            continue
        call = root_of(name, entries)
        for model in _reached(entry.refers, inner):
            found.setdefault(model, {}).setdefault(call, set()).add(entry.side)
    return found


def _reached(begin: Iterable[str], inner: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [*begin]
    while waiting:
        model = waiting.pop()
        if model not in seen:
            seen.add(model)
            waiting += inner.get(model, ())
    return seen
