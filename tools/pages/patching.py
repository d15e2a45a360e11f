"""Change the text of a YAML document so that it says something else, and touch no other line.

The contract in place keeps the vendor's own layout: the diff after a page was added shows that
page and nothing else.
"""

from __future__ import annotations

import yaml  # type: ignore[import-untyped]  # it ships without types

from tools.contract import mapping
from tools.documents import Json, parse, text_of
from tools.errors import PipelineError


def patched(text: str, after: dict[str, Json]) -> str:
    """Return `text` changed to say `after`; where that cannot be done in place, `after` alone."""
    before = parse(text, "the contract")
    lines = text.splitlines(keepends=True)
    node = yaml.compose(text, Loader=yaml.CSafeLoader)
    if not _is_block(node):
        return text_of(after)
    if not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    for first, last, new in sorted(_edits(node, before, after), reverse=True):
        lines[first:last] = [new]
    patched_text = "".join(lines)
    try:
        same = parse(patched_text, "the contract") == after
    except PipelineError:
        same = False
    return patched_text if same else text_of(after)


def _edits(
    node: yaml.MappingNode, before: dict[str, Json], after: dict[str, Json]
) -> list[tuple[int, int, str]]:
    """List what lines to replace by what text; nothing is deleted that `after` still has."""
    begins = [key.start_mark.line for key, _ in node.value]
    ends = [*begins[1:], _last(node)]
    indent = " " * node.value[0][0].start_mark.column
    edits: list[tuple[int, int, str]] = []
    for (key, value), first, end in zip(node.value, begins, ends, strict=True):
        name = str(key.value)
        if name not in after:
            edits.append((first, end, ""))
        elif before[name] != after[name]:
            if _is_block(value) and isinstance(after[name], dict):
                edits += _edits(value, mapping(before[name]), mapping(after[name]))
            else:
                edits.append((first, _last(value), text_of({name: after[name]}, indent)))
    new = {name: after[name] for name in after if name not in before}
    if new:
        edits.append((ends[-1], ends[-1], text_of(new, indent)))
    return edits


def _is_block(node: yaml.Node) -> bool:
    return isinstance(node, yaml.MappingNode) and not node.flow_style and bool(node.value)


def _last(node: yaml.Node) -> int:
    """Return the line behind a value; blank lines and comments behind it belong to no value."""
    while _is_block(node) or (
        isinstance(node, yaml.SequenceNode) and not node.flow_style and node.value
    ):
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    end = node.end_mark
    return int(end.line + bool(end.column))
