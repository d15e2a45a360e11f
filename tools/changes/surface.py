"""Write the public surface of a generated package: a line per call and per model field.

It is read from the generated code itself, without importing it: that is what callers use.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.errors import PipelineError
from tools.layout import RESOURCES, shown

_JSON_NAME = re.compile(
    r"""(?P<json>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')(?:\] =|:)\s+(?P<python>\w+)\b"""
)
_PLAIN = re.compile(r"[\w.]+( \| [\w.]+)*")
_ARGUMENT = re.compile(r"^    (\w+) \(.*?\):", re.MULTILINE)
TITLE = "# Public surface"
_HEAD = f"""{TITLE}

Generated with the client: a line per call and per model field, with what the contract says of it
below. What changes here changes for callers. Every call also takes `timeout`, `deadline` and
`headers` for itself, by name.
"""


def surface(package: Path) -> str:
    """Describe the calls and models of the package in this folder as Markdown.

    Raises:
        PipelineError: there is no package, or a file of it is not one that the generator writes.
    """
    parts = [_HEAD]
    if not (package / "models" / "__init__.py").is_file():
        raise PipelineError(f"{shown(package)} holds no generated package.")
    tasks = _Tasks(package / "tasks.py")
    for tag in sorted(path.parent for path in package.glob("api/*/__init__.py")):
        parts += [f"\n## client.{tag.name}\n\n", *_calls(tag, tasks)]
    modules = [path for path in sorted(package.glob("models/*.py")) if path.stem != "__init__"]
    models = [_model(path) for path in modules]
    return "".join([*parts, "\n## Models\n" if models else "", *sorted(models)])


def called(path: str) -> str | None:
    """Return the name that an object at a path in the package's code has in the surface.

    None for the modules of models and operations, and for the functions that the methods of a
    client call: they have no name there.
    """
    match path.split("."):
        case [_, "api", _, owner, *rest] if owner.endswith("Resource") and not rest:
            return None
        case [_, "api", tag, owner, *rest] if owner.endswith("Resource"):
            return ".".join(["client", tag, *rest])
        case [_, "api", ("Resources" | "AsyncResources" | "Runner" | "AsyncRunner"), *rest]:
            return ".".join(["client", *rest]) if rest else None
        case [_, "tasks", *_]:
            return None
        case [_, "api", tag, *rest] if tag.islower():
            return None if rest else f"client.{tag}"
        case [_, "models", name, *rest]:
            return ".".join(rest if name.islower() else [name, *rest]) or None
    return path


class _Tasks:
    """The lines about tasks, from the tables of the package; older packages have none."""

    def __init__(self, path: Path) -> None:
        self._tables: dict[str, dict[str, dict[str, Any]]] = {"TASKS": {}, "CREATES": {}}
        self._main = ""
        for node in _parse(path).body if path.is_file() else ():
            match node:
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.Dict() as table):
                    self._tables[name] = ast.literal_eval(table)
                case ast.AnnAssign(target=ast.Name(id="MAIN"), value=ast.Constant(value=main)):
                    self._main = str(main)

    def line(self, name: str) -> str:
        """Write the line about tasks of an operation; empty if it has none."""
        task, create = self._tables["TASKS"].get(name), self._tables["CREATES"].get(name)
        if create:
            return f"  `client.{name}` starts a task of `client.{create['task']}`.\n"
        if not task:
            return ""
        starts = [
            f"`client.{key}`" for key, row in self._tables["CREATES"].items() if row["task"] == name
        ]
        words = [f"  `client.{name}` is a task"]
        words += (
            [f"{_series(starts)} {'start' if len(starts) > 1 else 'starts'} it"] if starts else []
        )
        words += [f"`client.{task['content'][0]}` is its file"] if task["content"] else []
        words += [f"`client.{name.partition('.')[0]}` has its methods too"] if task["main"] else []
        words += ["commands mean it where none is named"] if name == self._main else []
        return "; ".join(words) + ".\n"


def _series(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]


def _calls(tag: Path, tasks: _Tasks) -> Iterator[str]:
    for name, method in sorted(_methods(tag)):
        module = tag / f"{name}.py"
        options = _options(method)
        call = f"client.{tag.name}.{name}{_signature(method, options)}"
        yield f"- `{call}` — `{_request(module)}`\n"
        text, _, arguments = (ast.get_docstring(method) or "").partition("\nArgs:\n")
        yield _line(text, "  ")
        yield tasks.line(f"{tag.name}.{name}")
        _, *parts = _ARGUMENT.split(arguments)
        for argument, description in zip(parts[::2], parts[1::2], strict=True):
            yield _line(description, f"  - `{argument}`: ") if argument not in options else ""


