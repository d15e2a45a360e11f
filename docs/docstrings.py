"""Join what our docstrings and annotations mean to what Sphinx makes of them."""

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

# The groups of operations that the contract has beside the videos, which have a text of their own.
GROUPS = sorted(
    name for name, one in vars(Resources).items() if isinstance(one, property) and name != "video"
)
# Where people import what an annotation names alone, or by the private module it is made in.
HOMES = (
    "chainhub.",
    "chainhub.sandbox.",
    "chainhub.testing.",
    "chainhub_api.models.",
    "chainhub_api.types.",
    *(f"chainhub_resources.{name}." for name in ("video", *GROUPS)),
    "",
)

# httpx publishes no inventory for intersphinx, which would need the network as well.
ELSEWHERE = {
    "httpx.AsyncClient": "https://www.python-httpx.org/api/#asyncclient",
    "httpx.Client": "https://www.python-httpx.org/api/#client",
    "httpx.Timeout": "https://www.python-httpx.org/advanced/timeouts/",
}

LONG = 100  # characters of a default, which belongs into the text then

_SECTION = re.compile(r"(Args|Attributes|Raises|Returns|Yields|Example)s?:")
_FIELD = re.compile(r"(\s+\w+) \(([^()]*)\):")
_OPEN = re.compile(r"\s+\w+ \([^()]*")
_MARKUP = re.compile(r"[\\`*|<>]|_(?!\w)")
_OPERATION = re.compile(r"chainhub_resources\.(\w+)\.(_\w+)")
_BEGINS_A_BLOCK = re.compile(r"^(?:[-+•#=~^\"':.]|\w{1,4}[.)] )")


def setup(app: Sphinx) -> dict[str, bool]:
    """Let Sphinx ask the functions of this module."""
    app.connect("source-read", describe_groups)
    app.connect("autodoc-process-docstring", prepare, priority=100)
    app.connect("autodoc-process-signature", shorten)
    app.connect("doctree-read", leave_out_unset)
    app.connect("doctree-read", name_operations)
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True}


def describe_groups(app: Sphinx, page: str, source: list[str]) -> None:
    """Add to the page of the client the groups of a grown contract, and operations with methods."""
    if page != "reference/video":
        return
    for name in ("video", *GROUPS):
        module = importlib.import_module(f"chainhub_resources.{name}")
        resources = [one for one in vars(module) if one.endswith("Resource")]
        if name in GROUPS:
            source[0] += _heading(f"client.{name}")
        for one in resources if name in GROUPS else ():
            source[0] += f"\n.. autoclass:: {module.__name__}.{one}\n"
            source[0] += "   :members:\n   :inherited-members:\n"
        for own, operation in vars(getattr(module, resources[0])).items():
            if isinstance(operation, TaskOperation | FileOperation):
                kind = type(operation)
                methods = [one for one in dir(kind) if not one.startswith("_")]
                source[0] += _heading(f"client.{name}.{own}")
                source[0] += f"\n.. autoclass:: {module.__name__}.{kind.__name__}\n"
                source[0] += f"   :members: {', '.join(['__call__', *methods])}\n"
                source[0] += "   :member-order: bysource\n"


def _heading(text: str) -> str:
    return f"\n\n{text}\n{'-' * len(text)}\n"


def name_operations(app: Sphinx, page: nodes.document) -> None:
    """Call operations what callers call them: their classes are private, and have one instance."""
    for signature in page.findall(desc_signature):
        found = _OPERATION.match(f"{signature.get('module')}.{signature.get('fullname')}")
        if not found:
            continue
        own = vars(sys.modules[f"chainhub_resources.{found[1]}"])[found[2]]
        whole = f"client.{own._name}"
        for node in [*signature.findall(desc_annotation), *signature.findall(desc_addname)]:
            node.parent.remove(node)
        for node in signature.findall(desc_name):
            shown = node.astext()
            node.clear()
            node += nodes.Text(whole if shown in (found[2], "__call__") else f"{whole}.{shown}")


