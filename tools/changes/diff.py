"""What a change of the contract means for callers: two sets of entries, compared by a table.

A change that can stop a working program is breaking; one that no program uses yet is an addition.
What a change means depends on the side that gives the value: a call must give what is required and
may give what is allowed, an answer is read. So a field that may now be null breaks callers who read
it, one that is now required breaks those who write it; the reverse of both breaks no caller. Each
word has a judge that tells whether fewer values are allowed, or more; a change of a word without a
rule is reported as documentation.

The required version follows semantic versioning; before 1.0 a breaking change requires the next
minor version, any other the next patch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias, cast

from tools.changes.entries import Entries, Entry, Side, at_new_status, members, root_of, users
from tools.documents import Json
from tools.errors import PipelineError
from tools.repair.schemas import KEPT

_VERSION: Final = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")
_USERS: Final = 2  # further calls are counted, not named

Judge: TypeAlias = Callable[[Json, Json], tuple[bool, bool]]


class Change(NamedTuple):
    """A change: the name of what has changed, and a sentence for the changelog."""

    name: str
    sentence: str


@dataclass
class Difference:
    """The changes between two states, by what they mean for callers."""

    breaking: list[Change] = field(default_factory=list)
    added: list[Change] = field(default_factory=list)
    documentation: list[Change] = field(default_factory=list)
    covered: set[str] = field(default_factory=set)  # names that are new or gone, or reported

    def add(self, breaks: bool, name: str, sentence: str) -> None:
        """Add a change to the breaking ones or to the additions."""
        (self.breaking if breaks else self.added).append(Change(name, sentence))

    def take(self, other: Difference, called: Callable[[str], str | None]) -> None:
        """Add the changes of another comparison that this one does not report.

        Args:
            other: Its changes.
            called: Maps the name in a change to the name that it has here; None if it has none.
        """
        names = self.covered | {change.name for change in (*self.breaking, *self.added)}
        all_names = names | {change.name for change in self.documentation}
        for target, source, covered in (
            (self.breaking, other.breaking, names),
            (self.added, other.added, names),
            (self.documentation, other.documentation, all_names),
        ):
            for change in source:
                path, bracket, rest = change.name.partition("(")
                name = called(path)
                if name is not None and not _is_covered(name + bracket + rest, covered):
                    call = f"{name}(…)" if name.count(".") > 1 and name[:7] == "client." else name
                    target.append(Change(name, change.sentence.replace(f"`{path}`", f"`{call}`")))

    def lines(self) -> Iterator[str]:
        """Write the lines of a changelog, breaking changes first, each change once."""
        kinds = {
            "Breaking": self.breaking,
            "Added": self.added,
            "Changed documentation": self.documentation,
        }
        for kind, changes in kinds.items():
            for sentence in dict.fromkeys(change.sentence for change in sorted(changes)):
                yield f"- {kind}: {sentence}\n"


def _is_covered(name: str, names: set[str]) -> bool:
    """Tell whether a change of this name, of its holder or of a part of it is reported."""
    return name in names or any(
        name.startswith((f"{path}.", f"{path}(")) or path.startswith((f"{name}.", f"{name}["))
        for path in names
    )


def asked_for(version: str, differences: Iterable[Difference]) -> str:
    """Name the smallest version that may follow `version` with these changes."""
    numbers = numbers_of(version)
    differences = list(differences)
    if any(item.breaking for item in differences):
        part = 0
    elif any(item.added for item in differences):
        part = 1
    elif any(item.documentation for item in differences):
        part = 2
    else:
        return ".".join(map(str, numbers))
    if numbers[0] == 0:
        part = min(part + 1, 2)
    next_numbers = [*numbers[:part], numbers[part] + 1, 0, 0]
    return ".".join(map(str, next_numbers[:3]))


def numbers_of(version: str) -> tuple[int, int, int]:
    """Read `1.2.3` or `v1.2.3`.

    Raises:
        PipelineError: it is not such a version.
    """
    match = _VERSION.fullmatch(version)
    if not match:
        raise PipelineError(f"{version} is no version such as 1.2.3.")
    return int(match[1]), int(match[2]), int(match[3])


# The judges: whether the new value allows fewer than the old one, and whether it allows more.


def _maximum(old: Json, new: Json) -> tuple[bool, bool]:
    was, now = (cast("float", item) if item is not None else float("inf") for item in (old, new))
    return now < was, now > was


def _minimum(old: Json, new: Json) -> tuple[bool, bool]:
    was, now = (cast("float", item) if item is not None else float("-inf") for item in (old, new))
    return now > was, now < was


def _condition(old: Json, new: Json) -> tuple[bool, bool]:
    """Judge a condition whose values cannot be compared: a pattern, a format."""
    return new is not None, old is not None


def _flag(old: Json, new: Json) -> tuple[bool, bool]:
    """Judge a word that is stricter if it is true."""
    return bool(new), bool(old)


def _inverse(old: Json, new: Json) -> tuple[bool, bool]:
    """Judge a word that is stricter if it is false."""
    return not new, bool(new)


def _enum(old: Json, new: Json) -> tuple[bool, bool]:
    """Judge a list of allowed values; None allows any value."""
    was, now = (None if item is None else {*map(json.dumps, _values(item))} for item in (old, new))
    narrower = now is not None and (was is None or not was <= now)
    return narrower, was is not None and (now is None or not now <= was)


def _options(old: Json, new: Json) -> tuple[bool, bool]:
    """Judge a list of options for the caller; None is an empty list."""
    was, now = {*map(json.dumps, _values(old))}, {*map(json.dumps, _values(new))}
    return not was <= now, not now <= was


def _types(old: Json, new: Json) -> tuple[bool, bool]:
    def within(inner: list[Json], outer: list[Json]) -> bool:
        floats = {"int"} if "float" in outer else set()
        return bool({"Any", "object"} & {*outer}) or {*inner} <= {*outer, *floats}

    was, now = _values(old), _values(new)
    return not within(was, now), not within(now, was)


def _multiple(old: Json, new: Json) -> tuple[bool, bool]:
    if old is None or new is None:
        return _condition(old, new)
    was, now = cast("float", old), cast("float", new)
    return was % now != 0 or now > was, now % was != 0 or now < was


_WIDER: Final = {("int32", "int64"), ("float", "double"), ("date", "date-time")}


def _format(old: Json, new: Json) -> tuple[bool, bool]:
    if (old, new) in _WIDER or (new, old) in _WIDER:
        return (new, old) in _WIDER, (old, new) in _WIDER
    return _condition(old, new)


def _first(old: Json, new: Json) -> tuple[bool, bool]:
    """Judge a list whose first value is the default."""
    was, now = _values(old), _values(new)
    return was[:1] != now[:1] or not {*map(json.dumps, was)} <= {*map(json.dumps, now)}, False


def _equal(old: Json, new: Json) -> tuple[bool, bool]:
    """Judge a word of which every change is breaking for both sides."""
    return True, True


def _had_value(old: Json, new: Json) -> tuple[bool, bool]:
    return old is not None, False


class Rule(NamedTuple):
    """How a word is judged and reported; `side` is the only side that it concerns, if any."""

    judge: Judge
    yes: str
    no: str = ""
    side: Side = ""


# `yes` is the text for a value; with `no`, the two are the texts for true and for false.
RULES: Final[dict[str, Rule]] = {
    **{word: Rule(_condition, f"the condition {word} {{}}") for word in ("not", *KEPT)},
    "type": Rule(_types, "{}"),
    "enum": Rule(_enum, "only {}"),
    "const": Rule(_enum, "only {}"),
    "nullable": Rule(_inverse, "may be null", "is never null now"),
    "required": Rule(_flag, "required, no longer optional", "optional, no longer required"),
    "maximum": Rule(_maximum, "at most {}"),
    "minimum": Rule(_minimum, "at least {}"),
    "exclusiveMaximum": Rule(_flag, "less than its maximum", "its maximum too"),
    "exclusiveMinimum": Rule(_flag, "more than its minimum", "its minimum too"),
    "maxLength": Rule(_maximum, "at most {} characters"),
    "minLength": Rule(_minimum, "at least {} characters"),
    "maxItems": Rule(_maximum, "at most {} items"),
    "minItems": Rule(_minimum, "at least {} items"),
    "maxContains": Rule(_maximum, "at most {} items of a kind"),
    "minContains": Rule(_minimum, "at least {} items of a kind"),
    "maxProperties": Rule(_maximum, "at most {} fields"),
    "minProperties": Rule(_minimum, "at least {} fields"),
    "multipleOf": Rule(_multiple, "a multiple of {}"),
    "uniqueItems": Rule(_flag, "each item once", "items may repeat"),
    "pattern": Rule(_condition, "the pattern {}"),
    "format": Rule(_format, "the format {}"),
    "additionalProperties": Rule(_inverse, "other fields too", "no other field"),
    "default": Rule(_equal, "{} where nothing is given", side="sent"),
    "readOnly": Rule(_flag, "only in answers", "in requests too", side="sent"),
    "writeOnly": Rule(_inverse, "only in requests", "in answers too", side="received"),
    "discriminator": Rule(_equal, "told apart by {}"),
    "mapping": Rule(_enum, "told apart as {}"),
    "request": Rule(_equal, "{}"),
    "name": Rule(_equal, "called {} in JSON or in the request"),
    "in": Rule(_equal, "sent in the {}"),
    "style": Rule(_equal, "written in the style {}"),
    "explode": Rule(_equal, "each item by itself", "its items in one"),
    "allowReserved": Rule(_equal, "reserved characters as they are", "reserved characters encoded"),
    "allowEmptyValue": Rule(_inverse, "may be empty", "is never empty"),
    "content type": Rule(_equal, "written as {}"),
    "encoding": Rule(_equal, "encoded as {}"),
    "status": Rule(lambda old, new: (False, False), "with the status {}"),
    "media types": Rule(_options, "sent as {}"),
    "security": Rule(_enum, "let in with {}"),
    "servers": Rule(_first, "served at {}"),
    "place": Rule(_had_value, "given at place {}"),
    "task": Rule(_inverse, "a task that can be waited for", "no task that can be waited for"),
    "starts": Rule(_had_value, "starts a task of {}"),
    "file": Rule(_had_value, "its file comes from {}"),
    "methods": Rule(_inverse, "its group has its methods too", "its group lacks its methods"),
    "meant": Rule(_inverse, "commands mean it", "commands do not mean it where none is named"),
    "value": Rule(_equal, "{}"),
}
# In answers a new media type breaks no caller, because the client accepts the one it supports, and
# a value outside the enum is returned unchanged.
_ANSWERS: Final[dict[str, Judge]] = {
    "media types": lambda old, new: _options(old, new)[::-1],
    "enum": lambda old, new: (True, False),
    "const": lambda old, new: (True, False),
}
_REASONS: Final = {
    ("sent", True): "what was sent may be refused or mean something else",
    ("received", True): "answers may be something that no program expects",
    ("sent", False): "more may be sent",
    ("received", False): "what reads answers goes on",
}
_SETS: Final = ("enum", "media types", "security", "type")


def difference(old: Entries, new: Entries) -> Difference:
    """Compare two sets of entries."""
    return _Comparison(at_new_status(old, new), new).result


class _Comparison:
    """Fills `result`."""

    def __init__(self, old: Entries, new: Entries) -> None:
        self._old, self._new = old, new
        self._users = users(old), users(new)
        self.result = Difference(covered=old.keys() ^ new.keys())
        self._common = old.keys() & new.keys()
        for name in old.keys() - self._common:
            if self._is_alone(name, old[name], 0):
                self._report_removal(name, old[name])
        for name in new.keys() - self._common:
            if self._is_alone(name, new[name], 1):
                self._report_addition(name, new[name])
        for name in self._common:
            before, after = old[name], new[name]
            if before.kind != after.kind:
                self.result.add(True, name, f"{self._title(name, after, 1)} is of another kind.")
                continue
            for word in sorted(before.words.keys() | after.words.keys()):
                old_value, new_value = _word_value(word, before), _word_value(word, after)
                if old_value != new_value:
                    self._report_word(name, word, old_value, new_value)
        self._cover()

    def _cover(self) -> None:
        """Mark as covered what changes with a reported name: enum classes, keyword arguments."""
        result = self.result
        names = {change.name for change in (*result.breaking, *result.added)} | result.covered
        for entries in (self._old, self._new):
            bodies: dict[str, set[str]] = {}
            for name, entry in entries.items():
                call, is_body, _ = name.partition("(body)")
                for model in entry.models if is_body else ():
                    bodies.setdefault(model, set()).add(call)
            for name, entry in entries.items():
                if not {name, name.partition(" ")[0]} & names:
                    continue
                result.covered |= {entry.enum_class} - {""}
                model, _, field_name = name.partition(".")
                result.covered |= {f"{call}({field_name})" for call in bodies.get(model, ())}

    def _calls(self, name: str, state: int) -> dict[str, set[Side]]:
        entries = self._new if state else self._old
        return self._users[state].get(root_of(name, entries), {})

    def _sides(self, entry: Entry, name: str) -> set[Side]:
        if entry.side:
            return {entry.side}
        calls_by_state = [
            self._calls(name, state) for state in (0, 1) if name in (self._old, self._new)[state]
        ]
        return {side for calls in calls_by_state for sides in calls.values() for side in sides}

    def _title(self, name: str, entry: Entry, state: int) -> str:
        """Return the title of an entry, for a part of a model with the calls that use it."""
        if entry.side or entry.kind in ("service", "scheme"):
            return entry.title
        calls = [f"`{call}(…)`" for call in sorted(self._calls(name, state))]
        rest = f" and {len(calls) - _USERS} more" if len(calls) > _USERS else ""
        return entry.title + (f" of {', '.join(calls[:_USERS])}{rest}" if calls else "")

    def _is_alone(self, name: str, entry: Entry, state: int) -> bool:
        """Tell whether an entry is new or gone by itself, not with its holder or its calls."""
        if entry.kind in ("item", "service") or (entry.holder and entry.holder not in self._common):
            return False
        calls = self._users[state].get(name)
        return entry.kind != "model" or not calls or any(call in self._common for call in calls)

    def _report_removal(self, name: str, entry: Entry) -> None:
        title, owner = self._title(name, entry, 0), name.partition(" ")[0]
        if entry.kind in ("error", "scheme"):
            sentence = f"{title} is no longer described."
            self.result.documentation.append(Change(owner, sentence))
            return
        request = entry.words.get("request")
        successors = [
            f": it is {new_entry.title} now"
            for new_name, new_entry in sorted(self._new.items())
            if request and new_entry.words.get("request") == request and new_name not in self._old
        ]
        self.result.add(True, owner, f"{title} is gone{''.join(successors)}.")

    def _report_addition(self, name: str, entry: Entry) -> None:
        is_required = bool(entry.words.get("required")) and "sent" in self._sides(entry, name)
        breaks, suffix = is_required, ", which must be given" if is_required else ""
        if entry.kind == "answer" and not _kinds(name, self._new) <= _kinds(
            entry.holder, self._old
        ):
            breaks, suffix = True, ", which returns something else"
        owner = name.partition(" ")[0]
        self.result.add(breaks, owner, f"{self._title(name, entry, 1)}{suffix}.")

    def _report_word(self, name: str, word: str, old: Json, new: Json) -> None:
        entry = self._new[name]
        title, owner, sides = (
            self._title(name, entry, 1).rstrip(","),
            name.partition(" ")[0],
            self._sides(entry, name),
        )
        rule = RULES.get(word)
        sides = (sides or {"sent", "received"}) & (
            {rule.side} if rule and rule.side else {"sent", "received"}
        )
        if word == "deprecated" and new:
            self.result.add(False, owner, f"{title} is deprecated: a later version may lack it.")
        elif rule is None or not sides:
            text = f"{title}: {word} was {_text(old)} and is {_text(new)}."
            self.result.documentation.append(Change(owner, text))
        else:
            read_judge = _ANSWERS.get(word, rule.judge)
            effects = {"sent": rule.judge(old, new)[0], "received": read_judge(old, new)[1]}
            breaks = any(effects[side] for side in sides)
            reasons = [_REASONS[side, breaks] for side in sorted(sides) if effects[side] == breaks]
            sentence = f"{title}: {_phrase(rule, old, new)} ({'; '.join(reasons)})."
            self.result.add(breaks, owner, sentence)


def _kinds(name: str, entries: Entries) -> set[str]:
    """List the types that a call, or one answer of it, returns."""
    answers = [key for key in entries if key == name or entries[key].holder == name]
    answers = [key for key in answers if entries[key].kind == "answer"]
    contents = [entries[key] for key in entries if entries[key].holder in answers]
    return {str(kind) for key in contents for kind in _values(key.words.get("type"))} or {"None"}


def _word_value(word: str, entry: Entry) -> Json:
    """Return the value of a word; None if it means the same as a missing word."""
    value = entry.words.get(word)
    if word == "default":
        return value
    if value is False or value in ("", [], {}):
        return None
    if value == 0 and word[:3] == "min" and word != "minimum":
        return None
    if word in _SETS and isinstance(value, list):
        return sorted(value, key=json.dumps)
    return value


def _phrase(rule: Rule, old: Json, new: Json) -> str:
    if rule.no:
        return rule.yes if new else rule.no
    if isinstance(old, list) and isinstance(new, list) and rule.judge not in (_first, _types):
        was, now = _values(old), _values(new)
        minus = [item for item in was if item not in now]
        plus = [item for item in now if item not in was]
        parts = (
            [f"no longer {rule.yes.removeprefix('only ').format(_text(minus))}"] if minus else []
        )
        parts += [f"now also {rule.yes.removeprefix('only ').format(_text(plus))}"] if plus else []
        return "; ".join(parts)
    if new is None:
        return f"no longer {rule.yes.format(_text(old))}"
    text = rule.yes.format(_text(new))
    return f"{text}, which is new" if old is None else f"{text}, no longer {_text(old)}"


def _values(value: Json) -> list[Json]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _text(value: Json) -> str:
    """Write a value in one line, truncated to 100 characters."""
    if (
        isinstance(value, list)
        and value
        and all(isinstance(item, str | int | float) for item in value)
    ):
        return ", ".join(f"`{item}`" for item in value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return "nothing" if value is None else f"`{text[:100]}{'…' if len(text) > 100 else ''}`"


def compare_types(title: str, verb: str, old: str, new: str, result: Difference, name: str) -> None:
    """Add the change of a type: what is given may be wider, what is returned narrower."""
    old_members, new_members = members(old), members(new)
    if old_members != new_members:
        narrower, wider = _types([*old_members], [*new_members])
        breaks = narrower if verb == "takes" else wider
        result.add(breaks, name, f"{title} {verb} `{new}`, no longer `{old}`.")