def _methods(tag: Path) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Find the operations of a resource: its methods, and callable objects."""
    path = tag.parent.parent.with_name(RESOURCES) / f"{tag.name}.py"
    # In earlier versions the resources were beside the operations.
    classes = list(_classes(_parse(path if path.is_file() else tag / "__init__.py")))
    by_name = {node.name: node for node in classes}
    resource = next(node for node in classes if not node.name.startswith("_"))
    for node in resource.body:
        match node:
            case ast.FunctionDef(name=name) if name != "__init__":
                yield name, node
            case ast.AnnAssign(target=ast.Name(id=name), annotation=ast.Name(id=owner)):
                calls = (node for node in by_name[owner].body if isinstance(node, ast.FunctionDef))
                yield name, next(node for node in calls if node.name == "__call__")


def _line(text: str, prefix: str = "") -> str:
    """Write a description of the contract in one line; empty if there is none."""
    line = " — ".join(" ".join(part.split()) for part in text.strip().split("\n\n"))
    return f"{prefix}{line}\n" if line else ""


def _options(method: ast.FunctionDef) -> set[str]:
    """Name the arguments that every call has, which are passed on beside those of the operation."""
    for node in ast.walk(method):
        match node:
            case ast.Call(func=ast.Attribute(attr="run"), args=[_, _, _, *options]):
                return {option.id for option in options if isinstance(option, ast.Name)}
    return set()


def _signature(method: ast.FunctionDef, options: set[str]) -> str:
    arguments = method.args
    arguments.args = arguments.args[1:]
    indexes = [index for index, item in enumerate(arguments.kwonlyargs) if item.arg not in options]
    arguments.kwonlyargs = [arguments.kwonlyargs[index] for index in indexes]
    arguments.kw_defaults = [arguments.kw_defaults[index] for index in indexes]
    for argument in [*arguments.args, *arguments.kwonlyargs]:
        argument.annotation = _unquoted(argument.annotation)
    returns = _unquoted(method.returns)
    return f"({ast.unparse(arguments)}) -> {ast.unparse(returns) if returns else 'None'}"


def _unquoted(annotation: ast.expr | None) -> ast.expr | None:
    if not isinstance(annotation, ast.Constant) or not isinstance(annotation.value, str):
        return annotation
    text = annotation.value
    # Most are already in the form that `ast` writes, and parsing every one takes long.
    return ast.Name(text) if _PLAIN.fullmatch(text) else ast.parse(text, mode="eval").body


def _request(path: Path) -> str:
    before, separator, text = path.read_text("utf-8").partition("\ndef _get_kwargs(")
    function = _tree(separator + text.partition("\n\n\ndef ")[0], path, before.count("\n"))
    for node in ast.walk(function):
        match node:
            case ast.AnnAssign(
                target=ast.Name(id="_kwargs"),
                value=ast.Dict(
                    values=[
                        ast.Constant(value=str(verb)),
                        ast.Constant(value=str(url))
                        | ast.Call(func=ast.Attribute(value=ast.Constant(value=str(url)))),
                        *_,
                    ]
                ),
            ):
                return f"{verb.upper()} {url}"
    raise PipelineError(f"{shown(path)} is not what the generator writes: it builds no request.")


def _model(path: Path) -> str:
    # Only the part before the methods is parsed: for many models the rest takes long.
    head, _, methods = path.read_text("utf-8").partition("\n    def ")
    (node,) = _classes(_tree(f"{head}\n    ..." if methods else head, path))
    names = dict(_json_names(methods))
    lines = [f"\n### {node.name}\n\n"]
    for item in node.body:
        if isinstance(item, ast.Expr):
            lines.append(_words(item, is_about_class=item is node.body[0]))
        elif isinstance(item, ast.AnnAssign):
            lines.append(_field(item, names))
        else:
            lines.append(f"- `{ast.unparse(item)}`\n")
    return "".join(lines)


def _words(item: ast.Expr, *, is_about_class: bool) -> str:
    text = item.value.value if isinstance(item.value, ast.Constant) else ""
    if not isinstance(text, str):
        return ""  # the dots that stand for the methods
    if not is_about_class:
        return _line(text, "  ")
    line = _line(text.partition("Attributes:\n")[0])
    return f"{line}\n" if line else ""


def _field(item: ast.AnnAssign, names: dict[str, str]) -> str:
    name, annotation = ast.unparse(item.target), ast.unparse(item.annotation)
    if name == "additional_properties":
        return f"- any other field: `{annotation.removeprefix('dict[str, ').removesuffix(']')}`\n"
    parts = annotation.split(" | ")
    kind = " | ".join(part for part in parts if part not in ("Unset", "None")) or "None"
    may_lack = "Unset" in parts or (item.value is not None and ast.unparse(item.value) == "None")
    notes = ["optional" if may_lack else "required"]
    notes += ["nullable"] if "None" in parts else []
    notes += [f"JSON `{names[name]}`"] if names.get(name, name) != name else []
    return f"- `{name}: {kind}` — {', '.join(notes)}\n"


def _json_names(methods: str) -> Iterator[tuple[str, str]]:
    """Read from `to_dict` which JSON name each Python name stands for."""
    for match in _JSON_NAME.finditer(methods.partition("\n    @classmethod")[0]):
        text = match["json"]
        yield match["python"], ast.literal_eval(text) if "\\" in text else text[1:-1]


def _classes(tree: ast.Module) -> Iterator[ast.ClassDef]:
    return (node for node in tree.body if isinstance(node, ast.ClassDef))


def _parse(path: Path) -> ast.Module:
    return _tree(path.read_text("utf-8"), path)


def _tree(text: str, path: Path, before: int = 0) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError as error:
        line = before + (error.lineno or 0)
        raise PipelineError(f"{shown(path)}:{line} is not Python: {error.msg}.") from None
