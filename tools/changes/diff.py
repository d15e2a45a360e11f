"""Say what a change of the contract means for callers: two lists of promises, compared by a table.

Breaking is what can stop a program that worked, added is what nobody used yet. What a change means
depends on who gives the value: a call must give what is required and may give what is allowed, an
answer is read. So a field that may now be null breaks those who read it, one that must now be given
breaks those who write it; the reverse of both breaks nobody. Each word has a judge that says
whether fewer values are allowed, or more; a word that no rule knows is told as documentation.

The version that the change asks for follows semantic versioning; before 1.0 a breaking change asks
for the next minor version, any other for the next patch.
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
_USERS: Final = 2  # more calls are counted, not named

Judge: TypeAlias = Callable[[Json, Json], tuple[bool, bool]]


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
    covered: set[str] = field(default_factory=set)  # new or gone, told or part of what is

    def tell(self, breaks: bool, name: str, sentence: str) -> None:
        """Sort a change in."""
        (self.breaking if breaks else self.added).append(Told(name, sentence))

    def take(self, other: Difference, called: Callable[[str], str | None]) -> None:
        """Take in what another comparison found and this one did not tell.

        Args:
            other: Its changes.
            called: Tells under which name the thing of a change would stand here, if any.
        """
        known = self.covered | {told.name for told in (*self.breaking, *self.added)}
        texts = known | {told.name for told in self.documentation}
        for ours, theirs, told_of in (
            (self.breaking, other.breaking, known),
            (self.added, other.added, known),
            (self.documentation, other.documentation, texts),
        ):
            for told in theirs:
                place, bracket, inner = told.name.partition("(")
                name = called(place)
                if name is not None and not _known(name + bracket + inner, told_of):
                    shown = f"{name}(…)" if name.count(".") > 1 and name[:7] == "client." else name
                    ours.append(Told(name, told.sentence.replace(f"`{place}`", f"`{shown}`")))

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
    return name in told or any(
        name.startswith((f"{one}.", f"{one}(")) or one.startswith((f"{name}.", f"{name}["))
        for one in told
    )


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


# The judges: whether the new value allows fewer than the old one, and whether it allows more.


def _most(old: Json, new: Json) -> tuple[bool, bool]:
    was, now = (cast("float", one) if one is not None else float("inf") for one in (old, new))
    return now < was, now > was


def _least(old: Json, new: Json) -> tuple[bool, bool]:
    was, now = (cast("float", one) if one is not None else float("-inf") for one in (old, new))
    return now > was, now < was


def _rule(old: Json, new: Json) -> tuple[bool, bool]:
    """Judge a condition of which two cannot be compared: a pattern, a format."""
    return new is not None, old is not None


def _flag(old: Json, new: Json) -> tuple[bool, bool]:
    """Judge what is stricter if it is true."""
    return bool(new), bool(old)


def _loose(old: Json, new: Json) -> tuple[bool, bool]:
    """Judge what is stricter if it is false."""
    return not new, bool(new)


def _listed(old: Json, new: Json) -> tuple[bool, bool]:
    """Judge values of which one is taken; None stands for any."""
    was, now = (None if one is None else {*map(json.dumps, _values(one))} for one in (old, new))
    fewer = now is not None and (was is None or not was <= now)
    return fewer, was is not None and (now is None or not now <= was)


def _offered(old: Json, new: Json) -> tuple[bool, bool]:
    """Judge what there is to choose from; None is nothing."""
    was, now = {*map(json.dumps, _values(old))}, {*map(json.dumps, _values(new))}
    return not was <= now, not now <= was


def _types(old: Json, new: Json) -> tuple[bool, bool]:
    def within(inner: list[Json], outer: list[Json]) -> bool:
        floats = {"int"} if "float" in outer else set()
        return bool({"Any", "object"} & {*outer}) or {*inner} <= {*outer, *floats}

    was, now = _values(old), _values(new)
    return not within(was, now), not within(now, was)


def _steps(old: Json, new: Json) -> tuple[bool, bool]:
    if old is None or new is None:
        return _rule(old, new)
    was, now = cast("float", old), cast("float", new)
    return was % now != 0 or now > was, now % was != 0 or now < was


_WIDER: Final = {("int32", "int64"), ("float", "double"), ("date", "date-time")}


def _format(old: Json, new: Json) -> tuple[bool, bool]:
    if (old, new) in _WIDER or (new, old) in _WIDER:
        return (new, old) in _WIDER, (old, new) in _WIDER
    return _rule(old, new)


def _first(old: Json, new: Json) -> tuple[bool, bool]:
    """Judge a list whose first value is taken where nobody chooses."""
    was, now = _values(old), _values(new)
    return was[:1] != now[:1] or not {*map(json.dumps, was)} <= {*map(json.dumps, now)}, False


def _other(old: Json, new: Json) -> tuple[bool, bool]:
    """Judge what has another meaning, whoever reads or writes it."""
    return True, True


def _by_place(old: Json, new: Json) -> tuple[bool, bool]:
    return old is not None, False


class Rule(NamedTuple):
    """How a word is judged and told; `only` is the side for which it means anything."""

    judge: Judge
    yes: str
    no: str = ""
    only: Side = ""


# What a value is told as; with `no`, what true and false are told as.
RULES: Final[dict[str, Rule]] = {
    **{word: Rule(_rule, f"the condition {word} {{}}") for word in ("not", *KEPT)},
    "type": Rule(_types, "{}"),
    "enum": Rule(_listed, "only {}"),
    "const": Rule(_listed, "only {}"),
    "nullable": Rule(_loose, "may be null", "is never null now"),
    "required": Rule(_flag, "required, no longer optional", "optional, no longer required"),
    "maximum": Rule(_most, "at most {}"),
    "minimum": Rule(_least, "at least {}"),
    "exclusiveMaximum": Rule(_flag, "less than its maximum", "its maximum too"),
    "exclusiveMinimum": Rule(_flag, "more than its minimum", "its minimum too"),
    "maxLength": Rule(_most, "at most {} characters"),
    "minLength": Rule(_least, "at least {} characters"),
    "maxItems": Rule(_most, "at most {} items"),
    "minItems": Rule(_least, "at least {} items"),
    "maxContains": Rule(_most, "at most {} items of a kind"),
    "minContains": Rule(_least, "at least {} items of a kind"),
    "maxProperties": Rule(_most, "at most {} fields"),
    "minProperties": Rule(_least, "at least {} fields"),
    "multipleOf": Rule(_steps, "a multiple of {}"),
    "uniqueItems": Rule(_flag, "each item once", "items may repeat"),
    "pattern": Rule(_rule, "the pattern {}"),
    "format": Rule(_format, "the format {}"),
    "additionalProperties": Rule(_loose, "other fields too", "no other field"),
    "default": Rule(_other, "{} where nothing is given", only="sent"),
    "readOnly": Rule(_flag, "only in answers", "in requests too", only="sent"),
    "writeOnly": Rule(_loose, "only in requests", "in answers too", only="received"),
    "discriminator": Rule(_other, "told apart by {}"),
    "mapping": Rule(_listed, "told apart as {}"),
    "request": Rule(_other, "{}"),
    "name": Rule(_other, "called {} in JSON or in the request"),
    "in": Rule(_other, "sent in the {}"),
    "style": Rule(_other, "written in the style {}"),
    "explode": Rule(_other, "each item by itself", "its items in one"),
    "allowReserved": Rule(_other, "reserved characters as they are", "reserved characters encoded"),
    "allowEmptyValue": Rule(_loose, "may be empty", "is never empty"),
    "content type": Rule(_other, "written as {}"),
    "encoding": Rule(_other, "encoded as {}"),
    "status": Rule(lambda old, new: (False, False), "with the status {}"),
    "media types": Rule(_offered, "sent as {}"),
    "security": Rule(_listed, "let in with {}"),
    "servers": Rule(_first, "served at {}"),
    "place": Rule(_by_place, "given at place {}"),
    "task": Rule(_loose, "a task that can be waited for", "no task that can be waited for"),
    "starts": Rule(_by_place, "starts a task of {}"),
    "file": Rule(_by_place, "its file comes from {}"),
    "methods": Rule(_loose, "its group has its methods too", "its group lacks its methods"),
    "meant": Rule(_loose, "commands mean it", "commands do not mean it where none is named"),
    "value": Rule(_other, "{}"),
}
# In answers a new media type breaks nobody, because the client takes the one it knows, and a value
# that is not listed comes as it is.
_ANSWERS: Final[dict[str, Judge]] = {
    "media types": lambda old, new: _offered(old, new)[::-1],
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
    """Compare two lists of promises."""
    return _Comparison(at_new_status(old, new), new).result


class _Comparison:
    """Fills `result`."""

    def __init__(self, old: Entries, new: Entries) -> None:
        self._old, self._new = old, new
        self._used = users(old), users(new)
        self.result = Difference(covered=old.keys() ^ new.keys())
        self._both = old.keys() & new.keys()
        for name in old.keys() - self._both:
            if self._is_alone(name, old[name], 0):
                self._gone(name, old[name])
        for name in new.keys() - self._both:
            if self._is_alone(name, new[name], 1):
                self._added(name, new[name])
        for name in self._both:
            before, after = old[name], new[name]
            if before.kind != after.kind:
                self.result.tell(True, name, f"{self._shown(name, after, 1)} is of another kind.")
                continue
            for word in sorted(before.words.keys() | after.words.keys()):
                was, now = _plain(word, before), _plain(word, after)
                if was != now:
                    self._word(name, word, was, now)
        self._cover()

    def _cover(self) -> None:
        """Count as told what shows the same: classes of listed values, keywords for fields."""
        result = self.result
        told = {one.name for one in (*result.breaking, *result.added)} | result.covered
        for entries in (self._old, self._new):
            bodies: dict[str, set[str]] = {}
            for name, entry in entries.items():
                call, is_body, _ = name.partition("(body)")
                for model in entry.refers if is_body else ():
                    bodies.setdefault(model, set()).add(call)
            for name, entry in entries.items():
                if not {name, name.partition(" ")[0]} & told:
                    continue
                result.covered |= {entry.listed} - {""}
                model, _, own = name.partition(".")
                result.covered |= {f"{call}({own})" for call in bodies.get(model, ())}

    def _calls(self, name: str, state: int) -> dict[str, set[Side]]:
        entries = self._new if state else self._old
        return self._used[state].get(root_of(name, entries), {})

    def _sides(self, entry: Entry, name: str) -> set[Side]:
        if entry.side:
            return {entry.side}
        uses = [
            self._calls(name, state) for state in (0, 1) if name in (self._old, self._new)[state]
        ]
        return {side for calls in uses for sides in calls.values() for side in sides}

    def _shown(self, name: str, entry: Entry, state: int) -> str:
        """Name a thing, and of a part of a model the calls that use it."""
        if entry.side or entry.kind in ("service", "scheme"):
            return entry.shown
        named = [f"`{call}(…)`" for call in sorted(self._calls(name, state))]
        more = f" and {len(named) - _USERS} more" if len(named) > _USERS else ""
        return entry.shown + (f" of {', '.join(named[:_USERS])}{more}" if named else "")

    def _is_alone(self, name: str, entry: Entry, state: int) -> bool:
        """Tell whether something is new or gone by itself, and not with what holds or uses it."""
        if entry.kind in ("item", "service") or (entry.holder and entry.holder not in self._both):
            return False
        calls = self._used[state].get(name)
        return entry.kind != "model" or not calls or any(call in self._both for call in calls)

    def _gone(self, name: str, entry: Entry) -> None:
        shown, told = self._shown(name, entry, 0), name.partition(" ")[0]
        if entry.kind in ("error", "scheme"):
            sentence = f"{shown} is no longer described."
            self.result.documentation.append(Told(told, sentence))
            return
        request = entry.words.get("request")
        moved = [
            f": it is {other.shown} now"
            for other_name, other in sorted(self._new.items())
            if request and other.words.get("request") == request and other_name not in self._old
        ]
        self.result.tell(True, told, f"{shown} is gone{''.join(moved)}.")

    def _added(self, name: str, entry: Entry) -> None:
        must = bool(entry.words.get("required")) and "sent" in self._sides(entry, name)
        breaks, why = must, ", which must be given" if must else ""
        if entry.kind == "answer" and not _good(name, self._new) <= _good(entry.holder, self._old):
            breaks, why = True, ", which returns something else"
        told = name.partition(" ")[0]
        self.result.tell(breaks, told, f"{self._shown(name, entry, 1)}{why}.")

    def _word(self, name: str, word: str, old: Json, new: Json) -> None:
        entry = self._new[name]
        shown, told, sides = (
            self._shown(name, entry, 1).rstrip(","),
            name.partition(" ")[0],
            self._sides(entry, name),
        )
        rule = RULES.get(word)
        sides = (sides or {"sent", "received"}) & (
            {rule.only} if rule and rule.only else {"sent", "received"}
        )
        if word == "deprecated" and new:
            self.result.tell(False, told, f"{shown} is deprecated: a later version may lack it.")
        elif rule is None or not sides:
            text = f"{shown}: {word} was {_text(old)} and is {_text(new)}."
            self.result.documentation.append(Told(told, text))
        else:
            read = _ANSWERS.get(word, rule.judge)
            effects = {"sent": rule.judge(old, new)[0], "received": read(old, new)[1]}
            breaks = any(effects[side] for side in sides)
            reasons = [_REASONS[side, breaks] for side in sorted(sides) if effects[side] == breaks]
            sentence = f"{shown}: {_phrase(rule, old, new)} ({'; '.join(reasons)})."
            self.result.tell(breaks, told, sentence)


def _good(name: str, entries: Entries) -> set[str]:
    """List the types that a call, or one answer of it, returns."""
    answers = [one for one in entries if one == name or entries[one].holder == name]
    answers = [one for one in answers if entries[one].kind == "answer"]
    found = [entries[one] for one in entries if entries[one].holder in answers]
    return {str(kind) for one in found for kind in _values(one.words.get("type"))} or {"None"}


def _plain(word: str, entry: Entry) -> Json:
    """Fetch a word; what says the same as nothing is nothing."""
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
        gone = [one for one in was if one not in now]
        more = [one for one in now if one not in was]
        parts = [f"no longer {rule.yes.removeprefix('only ').format(_text(gone))}"] if gone else []
        parts += [f"now also {rule.yes.removeprefix('only ').format(_text(more))}"] if more else []
        return "; ".join(parts)
    if new is None:
        return f"no longer {rule.yes.format(_text(old))}"
    text = rule.yes.format(_text(new))
    return f"{text}, which is new" if old is None else f"{text}, no longer {_text(old)}"


def _values(value: Json) -> list[Json]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _text(value: Json) -> str:
    """Write a value in a line; a long one is cut."""
    if (
        isinstance(value, list)
        and value
        and all(isinstance(one, str | int | float) for one in value)
    ):
        return ", ".join(f"`{one}`" for one in value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return "nothing" if value is None else f"`{text[:100]}{'…' if len(text) > 100 else ''}`"


def compare_types(shown: str, verb: str, old: str, new: str, result: Difference, name: str) -> None:
    """Tell how a type has changed: who gives a value may be allowed more, who gets one less."""
    one, two = members(old), members(new)
    if one != two:
        fewer, more = _types([*one], [*two])
        breaks = fewer if verb == "takes" else more
        result.tell(breaks, name, f"{shown} {verb} `{new}`, no longer `{old}`.")
