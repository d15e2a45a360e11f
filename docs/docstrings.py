"""Hooks for Sphinx: how our docstrings, signatures and annotations appear in the reference."""

import importlib
import inspect
import re
import sys

import attrs
from docutils import nodes
from sphinx.addnodes import (
    desc_addname,
    desc_annotation,
    desc_name,
    desc_sig_space,
    desc_signature,
    pending_xref,
)
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from chainhub._tasks import FileOperation, TaskOperation
from chainhub_api.types import UNSET
from chainhub_resources import Resources

# The groups of operations in the contract except videos, which have their own page.
GROUPS = sorted(
    name for name, item in vars(Resources).items() if isinstance(item, property) and name != "video"
)
# Public modules, for names that an annotation has without a module, or with a private one.
MODULES = (
    "chainhub.",
    "chainhub.sandbox.",
    "chainhub.testing.",
    "chainhub_api.models.",
    "chainhub_api.types.",
    *(f"chainhub_resources.{name}." for name in ("video", *GROUPS)),
    "",
)

# httpx publishes no inventory for intersphinx, which would need the network too.
EXTERNAL_URLS = {
    "httpx.AsyncClient": "https://www.python-httpx.org/api/#asyncclient",
    "httpx.Client": "https://www.python-httpx.org/api/#client",
    "httpx.Timeout": "https://www.python-httpx.org/advanced/timeouts/",
}

LONGEST_DEFAULT = 100  # characters; a longer default belongs in the text

_SECTION = re.compile(r"(Args|Attributes|Raises|Returns|Yields|Example)s?:")
_FIELD = re.compile(r"(\s+\w+) \(([^()]*)\):")
_OPEN_FIELD = re.compile(r"\s+\w+ \([^()]*")
_MARKUP = re.compile(r"[\\`*|<>]|_(?!\w)")
_OPERATION = re.compile(r"chainhub_resources\.(\w+)\.(_\w+)")
_BLOCK_START = re.compile(r"^(?:[-+•#=~^\"':.]|\w{1,4}[.)] )")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the functions of this module to the events of Sphinx."""
    app.connect("source-read", describe_groups)
    app.connect("autodoc-process-docstring", process_docstring, priority=100)
    app.connect("autodoc-process-signature", process_signature)
    app.connect("doctree-read", remove_unset)
    app.connect("doctree-read", name_operations)
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True}


def describe_groups(app: Sphinx, page: str, source: list[str]) -> None:
    """Add the other groups of the contract, and operations with methods, to the client's page."""
    if page != "reference/video":
        return
    for name in ("video", *GROUPS):
        module = importlib.import_module(f"chainhub_resources.{name}")
        resources = [key for key in vars(module) if key.endswith("Resource")]
        if name in GROUPS:
            source[0] += _heading(f"client.{name}")
        for resource in resources if name in GROUPS else ():
            source[0] += f"\n.. autoclass:: {module.__name__}.{resource}\n"
            source[0] += "   :members:\n   :inherited-members:\n"
        for method, operation in vars(getattr(module, resources[0])).items():
            if isinstance(operation, TaskOperation | FileOperation):
                operation_type = type(operation)
                methods = [key for key in dir(operation_type) if not key.startswith("_")]
                source[0] += _heading(f"client.{name}.{method}")
                source[0] += f"\n.. autoclass:: {module.__name__}.{operation_type.__name__}\n"
                source[0] += f"   :members: {', '.join(['__call__', *methods])}\n"
                source[0] += "   :member-order: bysource\n"


def _heading(text: str) -> str:
    return f"\n\n{text}\n{'-' * len(text)}\n"


def name_operations(app: Sphinx, page: nodes.document) -> None:
    """Replace the private classes of operations, each with one instance, by the public names."""
    for signature in page.findall(desc_signature):
        match = _OPERATION.match(f"{signature.get('module')}.{signature.get('fullname')}")
        if not match:
            continue
        operation = vars(sys.modules[f"chainhub_resources.{match[1]}"])[match[2]]
        full_name = f"client.{operation._name}"
        for node in [*signature.findall(desc_annotation), *signature.findall(desc_addname)]:
            node.parent.remove(node)
        for node in signature.findall(desc_name):
            text = node.astext()
            node.clear()
            is_operation = text in (match[2], "__call__")
            node += nodes.Text(full_name if is_operation else f"{full_name}.{text}")


