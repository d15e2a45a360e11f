"""Say what changed for callers between two states of the packages' code, with griffe.

Griffe reads the code without running it and knows what breaks calls. It does not look at types,
bases, values or texts, nor tell what is new: that is compared here, name by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias

import griffe

from tools import layout
from tools.changes.diff import Difference, Told, compare_types
from tools.errors import PipelineError
from tools.layout import shown

_Members: TypeAlias = "Mapping[str, griffe.Object | griffe.Alias]"
_WORDS: Final = {
    griffe.BreakageKind.PARAMETER_MOVED: "must be given at another place",
    griffe.BreakageKind.PARAMETER_REMOVED: "is gone",
    griffe.BreakageKind.PARAMETER_CHANGED_KIND: "must be given differently",
    griffe.BreakageKind.PARAMETER_CHANGED_DEFAULT: "is something else where it is not given",
    griffe.BreakageKind.PARAMETER_CHANGED_REQUIRED: "must now be given",
    griffe.BreakageKind.PARAMETER_ADDED_REQUIRED: "is new and must be given",
    griffe.BreakageKind.RETURN_CHANGED_TYPE: "no longer says what it returns",
    griffe.BreakageKind.OBJECT_REMOVED: "is gone",
    griffe.BreakageKind.OBJECT_CHANGED_KIND: "is now of another kind",
    griffe.BreakageKind.CLASS_REMOVED_BASE: "has lost a base class",
}


def changes(package: str, old: Sequence[Path], new: Sequence[Path]) -> Difference:
    """Compare a package below the folders `old` with the same below `new`.

    Raises:
        PipelineError: a state has code that cannot be read.
    """
    before, after = _load(package, old), _load(package, new)
    was, now = dict(_public(before)), dict(_public(after))
    result = Difference()
    names = {found.path: name for state in (now, was) for name, found in state.items()}
    for breakage in griffe.find_breaking_changes(before, after):
        if _is_of(breakage.obj, package):
            _breakage(breakage, names, result)
    for name in now.keys() - was.keys():
        if name.rpartition(".")[0] not in now.keys() - was.keys():
            result.added.append(Told(name, f"`{name}`."))
    for name in sorted(was.keys() & now.keys()):
        _compare(name, was[name], now[name], result)
    return result


def _load(package: str, roots: Sequence[Path]) -> griffe.Object:
    loader = griffe.GriffeLoader(search_paths=roots, allow_inspection=False)
    try:
        # The public classes of `chainhub` inherit from generated ones.
        loaded = {name: loader.load(name) for name in layout.PACKAGES if _has(name, roots)}
        loader.resolve_aliases(external=False)
    except (griffe.GriffeError, SyntaxError, UnicodeDecodeError, RecursionError) as error:
        where = " and ".join(map(shown, roots))
        raise PipelineError(
            f"The code in {where} cannot be read: {' '.join(str(error).split())}."
        ) from None
    found = loaded[package]
    assert isinstance(found, griffe.Object)
    if _has(package, roots, "__init__.pyi"):
        found.exports = [*_reexports(found)]
        for name, member in list(found.members.items()):
            # `X = _AnyX` is a union for type checkers; what callers hold is the class X beside it.
            if isinstance(member, griffe.Attribute) and isinstance(member.value, griffe.ExprName):
                home = member.value.canonical_path.rpartition(".")[0]
                found.set_member(name, griffe.Alias(name, loader.modules_collection[home][name]))
    return found


def _reexports(package: griffe.Object) -> Iterator[str]:
    """List what a stub imports `as` itself, or defines: public by PEP 484, unlike for griffe."""
    for name, member in package.members.items():
        public = not name.startswith("_") or name.endswith("__")
        if public and (member.is_alias or member.is_attribute):
            yield name


def _has(package: str, roots: Sequence[Path], name: str = "__init__.py") -> bool:
    return any((root / package / name).is_file() for root in roots)


def has(package: str, *states: Sequence[Path]) -> bool:
    """Tell whether every one of these states has the package."""
    return all(_has(package, roots) for roots in states)


def _breakage(breakage: griffe.Breakage, names: dict[str, str], result: Difference) -> None:
    path, changed = breakage.obj.path, breakage.old_value or breakage.new_value
    holder, _, own = path.rpartition(".")
    name = names.get(path) or f"{names.get(holder, holder)}.{own}"
    shown = f"`{name}`"
    if isinstance(changed, griffe.Parameter):
        shown = f"The parameter `{changed.name}` of {shown}"
        name += f"({changed.name})"
    result.tell(True, name, f"{shown} {_WORDS[breakage.kind]}.")


def _public(package: griffe.Object) -> Iterator[tuple[str, griffe.Object]]:
    """Walk through what callers can name, each thing once, by the shortest way to it."""
    seen = {package.path}
    inherited: list[tuple[str, _Members]] = []
    waiting: list[tuple[str, _Members]] = [(package.path, package.members)]
    while waiting or inherited:
        name, members = (waiting or inherited).pop(0)
        for own, member in members.items():
            target = _target(member) if member.is_public else None
            if target is not None and target.path not in seen and _is_of(target, package.path):
                seen.add(target.path)
                yield f"{name}.{own}", target
                if isinstance(target, griffe.Module | griffe.Class):
                    waiting.append((f"{name}.{own}", target.members))
                if isinstance(target, griffe.Class):
                    inherited.append((f"{name}.{own}", target.inherited_members))


def _is_of(found: griffe.Object | griffe.Alias, package: str) -> bool:
    """Tell whether something is the package's own; what it inherits is told of its own package."""
    return found.canonical_path.startswith(f"{package}.")


