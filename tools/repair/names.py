"""Give everything in a contract the name callers will see, by rules that look at one thing only.

The name of an operation follows from its method and path, the name of a model from its operation
and field; no rule looks at what follows in the contract, so a page added later renames nothing.

- tag: the first word of the path that is not a version: `/suno/submit/music` → `suno`.
- operation: the rest of the path: `submit_music`. A GET that does not begin with a verb of reading
  gets `get_`, or `list_` where the path ends in a plural; where a parameter at the end is all that
  differs from another, `_by_id` follows. Without a rest the method decides: `create`, `get`.
- a version other than v1 is said at the end: `/v2/video/create` → `create_v2`.
- a name that an operation before it has: `_of_` and the parameters, `list_tasks_of_owner`.
- longer than 40 characters: parts of the path are dropped from the front.
- model: tag, operation, `Request`, `Form` or `Answer`, then the fields that lead to it. Where the
  page says what is special about its request, in its place in the menu or its title, those words
  stand for `Request`: several pages can describe one operation.

What the contract or the overlay names well already keeps its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from tools.contract import TEMPLATE, Place, at, called, mapping, operations, sequence
from tools.documents import Json
from tools.repair.media import FORMS

LONGEST: Final = 40
_VERSION: Final = re.compile(r"v\d+([._]\d+)*")
_PARAMETER: Final = re.compile(r"\{.*\}")
_WORD: Final = re.compile(r"[a-z0-9]+")
# Where a word begins inside of others: `listPets`, `HTTPServer`, `v2Models`.
_HUMP: Final = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z0-9])(?=[A-Z][a-z])")
_GOOD_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_GOOD_TITLE: Final = re.compile(r"[A-Z][A-Za-z0-9]*")
_VERBS: Final = ("describe", "download", "fetch", "find", "get", "list", "query", "search", "show")
_ALONE: Final = {"post": "create", "put": "replace", "patch": "update", "delete": "delete"}

# Words of titles and menus that say nothing special of one page.
_COMMON: Final = frozenset(
    re.findall(
        r"\S+",
        """
        a aggregation an and as by create creating examples for format from generate generation
        generator in model models music of official on or painting platform see series song songs
        submission submit task tasks the to unified use using video videos with
        """,
    )
)
_SPECIAL: Final = 5  # words in a name

# What generated modules import, or call a variable: a model of that name would take its place.
TAKEN: Final = frozenset(
    re.findall(
        r"\S+",
        """
        any authenticatedclient binaryio client file generator httpstatus literal mapping response
        sequence t textio typevar unset uuid
        """,
    )
)

# Names that hand-written code has in these places; a generated one would hide it.
RESERVED: Final = {
    "video": ("wait", "watch", "wait_many", "as_completed", "download", "download_many")
}
RESERVED_TAGS: Final = frozenset(
    re.findall(
        r"\S+",
        """
        aclose api_key auth_header_name base_url close deadline get_async_httpx_client
        get_httpx_client prefix raise_on_unexpected_status request retry set_async_httpx_client
        set_httpx_client timeout token with_cookies with_headers with_options with_timeout
        """,
    )
)


def name_all(document: dict[str, Json]) -> list[str]:
    """Name the operations, tags and models of a contract; return notes on names that clash."""
    owners: dict[tuple[str, str], str] = {}
    notes: list[str] = []
    for place, operation in operations(document):
        path, method = str(place[1]), str(place[2])
        tag = safe_tag(_contract_name(sequence(operation.get("tags"))[:1]) or tag_of(path))
        candidates = [_contract_name([operation.get("operationId")]), *_names_of(method, path)]
        safe_names = [safe_name(tag, name) for name in candidates if name]
        name = next(name for name in safe_names if (tag, name) not in owners)
        if name != safe_names[0]:
            owner = f"{tag}.{safe_names[0]} is {owners[tag, safe_names[0]]}"
            notes.append(f"{called(place)} is called {tag}.{name}: {owner}.")
        owners[tag, name] = called(place)
        operation["tags"] = [tag]
        operation["operationId"] = name
    return notes + _ModelNames(document).name_all()


def _names_of(method: str, path: str) -> Iterator[str]:
    """Yield the name of an operation, then names for when an earlier operation has it already."""
    name = operation_of(method, path)
    yield name
    words = _WORD.findall(" ".join(TEMPLATE.findall(path.lower())))
    if words:
        suffix = "_of_" + _joined(words, LONGEST // 2)
        yield name[: LONGEST - len(suffix)].rstrip("_") + suffix
    # The first word of the path, which may not be in the tag, comes next; at last a number.
    yield operation_of(method, f"/all{path}")
    yield from (f"{name[: LONGEST - 4]}_{number}" for number in range(2, 100))


def tag_of(path: str) -> str:
    """Name the group of operations that a path belongs to."""
    return ([*_segments(path)] or ["service"])[0]


def operation_of(method: str, path: str) -> str:
    """Name an operation within its group, without looking at any other."""
    version = "_".join(_later_versions(path))
    room = LONGEST - len(version) - bool(version)
    return "_".join(word for word in (_operation_of(method, path, room), version) if word)


def _operation_of(method: str, path: str, room: int) -> str:
    segments = [*_segments(path)][1:]
    by_parameter = bool(_PARAMETER.fullmatch(path.rstrip("/").rpartition("/")[2]))
    if not segments:
        return _ALONE.get(method) or ("get" if by_parameter else "list_all")
    if method == "post":
        return _joined(segments, room)
    if method == "get":
        return _get_name(_joined(segments, room - len("get__by_id")), by_parameter)
    verb = _ALONE.get(method, method)
    return f"{verb}_{_joined(segments, room - len(verb) - 1)}"


def _later_versions(path: str) -> Iterator[str]:
    for segment in path.lower().split("/"):
        if _VERSION.fullmatch(segment) and not re.match(r"v1(\D|$)", segment):
            yield "_".join(_WORD.findall(segment))


def _get_name(name: str, by_parameter: bool) -> str:
    if name.partition("_")[0] in _VERBS:
        return f"{name}_by_id" if by_parameter else name
    if name.endswith("s"):
        return f"get_{name}" if by_parameter else f"list_{name}"
    return f"get_{name}_by_id" if by_parameter else f"get_{name}"


def safe_tag(tag: str) -> str:
    """Keep a tag off the names that every client has."""
    if not tag[:1].isalpha():
        return f"api_{tag}"
    return f"{tag}_api" if tag in RESERVED_TAGS else tag


def safe_name(tag: str, name: str) -> str:
    """Keep an operation off the names that hand-written code has in its group."""
    name = name if name[:1].isalpha() else f"call_{name}"
    return f"{name}_call" if name in RESERVED.get(tag, ()) else name


def _contract_name(values: list[Json]) -> str:
    """Return the name that the contract gives, unless it is a sentence or a whole path."""
    names = [_HUMP.sub("_", str(value)).lower() for value in values if value]
    return "".join(name for name in names if _GOOD_NAME.fullmatch(name) and len(name) <= LONGEST)


def _segments(path: str) -> Iterator[str]:
    for segment in path.split("/"):
        words = _WORD.findall(_HUMP.sub("_", _PARAMETER.sub("", segment)).lower())
        if words and not _VERSION.fullmatch(segment.lower()):
            yield "_".join(words)


def _joined(segments: list[str], room: int) -> str:
    """Join the last segments that fit; of a single one that does not, the last words."""
    while len("_".join(segments)) > room and len(segments) > 1:
        segments = segments[1:]
    words = "_".join(segments)
    while len(words) > room and "_" in words:
        words = words.partition("_")[2]
    return words[:room]


def special(text: str, stem: str = "") -> str:
    """Name what is special in a text, beside what the stem says and every page says."""
    common = {word.lower() for word in re.findall(r"[A-Z][a-z0-9]*", stem)} | _COMMON
    words = re.findall(r"[a-z]+[0-9]*|[0-9]+", text.lower())
    distinct = dict.fromkeys(word for word in words if word not in common)
    return pascal(" ".join([*distinct][:_SPECIAL]))


def request_of(operation: dict[str, Json], stem: str) -> str:
    """Name the request of an operation by what its page says of it, and by nothing else."""
    menu = str(operation.get("x-apifox-folder") or "")
    title = str(operation.get("summary") or "")
    return stem + (special(f"{menu} {title}", stem) or "Request")


def pascal(text: str) -> str:
    """Write the ASCII words of a text as a class name."""
    return "".join(word[:1].upper() + word[1:] for word in re.findall(r"[A-Za-z0-9]+", text))


class _ModelNames:
    """Gives every model of a contract a name of its own."""

    def __init__(self, document: dict[str, Json]) -> None:
        self._document = document
        self._names: set[str] = {*TAKEN}
        self._notes: list[str] = []
        self._enums: dict[str, Json] = {}
        self._shared_ids: set[int] = set()

    def name_all(self) -> list[str]:
        shared = mapping(at(self._document, ("components", "schemas")))
        owners = {pascal(name).lower(): name for name in shared}
        self._shared_ids = {*map(id, shared.values())}
        self._enums.update(dict.fromkeys(owners))
        for name, schema in shared.items():
            title = str(mapping(schema).get("title", "")).lower()
            # A title is no better than another's own name.
            if title and owners.get(title, name) != name:
                del mapping(schema)["title"]
            if "allOf" in mapping(schema) and not _is_model(mapping(schema)):
                if pascal(name).lower() in TAKEN:
                    mapping(schema).setdefault("title", self._free(pascal(name), ""))
                self._names.add(pascal(name).lower())
        for name, schema in list(shared.items()):
            self._schema(mapping(schema), pascal(name) or "Shared", "")
        components = mapping(self._document.get("components"))
        for name, parameter in mapping(components.get("parameters")).items():
            self._schema(mapping(mapping(parameter).get("schema")), f"{pascal(name)}Parameter", "")
        for kind, suffix in (("requestBodies", "Request"), ("responses", "Answer")):
            for name, holder in mapping(components.get(kind)).items():
                self._content(holder, f"{pascal(name)}{suffix}")
        for place, operation in operations(self._document):
            tag = sequence(operation["tags"])[0]
            self._operation(place, operation, pascal(f"{tag}_{operation['operationId']}"))
        return self._notes

    def _operation(self, place: Place, operation: dict[str, Json], stem: str) -> None:
        shared = mapping(at(self._document, place[:2])).get("parameters")
        for parameter in [*sequence(operation.get("parameters")), *sequence(shared)]:
            field = pascal(str(mapping(parameter).get("name")))
            self._schema(mapping(mapping(parameter).get("schema")), stem, field)
        self._content(operation.get("requestBody"), request_of(operation, stem), f"{stem}Form")
        responses = mapping(operation.get("responses"))
        good = "2" if any(status[:1] == "2" for status in responses) else "d"  # else the `default`
        for status, response in responses.items():
            self._content(response, stem + ("Answer" if status[:1] == good else f"Error{status}"))

    def _content(self, holder: Json, stem: str, form: str = "") -> None:
        contents = mapping(mapping(holder).get("content"))
        for number, (kind, content) in enumerate(contents.items()):
            suffix = pascal(kind.rpartition("/")[2]) if number else ""
            root = form if form and kind in FORMS else stem + suffix
            self._schema(mapping(mapping(content).get("schema")), root, "")

    def _schema(
        self, schema: dict[str, Json], root: str, field: str, *, inside: bool = False
    ) -> None:
        title = str(schema.get("title", ""))
        if title and (not _GOOD_TITLE.fullmatch(title) or title.lower() in self._names):
            del schema["title"]
        # Inside a model the generator names listed values by itself, after model and field.
        if "enum" in schema:
            (self._inside if inside else self._share)(schema, root, field)
        elif _is_model(schema) or (_is_joined(schema) and id(schema) not in self._shared_ids):
            root = str(schema.setdefault("title", self._free(root, field)))
            field = ""
            inside = True
            self._names.add(root.lower())
        elif "title" in schema and schema.keys() & {"anyOf", "oneOf"}:
            root, field = str(schema["title"]), ""
        for name, inner in mapping(schema.get("properties")).items():
            _separate_null(mapping(inner), pascal(name))
            self._schema(mapping(inner), root, field + (pascal(name) or "Field"), inside=inside)
        for key in ("items", "additionalProperties"):
            if mapping(schema.get(key)):
                self._schema(mapping(schema[key]), root, f"{field}Item", inside=inside)
        for key in ("allOf", "anyOf", "oneOf"):
            for number, inner in enumerate(sequence(schema.get(key))):
                case = f"{field}Case{chr(ord('A') + number % 26)}"
                self._schema(mapping(inner), root, case, inside=inside)

    def _inside(self, schema: dict[str, Json], root: str, field: str) -> None:
        """Give listed values of a model a title if the generator would use the same name twice."""
        preferred = name = pascal(str(schema.get("title", ""))) or field
        values = schema["enum"]
        while self._enums.setdefault((root + name).lower(), values) != values:
            name += "Other"
        if name != preferred:
            schema["title"] = name
            note = f"The values {root}{name} are called so because there is a {root}{preferred}."
            self._notes.append(note)

    def _share(self, schema: dict[str, Json], root: str, field: str) -> None:
        """Make listed values a shared schema: else their name begins with the operation's."""
        name = str(schema.get("title") or self._free(root, field))
        self._names.add(name.lower())
        components = mapping(self._document.setdefault("components", {}))
        schemas = mapping(components.setdefault("schemas", {}))
        if any(schema is item for item in schemas.values()):
            return
        own = {key: item for key, item in schema.items() if key not in ("default", "title")}
        default = {"default": schema["default"]} if "default" in schema else {}
        schemas[name] = own
        schema.clear()
        schema |= {"allOf": [{"$ref": f"#/components/schemas/{name}"}], **default}

    def _free(self, root: str, field: str) -> str:
        name = root + field
        while name.lower() in self._names:
            name += "Other"
        if name != root + field:
            self._notes.append(f"The model {name} is called so because there is a {root + field}.")
        return name


def _separate_null(schema: dict[str, Json], title: str) -> None:
    """Say null beside listed values, not among them: with and without it they are two types."""
    values = [value for value in sequence(schema.get("enum")) if value is not None]
    if not values or not (schema.get("nullable") or None in sequence(schema["enum"])):
        return
    part: dict[str, Json] = {"enum": list(values)}
    part |= {"type": schema.pop("type")} if "type" in schema else {}
    part |= {"title": title} if title else {}
    schema.pop("title", None)
    schema["oneOf"] = [part]
    schema["nullable"] = True
    del schema["enum"]


def _is_joined(schema: dict[str, Json]) -> bool:
    """Tell whether the generator joins the parts of a schema to one model."""
    return len(sequence(schema.get("allOf"))) + ("properties" in schema) > 1


def _is_model(schema: dict[str, Json]) -> bool:
    kind = schema.get("type")
    return kind == "object" or (kind is None and "properties" in schema)