def prepare(
    app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]
) -> None:
    """Make the code under `Example:` a block, and the vendor's words plain text."""
    if what == "class" and _OPERATION.fullmatch(name):  # its call says the same below
        lines.clear()
    # What stands for a field of a model is an object of Sphinx's own.
    home = name if what == "attribute" else str(getattr(thing, "__module__", name))
    if home.startswith(("chainhub_api", "chainhub_resources")):
        lines[:] = plain(lines)
        # Those of a model have entries of their own below.
        if "Attributes:" in lines and name.startswith("chainhub_api.models."):
            del lines[lines.index("Attributes:") :]
    if what in ("property", "attribute") and lines:
        lines[0] = f": {lines[0]}"  # napoleon takes what is before the first colon for a type
    for place in [place for place, line in enumerate(lines) if line == "Example:"]:
        lines[place : place + 1] = ["Example::", ""]


def plain(lines: list[str]) -> list[str]:
    """Return a docstring of generated code without markup: its sentences are the vendor's.

    What the generator itself wrote stays: the headings of sections, names and types of fields.
    An answer never holds Unset, so its type does not say so.
    """
    found: list[str] = []
    in_section = False
    for line in _joined(lines):
        in_section = in_section or bool(_SECTION.fullmatch(line))
        head = _FIELD.match(line) if in_section else None
        kept = "        " if in_section and line.startswith("  ") else ""
        if head:
            kept = f"{head[1]} ({_type(head[2])}):"
        text = line[len(head[0]) :] if head else line.strip()
        is_heading = _SECTION.fullmatch(line) and in_section
        found.append(line if is_heading else f"{kept}{_escaped(text)}".rstrip())
    return found


def _joined(lines: list[str]) -> list[str]:
    """Put `name (type):` on one line where the generator has wrapped a long type."""
    found: list[str] = []
    for line in lines:
        if found and _OPEN.fullmatch(found[-1]):
            found[-1] += f" {line.strip()}"
        else:
            found.append(line)
    return found


def _type(text: str) -> str:
    parts = [part for part in text.split(" | ") if part != "Unset"]
    return " | ".join(sorted(parts, key=lambda part: part == "None"))


def _escaped(text: str) -> str:
    escaped = _MARKUP.sub(lambda mark: f"\\{mark[0]}", text)
    return re.sub(_BEGINS_A_BLOCK, lambda mark: f"\\{mark[0]}", escaped)


def shorten(
    app: Sphinx,
    what: str,
    name: str,
    thing: object,
    options: object,
    signature: str | None,
    returns: str | None,
) -> tuple[str, str | None] | None:
    """Leave out long defaults, and how what is given is made."""
    if not signature:
        return None
    if what == "class" and _OPERATION.fullmatch(name):
        return "", None
    if what == "exception" or name.endswith("Resource") or name.startswith("chainhub_api.models."):
        return "", returns
    for one in inspect.signature(thing).parameters.values() if callable(thing) else ():
        if one.default in (UNSET, attrs.NOTHING) or len(repr(one.default)) > LONG:
            signature = signature.replace(f"= {one.default!r}", "= ...")
    return signature, returns


def leave_out_unset(app: Sphinx, page: nodes.document) -> None:
    """Leave out of the types in signatures that a value may be left out: the default says so."""
    for name in list(page.findall(pending_xref)):
        if name["reftarget"].rpartition(".")[2] == "Unset":
            place = name.parent.index(name)
            if isinstance(name.parent[place - 1], desc_sig_space):
                del name.parent[place - 3 : place + 1]  # with the bar between two spaces


def resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, text: nodes.Node
) -> nodes.Node | None:
    """Find a name that an annotation gives alone, or by its module, where people import it."""
    place, _, name = (whole := str(node.get("reftarget", ""))).rpartition(".")
    name = name.removeprefix("_")  # generated resources import types so
    if address := ELSEWHERE.get(whole):
        return nodes.reference("", whole, refuri=address, internal=False)
    if place and not place.startswith("chainhub"):
        return None  # although a class of ours may have the same name
    if place == "chainhub.sandbox._script":
        name = "Step"  # the kinds of steps differ in what they do, not in how they are used
    python = env.domains.python_domain
    for target in (home + name for home in HOMES):
        if found := python.objects.get(target):
            return python.resolve_xref(
                env, node["refdoc"], app.builder, found.objtype, target, node, text
            )
    return None
