"""The public surface as entries, read from an API.md; `promises.py` reads them from a contract.

An entry has a name of its own: it is a call, a parameter, an answer, a model or a field. Its words
are its properties, by keyword, so that one table (`diff.py`) compares them all.
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
    """One named part of the surface.

    Args:
        kind: Its kind; decides what its addition or removal means.
        title: Its name in a sentence.
        holder: The entry that it is a part of.
        side: Whether callers send or receive it; empty for a part of a model, where the calls
            that use the model decide.
        words: Its properties by keyword.
        models: The models that it refers to.
        enum_class: The class that the generator makes of its enum.
    """

    kind: str
    title: str
    holder: str = ""
    side: Side = ""
    words: dict[str, Json] = field(default_factory=dict)
    models: set[str] = field(default_factory=set)
    enum_class: str = ""


Entries: TypeAlias = dict[str, Entry]


def root_of(name: str, entries: Entries) -> str:
    """Name the model or call that an entry belongs to."""
    while entries[name].holder in entries:
        name = entries[name].holder
    return name


def at_new_status(old: Entries, new: Entries) -> Entries:
    """Move a call's only successful answer to its new status: callers read it as before."""
    old_answers, new_answers = _answers(old), _answers(new)
    new_names = {
        names[0]: new_answers[call][0]
        for call, names in old_answers.items()
        if len(names) == len(new_answers.get(call, ())) == 1
        and _has_body(old[names[0]]) == _has_body(new[new_answers[call][0]])
    }

    def move(name: str) -> str:
        prefix = " ".join(name.split(" ", 2)[:2])
        return new_names.get(prefix, prefix) + name[len(prefix) :]

    return {move(name): replace(entry, holder=move(entry.holder)) for name, entry in old.items()}


def _has_body(answer: Entry) -> bool:
    return bool(answer.words.get("media types"))


def _answers(entries: Entries) -> dict[str, list[str]]:
    answers: dict[str, list[str]] = {}
    for name, entry in entries.items():
        if entry.kind == "answer":
            answers.setdefault(entry.holder, []).append(name)
    return answers


def calls_of(surface: str) -> set[str]:
    """List the names of the calls in an API.md."""
    return {match[1] for match in map(_CALL.fullmatch, surface.splitlines()) if match}


def tasks_of(surface: str) -> dict[str, dict[str, Json]]:
    """Read the lines about tasks in an API.md, as words of the calls."""
    words: dict[str, dict[str, Json]] = {}
    for name, _, task, rest in (
        match.groups("") for match in map(_TASK.fullmatch, surface.splitlines()) if match
    ):
        file = _FILE.search(rest)
        words[name] = (
            {"starts": task}
            if task
            else {
                "task": True,
                "file": file[1] if file else None,
                "methods": "has its methods too" in rest,
                "meant": "where none is named" in rest,
            }
        )
    return words


def from_surface(text: str) -> Entries:
    """Read an API.md, which has names and types only."""
    entries: Entries = {}
    model = ""
    for line in text.splitlines():
        if line.startswith("### "):
            model = line[4:]
            entries[model] = Entry("model", f"`{model}`")
        elif match := _CALL.fullmatch(line):
            entries.update(_call(match[1], match[2], match[3], match[4]))
        elif match := _FIELD.fullmatch(line):
            notes = match[3].split(", ")
            json_names = [note[6:-1] for note in notes if note.startswith("JSON ")]
            words: dict[str, Json] = {
                "name": json_names[0] if json_names else match[1],
                "required": "optional" not in notes,
                "nullable": "nullable" in notes,
            }
            entries[f"{model}.{match[1]}"] = _part(model, match[1], match[2], words)
        elif match := _VALUE.fullmatch(line):
            entries[f"{model}.{match[1]}"] = Entry(
                "value", f"`{model}.{match[1]}`", model, words={"value": match[2]}
            )
        elif match := _OTHER.fullmatch(line):
            entries[f"{model}.…"] = _part(model, "…", match[1], {})
    for name, words in tasks_of(text).items():
        entries[name].words |= words
    models = {name for name, entry in entries.items() if entry.kind == "model"}
    for entry in entries.values():
        entry.models &= models
    return entries


def _part(model: str, name: str, hint: str, words: dict[str, Json]) -> Entry:
    words["type"] = members(hint)
    return Entry("field", f"`{model}.{name}`", model, words=words, models={*_NAME.findall(hint)})


def _call(name: str, signature: str, returns: str, request: str) -> Iterator[tuple[str, Entry]]:
    title = f"`{name}(…)`"
    yield name, Entry("call", title, side="sent", words={"request": request})
    answer = Entry("answer", f"What {title} returns", name, "received", {"type": members(returns)})
    answer.models = {*_NAME.findall(returns)}
    yield f"{name}()", answer
    function = ast.parse(f"def call{signature}: ...").body[0]
    assert isinstance(function, ast.FunctionDef)
    arguments = function.args
    defaults: list[ast.expr | None] = [None] * (len(arguments.args) - len(arguments.defaults))
    positions = [*enumerate(arguments.args, 1), *((None, item) for item in arguments.kwonlyargs)]
    for (position, argument), default in zip(
        positions, [*defaults, *arguments.defaults, *arguments.kw_defaults], strict=True
    ):
        hint = ast.unparse(argument.annotation) if argument.annotation else "Any"
        words: dict[str, Json] = {
            "required": default is None,
            "default": None if default is None else ast.unparse(default),
            "place": position,
            "type": members(hint),
        }
        item = Entry("parameter", f"The parameter `{argument.arg}` of {title}", name, "sent", words)
        item.models = {*_NAME.findall(hint)}
        yield f"{name}({argument.arg})", item


def members(annotation: str) -> list[Json]:
    """List the members of a union, sorted and without quotes."""
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
    """Return the calls that use each model, and whether they send or receive it."""
    models_of: dict[str, set[str]] = {}
    for name, entry in entries.items():
        models_of.setdefault(root_of(name, entries), set()).update(entry.models)
    calls_of_model: dict[str, dict[str, set[Side]]] = {}
    for name, entry in entries.items():
        if not entry.side:
            continue
        call = root_of(name, entries)
        for model in _closure(entry.models, models_of):
            calls_of_model.setdefault(model, {}).setdefault(call, set()).add(entry.side)
    return calls_of_model


def _closure(start: Iterable[str], models_of: dict[str, set[str]]) -> set[str]:
    visited: set[str] = set()
    queue = [*start]
    while queue:
        model = queue.pop()
        if model not in visited:
            visited.add(model)
            queue += models_of.get(model, ())
    return visited
