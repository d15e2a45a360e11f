"""What changed for callers between two states of the packages' code, with griffe.

Griffe reads the code without running it and finds what breaks calls. It does not compare types,
bases, values or texts, nor report additions: that is done here, name by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias

import griffe

from tools import layout
from tools.changes.diff import Change, Difference, compare_types
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
        PipelineError: the code of a state cannot be read.
    """
    before, after = _load(package, old), _load(package, new)
    old_objects, new_objects = dict(_public(before)), dict(_public(after))
    result = Difference()
    names = {obj.path: name for state in (new_objects, old_objects) for name, obj in state.items()}
    for breakage in griffe.find_breaking_changes(before, after):
        if _is_of(breakage.obj, package):
            _breakage(breakage, names, result)
    for name in new_objects.keys() - old_objects.keys():
        if name.rpartition(".")[0] not in new_objects.keys() - old_objects.keys():
            result.added.append(Change(name, f"`{name}`."))
    for name in sorted(old_objects.keys() & new_objects.keys()):
        _compare(name, old_objects[name], new_objects[name], result)
    return result


def _load(package: str, roots: Sequence[Path]) -> griffe.Object:
    loader = griffe.GriffeLoader(search_paths=roots, allow_inspection=False)
    try:
        # The public classes of `chainhub` inherit from generated ones.
        modules = {name: loader.load(name) for name in layout.PACKAGES if _has(name, roots)}
        loader.resolve_aliases(external=False)
    except (griffe.GriffeError, SyntaxError, UnicodeDecodeError, RecursionError) as error:
        where = " and ".join(map(shown, roots))
        raise PipelineError(
            f"The code in {where} cannot be read: {' '.join(str(error).split())}."
        ) from None
    module = modules[package]
    assert isinstance(module, griffe.Object)
    if _has(package, roots, "__init__.pyi"):
        module.exports = [*_reexports(module)]
        for name, member in list(module.members.items()):
            # `X = _AnyX` is a union for type checkers; at run time it is the class X beside it.
            if isinstance(member, griffe.Attribute) and isinstance(member.value, griffe.ExprName):
                home = member.value.canonical_path.rpartition(".")[0]
                module.set_member(name, griffe.Alias(name, loader.modules_collection[home][name]))
    return module


def _reexports(package: griffe.Object) -> Iterator[str]:
    """List what a stub imports `as` itself, or defines: public by PEP 484, but not for griffe."""
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
    path, value = breakage.obj.path, breakage.old_value or breakage.new_value
    holder, _, member = path.rpartition(".")
    name = names.get(path) or f"{names.get(holder, holder)}.{member}"
    title = f"`{name}`"
    if isinstance(value, griffe.Parameter):
        title = f"The parameter `{value.name}` of {title}"
        name += f"({value.name})"
    result.add(True, name, f"{title} {_WORDS[breakage.kind]}.")


def _public(package: griffe.Object) -> Iterator[tuple[str, griffe.Object]]:
    """Walk through all public objects, each once, by its shortest name."""
    paths = {package.path}
    inherited: list[tuple[str, _Members]] = []
    queue: list[tuple[str, _Members]] = [(package.path, package.members)]
    while queue or inherited:
        name, members = (queue or inherited).pop(0)
        for member_name, member in members.items():
            target = _target(member) if member.is_public else None
            if target is not None and target.path not in paths and _is_of(target, package.path):
                paths.add(target.path)
                yield f"{name}.{member_name}", target
                if isinstance(target, griffe.Module | griffe.Class):
                    queue.append((f"{name}.{member_name}", target.members))
                if isinstance(target, griffe.Class):
                    inherited.append((f"{name}.{member_name}", target.inherited_members))


def _is_of(obj: griffe.Object | griffe.Alias, package: str) -> bool:
    """Tell whether an object is defined in this package; an inherited one may be of another."""
    return obj.canonical_path.startswith(f"{package}.")


def _target(member: griffe.Object | griffe.Alias) -> griffe.Object | None:
    """Resolve an alias; None if it is of another distribution, which is not compared."""
    if isinstance(member, griffe.Object):
        return member
    try:
        return member.final_target
    except (griffe.AliasResolutionError, griffe.CyclicAliasError):
        return None


def _compare(name: str, old: griffe.Object, new: griffe.Object, result: Difference) -> None:
    if isinstance(old, griffe.Function) and isinstance(new, griffe.Function):
        _signatures(name, old, new, result)
    elif isinstance(old, griffe.Class) and isinstance(new, griffe.Class):
        bases = [base for base in map(str, old.bases) if base not in map(str, new.bases)]
        if bases and len(new.bases) >= len(old.bases):  # griffe reports fewer
            result.add(True, name, f"`{name}` is no longer a `{', '.join(bases)}`.")
    elif isinstance(old, griffe.Attribute) and isinstance(new, griffe.Attribute):
        _attributes(name, old, new, result)
    if _text(old) != _text(new):
        result.documentation.append(Change(name, f"`{name}`."))


def _attributes(
    name: str, old: griffe.Attribute, new: griffe.Attribute, result: Difference
) -> None:
    compare_types(f"`{name}`", "is", str(old.annotation), str(new.annotation), result, name)
    # The value of a constant is its meaning; that of another attribute is its first one.
    if name.rpartition(".")[2].isupper() and str(old.value) != str(new.value):
        result.add(True, name, f"`{name}` is `{new.value}`, no longer `{old.value}`.")


def _signatures(name: str, old: griffe.Function, new: griffe.Function, result: Difference) -> None:
    compare_types(f"`{name}`", "returns", str(old.returns), str(new.returns), result, f"{name}()")
    old_parameters = {parameter.name: parameter for parameter in old.parameters}
    for parameter in new.parameters:
        if parameter.name == "self":
            continue  # not given by callers
        title = f"The parameter `{parameter.name}` of `{name}`"
        key = f"{name}({parameter.name})"
        if parameter.name in old_parameters:
            old_type = str(old_parameters[parameter.name].annotation)
            compare_types(title, "takes", old_type, str(parameter.annotation), result, key)
        elif not parameter.required:
            result.add(False, key, f"{title}.")


def _text(obj: griffe.Object) -> str:
    return " ".join(obj.docstring.value.split()) if obj.docstring else ""
