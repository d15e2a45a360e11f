"""Write the public surface of a generated package: a line per call and per model field.

It is read from the generated code itself, without importing it, so that it shows what callers get.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

_HEAD = """# Public surface

Generated from the contract; a line per call and per model field. What a change here means for
callers is what a contract change means for them.
"""


def surface(package: Path) -> str:
    """Describe the calls and models of the package in this folder as Markdown."""
    parts = [_HEAD]
    for tag in sorted(path.parent for path in package.glob("api/*/__init__.py")):
        parts += [f"\n## client.{tag.name}\n\n", *_calls(tag)]
    modules = sorted(package.glob("models/*.py"))
    if len(modules) > 1:
        parts.append("\n## Models\n")
    for module in modules:
        parts += [_model(node, tree) for tree in [_parse(module)] for node in _classes(tree)]
    return "".join(parts)


def _calls(tag: Path) -> Iterator[str]:
    resource = next(_classes(_parse(tag / "__init__.py")))
    methods = [node for node in resource.body if isinstance(node, ast.FunctionDef)]
    for method in sorted(methods, key=lambda node: node.name):
        if method.name != "__init__":
            verb, path = _request(_parse(tag / f"{method.name}.py"))
            call = f"client.{tag.name}.{method.name}{_signature(method)}"
            yield f"- `{call}` — `{verb} {path}`\n"


def _signature(method: ast.FunctionDef) -> str:
    arguments = method.args
    arguments.args = arguments.args[1:]
    for argument in [*arguments.args, *arguments.kwonlyargs]:
        argument.annotation = _unquoted(argument.annotation)
    returns = _unquoted(method.returns)
    return f"({ast.unparse(arguments)}) -> {ast.unparse(returns) if returns else 'None'}"


def _unquoted(annotation: ast.expr | None) -> ast.expr | None:
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return ast.parse(annotation.value, mode="eval").body
    return annotation


def _request(module: ast.Module) -> tuple[str, str]:
    for node in ast.walk(module):
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "_kwargs":
            assert isinstance(node.value, ast.Dict)
            method, url = node.value.values[:2]
            text = url.func.value if isinstance(url, ast.Call) else url  # type: ignore[attr-defined]
            return ast.literal_eval(method).upper(), ast.literal_eval(text)
    raise AssertionError("every generated operation builds its request in `_kwargs`")


def _model(node: ast.ClassDef, tree: ast.Module) -> str:
    names = _json_names(node)
    lines = [_field(item, names) for item in node.body if isinstance(item, ast.AnnAssign)]
    lines += [f"- `{ast.unparse(item)}`\n" for item in node.body if isinstance(item, ast.Assign)]
    return f"\n### {node.name}\n\n" + "".join(line for line in lines if line)


def _field(item: ast.AnnAssign, names: dict[str, str]) -> str:
    name, annotation = ast.unparse(item.target), ast.unparse(item.annotation)
    if name == "additional_properties":
        return f"- any other field: `{annotation.removeprefix('dict[str, ').removesuffix(']')}`\n"
    parts = annotation.split(" | ")
    kind = " | ".join(part for part in parts if part not in ("Unset", "None")) or "None"
    notes = ["optional" if "Unset" in parts else "required"]
    notes += ["nullable"] if "None" in parts else []
    alias = names.get(name, name)
    notes += [f"JSON `{alias}`"] if alias != name else []
    return f"- `{name}: {kind}` — {', '.join(notes)}\n"


def _json_names(node: ast.ClassDef) -> dict[str, str]:
    """Read from `to_dict` which JSON name each Python name has."""
    names: dict[str, str] = {}
    for item in ast.walk(node):
        if isinstance(item, ast.Dict):
            pairs = list(zip(item.keys, item.values, strict=True))
        elif isinstance(item, ast.Assign) and isinstance(item.targets[0], ast.Subscript):
            pairs = [(item.targets[0].slice, item.value)]
        else:
            continue
        for key, value in pairs:
            if isinstance(key, ast.Constant) and isinstance(value, ast.Name):
                names[value.id] = str(key.value)
    return names


def _classes(tree: ast.Module) -> Iterator[ast.ClassDef]:
    return (node for node in tree.body if isinstance(node, ast.ClassDef))


def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))