def process_docstring(
    app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]
) -> None:
    """Make the code under `Example:` a block, and the vendor's texts plain text."""
    if what == "class" and _OPERATION.fullmatch(name):  # its call says the same below
        lines.clear()
    # For a field of a model, Sphinx passes an object of its own.
    module = name if what == "attribute" else str(getattr(thing, "__module__", name))
    if module.startswith(("chainhub_api", "chainhub_resources")):
        lines[:] = plain(lines)
        # The attributes of a model have their own entries below.
        if "Attributes:" in lines and name.startswith("chainhub_api.models."):
            del lines[lines.index("Attributes:") :]
    if what in ("property", "attribute") and lines:
        lines[0] = f": {lines[0]}"  # napoleon takes the text before the first colon for a type
    for index in [index for index, line in enumerate(lines) if line == "Example:"]:
        lines[index : index + 1] = ["Example::", ""]


def plain(lines: list[str]) -> list[str]:
    """Return a docstring of generated code without markup: its sentences are the vendor's.

    The texts of the generator stay: the headings of sections, names and types of fields.
    A response never contains Unset, so it is removed from the types.
    """
    result: list[str] = []
    in_section = False
    for line in _join_lines(lines):
        in_section = in_section or bool(_SECTION.fullmatch(line))
        head = _FIELD.match(line) if in_section else None
        prefix = "        " if in_section and line.startswith("  ") else ""
        if head:
            prefix = f"{head[1]} ({_type(head[2])}):"
        text = line[len(head[0]) :] if head else line.strip()
        is_heading = _SECTION.fullmatch(line) and in_section
        result.append(line if is_heading else f"{prefix}{_escape(text)}".rstrip())
    return result


def _join_lines(lines: list[str]) -> list[str]:
    """Put `name (type):` on one line where the generator has wrapped a long type."""
    result: list[str] = []
    for line in lines:
        if result and _OPEN_FIELD.fullmatch(result[-1]):
            result[-1] += f" {line.strip()}"
        else:
            result.append(line)
    return result


def _type(text: str) -> str:
    parts = [part for part in text.split(" | ") if part != "Unset"]
    return " | ".join(sorted(parts, key=lambda part: part == "None"))


def _escape(text: str) -> str:
    escaped = _MARKUP.sub(lambda mark: f"\\{mark[0]}", text)
    return re.sub(_BLOCK_START, lambda mark: f"\\{mark[0]}", escaped)


def process_signature(
    app: Sphinx,
    what: str,
    name: str,
    thing: object,
    options: object,
    signature: str | None,
    returns: str | None,
) -> tuple[str, str | None] | None:
    """Leave out long defaults, and the constructors of objects that users only receive."""
    if not signature:
        return None
    if what == "class" and _OPERATION.fullmatch(name):
        return "", None
    if what == "exception" or name.endswith("Resource") or name.startswith("chainhub_api.models."):
        return "", returns
    for parameter in inspect.signature(thing).parameters.values() if callable(thing) else ():
        default = parameter.default
        if default in (UNSET, attrs.NOTHING) or len(repr(default)) > LONGEST_DEFAULT:
            signature = signature.replace(f"= {default!r}", "= ...")
    return signature, returns


def remove_unset(app: Sphinx, page: nodes.document) -> None:
    """Remove Unset from the types in signatures: the default shows that a value is optional."""
    for name in list(page.findall(pending_xref)):
        if name["reftarget"].rpartition(".")[2] == "Unset":
            index = name.parent.index(name)
            if isinstance(name.parent[index - 1], desc_sig_space):
                del name.parent[index - 3 : index + 1]  # with the bar between two spaces


def resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, text: nodes.Node
) -> nodes.Node | None:
    """Resolve a name without module, or with a private one, in the module that users import."""
    module, _, name = (reference := str(node.get("reftarget", ""))).rpartition(".")
    name = name.removeprefix("_")  # as generated resources import types
    if url := EXTERNAL_URLS.get(reference):
        return nodes.reference("", reference, refuri=url, internal=False)
    if module and not module.startswith("chainhub"):
        return None  # although a class of ours may have the same name
    if module == "chainhub.sandbox._script":
        name = "Step"  # the kinds of steps differ in what they do, not in how they are used
    python = env.domains.python_domain
    for target in (prefix + name for prefix in MODULES):
        if entry := python.objects.get(target):
            return python.resolve_xref(
                env, node["refdoc"], app.builder, entry.objtype, target, node, text
            )
    return None