def _target(member: griffe.Object | griffe.Alias) -> griffe.Object | None:
    """Find what a name stands for; what another distribution has is not ours to compare."""
    if isinstance(member, griffe.Object):
        return member
    try:
        return member.final_target
    except (griffe.AliasResolutionError, griffe.CyclicAliasError):
        return None


def _compare(name: str, was: griffe.Object, now: griffe.Object, result: Difference) -> None:
    if isinstance(was, griffe.Function) and isinstance(now, griffe.Function):
        _signatures(name, was, now, result)
    elif isinstance(was, griffe.Class) and isinstance(now, griffe.Class):
        gone = [base for base in map(str, was.bases) if base not in map(str, now.bases)]
        if gone and len(now.bases) >= len(was.bases):  # fewer are griffe's to tell
            result.tell(True, name, f"`{name}` is no longer a `{', '.join(gone)}`.")
    elif isinstance(was, griffe.Attribute) and isinstance(now, griffe.Attribute):
        _attributes(name, was, now, result)
    if _text(was) != _text(now):
        result.documentation.append(Told(name, f"`{name}`."))


def _attributes(
    name: str, was: griffe.Attribute, now: griffe.Attribute, result: Difference
) -> None:
    compare_types(f"`{name}`", "is", str(was.annotation), str(now.annotation), result, name)
    # The value of a constant is its meaning; that of another attribute is its first one.
    if name.rpartition(".")[2].isupper() and str(was.value) != str(now.value):
        result.tell(True, name, f"`{name}` is `{now.value}`, no longer `{was.value}`.")


def _signatures(name: str, was: griffe.Function, now: griffe.Function, result: Difference) -> None:
    compare_types(f"`{name}`", "returns", str(was.returns), str(now.returns), result, f"{name}()")
    old = {parameter.name: parameter for parameter in was.parameters}
    for parameter in now.parameters:
        if parameter.name == "self":
            continue  # nobody gives it
        shown = f"The parameter `{parameter.name}` of `{name}`"
        place = f"{name}({parameter.name})"
        if parameter.name in old:
            before = str(old[parameter.name].annotation)
            compare_types(shown, "takes", before, str(parameter.annotation), result, place)
        elif not parameter.required:
            result.tell(False, place, f"{shown}.")


def _text(found: griffe.Object) -> str:
    return " ".join(found.docstring.value.split()) if found.docstring else ""
