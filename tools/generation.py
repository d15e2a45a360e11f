"""Generate the package from a repaired contract: openapi-python-client with our templates.

The generator runs in this process, on the contract as it was read. It counts as failed at its first
warning (what its command line calls `--fail-on-warning`) and whenever it left something out.
"""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from jinja2 import BaseLoader, Environment, FileSystemBytecodeCache
from openapi_python_client import Project
from openapi_python_client.config import Config, ConfigFile, MetaType
from openapi_python_client.parser import GeneratorData, openapi
from openapi_python_client.parser.errors import GeneratorError, ParseError
from openapi_python_client.parser.openapi import Endpoint
from openapi_python_client.parser.properties import model_property
from openapi_python_client.parser.properties.protocol import PropertyProtocol
from openapi_python_client.schema import ParameterLocation

from tools import keywords, layout, properties, received
from tools.contract import Place, mapping, operations
from tools.documents import Json
from tools.errors import PipelineError
from tools.repair.media import BYTES, contents, is_bytes
from tools.security import write_security
from tools.servers import write_servers
from tools.tasks.compile import Tables, compiled
from tools.tasks.written import TASKS, Life, Operations, tasks_module, write_contract

# The generator guards the contract's strings so well that its own messages cannot show them.
_GUARDED: Final = re.compile(r"<\S*UntrustedString object at 0x[0-9a-f]+>")

# The start of an error that is about one operation.
_HEADER: Final = re.compile(r"WARNING parsing ([A-Z]+) (\S+) within ")
_ANNOTATIONS: Final = ("description", "example")

# What is different in the generator's own templates. httpx is imported by what makes a client of
# it: it takes longer to load than all the rest. An operation does not load the clients, which take
# half of its time. And httpx takes a new boundary for every form, which no file contains.
_EDITS: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    "client.py.jinja": [
        (
            "import ssl\nfrom typing import Any,",
            "from __future__ import annotations\n\nfrom typing import TYPE_CHECKING, Any,",
        ),
        ("\nimport httpx\n", "\nif TYPE_CHECKING:\n    import ssl\n\n    import httpx\n"),
        (
            " self._client = httpx.Client(",
            " import httpx\n\n            self._client = httpx.Client(",
        ),
        (
            " self._async_client = httpx.AsyncClient(",
            " import httpx\n\n            self._async_client = httpx.AsyncClient(",
        ),
    ],
    "endpoint_module.py.jinja": [
        ("from typing import Any, cast", "from typing import TYPE_CHECKING, Any, cast"),
        ("\nimport httpx\n", ""),
        ("from ...client import AuthenticatedClient, Client\n", ""),
        (
            "\ndef _get_kwargs(",
            "if TYPE_CHECKING:\n    import httpx\n"
            "    from ...client import AuthenticatedClient, Client\n\ndef _get_kwargs(",
        ),
        ("client: AuthenticatedClient | Client,", 'client: "AuthenticatedClient | Client",'),
        ("response: httpx.Response", 'response: "httpx.Response"'),
        (
            'headers["Content-Type"] = "multipart/form-data; boundary=+++"',
            'headers.pop("Content-Type", None)',
        ),
        (
            "    {{ cookie_params(endpoint) | indent(4) }}\n",
            "    {{ cookie_params(endpoint) | indent(4) }}\n"
            "{% for kind, given in [('headers', endpoint.header_parameters),"
            " ('cookies', endpoint.cookie_parameters)] if given %}"
            "    {{ kind }} = {k: v for k, v in {{ kind }}.items() if v is not None}\n{% endfor %}",
        ),
        (
            '=quote(str({{parameter.python_name}}), safe="")',
            '=quote(str(_text({{parameter.python_name}})), safe="'
            '{{ "," if parameter.template == "list_property.py.jinja" }}")',
        ),
        (  # a file that says what it is, is sent as that
            'headers["Content-Type"] = "{{ body',
            'headers["Content-Type"] = {% if body.body_type == "content" %}'
            'getattr(body, "mime_type", None) or {% endif %}"{{ body',
        ),
        (  # by what a value is: Python does not look for a `list[str]`
            "isinstance(body, {{body.prop.get_type_string(no_optional=True)"
            " | as_unembedded_code }}):",
            "isinstance(body, {% for one in body.prop.inner_properties | default([body.prop]) %}"
            "{{ one.get_instance_type_string() | as_unembedded_code }}"
            '{{ " | " if not loop.last }}{% endfor %}):',
        ),
        (  # no body has no media type, and null is a body, which httpx takes for none
            '    _kwargs["headers"] = headers\n',
            "{% for body in endpoint.bodies %}"
            "{% if loop.length == 1 and not body.prop.required %}"
            '    if isinstance(body, Unset):\n        headers.pop("Content-Type", None)\n'
            "{% endif %}"
            '{% if body.body_type == "json" and "None" in (body.prop.get_type_string()'
            ' | as_unembedded_code).split(" | ") %}'
            '    if body is None:\n        _kwargs["content"] = b"null"\n{% endif %}{% endfor %}'
            '    _kwargs["headers"] = headers\n',
        ),
    ],
    "endpoint_macros.py.jinja": [
        (
            "{% set expression = parameter.python_name %}",
            '{% set expression = "_text(" + parameter.python_name + ")" %}',
        ),
        ('"] = {{ parameter.python_name }}', '"] = _text({{ parameter.python_name }})'),
        (
            "if not property.json_is_dict %}",
            "if not property.json_is_dict or"
            ' (styles(endpoint) or {})[property.name.get_untrusted_value()] == "deepObject" %}',
        ),
        (
            "v is not UNSET and v is not None}\n",
            "v is not UNSET and v is not None}\n"
            "{% if styles(endpoint) is not none %}"
            "params = _in_text(params, {{ styles(endpoint) }})\n{% endif %}",
        ),
        (
            "{{ prop_template.transform_multipart_body(property) }}\n",
            "{{ prop_template.transform_multipart_body(property) }}\n{% else %}\n"
            '{% if property.required %}\n_kwargs["files"] = body.to_multipart()\n{% else %}\n'
            'if not isinstance(body, Unset):\n    _kwargs["files"] = body.to_multipart()\n'
            "{% endif %}\n",
        ),
        ('_kwargs["data"] = body.to_dict()', '_kwargs["data"] = _in_text(body.to_dict())'),
        ("client: AuthenticatedClient,", 'client: "AuthenticatedClient",'),
        ("client: AuthenticatedClient | Client,", 'client: "AuthenticatedClient | Client",'),
    ],
}


_CHECK_CONFLICTS: Final = Endpoint._check_parameters_for_conflicts


class Unparsed(PipelineError):
    """Stop because the generator left something out; `operations` are those in its errors."""

    def __init__(self, sentence: str, operations: dict[Place, str]) -> None:
        super().__init__(sentence)
        self.operations = operations


def parse(document: dict[str, Json], place: str) -> GeneratorData:
    """Read a repaired contract as the generator does, without writing anything.

    Raises:
        Unparsed: the generator has a warning or an error.
    """
    try:
        with redirect_stdout(io.StringIO()):
            data = _parsed(_simplified(document), _config(document, layout.BUILD))
    except PipelineError:
        raise
    except Exception as error:  # on some schemas it crashes, with any exception
        raise Unparsed(
            f"{place} cannot be generated: {type(error).__name__}: {error}.", {}
        ) from error
    if isinstance(data, GeneratorError):
        raise Unparsed(f"{place} cannot be generated: {_sentence([data])}", {})
    groups = data.endpoint_collections_by_tag.values()
    errors = [error for group in groups for error in group.parse_errors]
    if errors or data.errors:
        sentence = f"{place} cannot be generated: {_sentence([*data.errors, *errors])}"
        raise Unparsed(sentence, _by_operation(errors))
    for endpoint in (endpoint for group in groups for endpoint in group.endpoints):
        if len(endpoint.bodies) > 1:  # its template uses the name and does not import it
            endpoint.relative_imports.add("from ...types import Unset")
    return data


def _by_operation(errors: Sequence[GeneratorError]) -> dict[Place, str]:
    """Group errors by the operation that the generator's header names."""
    matches = ((_HEADER.match(error.header), error) for error in errors)
    return {
        ("paths", match[2], match[1].lower()): _detail(error) for match, error in matches if match
    }


def generate(
    document: dict[str, Json],
    data: GeneratorData,
    place: str,
    into: Path,
    published: Mapping[str, Place] | None = None,
) -> Operations:
    """Write the package for what was parsed of `document` into `into`, which must not exist.

    Args:
        document: The repaired contract.
        data: What the generator understood of it.
        place: The name of the contract, for messages.
        into: The folder of the package.
        published: The operationIds that the contract had before it was repaired.

    Returns:
        The operations by the names that callers use.

    Raises:
        PipelineError: the generator has a warning or an error, or left something out.
    """
    config = _config(document, into)
    tables = compiled(document, place, published or {})
    operation_names = Operations(document, data)
    operation_names.renamed += properties.distinct(data)
    try:
        with _tools_on_path(), redirect_stdout(io.StringIO()):
            errors = _run(data, config, operation_names, tables)
    except Exception as error:  # on some schemas it crashes, with any exception
        raise PipelineError(
            f"{place} cannot be generated: {type(error).__name__}: {error}."
        ) from error
    if errors:
        raise PipelineError(f"{place} cannot be generated: {_sentence(errors)}")
    _check_count("operations", sum(1 for _ in operations(document)), into / "api", "*/*.py", place)
    _check_count("models", len(data.models) + len(data.enums), into / "models", "*.py", place)
    write_servers(document, place, into, operation_names)
    write_contract(tables, operation_names, into)
    _write_stub(into / "models" / "__init__.pyi", data)
    (into / "py.typed").touch()
    return operation_names


def _write_stub(path: Path, data: GeneratorData) -> None:
    """Declare the models for type checkers; at run time a lazy module loads them."""
    classes = sorted(
        (model.class_info for model in (*data.models, *data.enums)), key=lambda info: info.name
    )
    imports = "".join(
        f"from .{info.module_name} import {info.name} as {info.name}\n" for info in classes
    )
    names = "".join(f'    "{info.name}",\n' for info in classes)
    path.write_text(f"{imports}\n__all__ = (\n{names})\n" if names else "__all__ = ()\n", "utf-8")


def _simplified(document: dict[str, Json]) -> dict[str, Json]:
    """Copy a contract into a form that the generator reads in full, and leave it unchanged.

    It takes extensions beside status codes for statuses, and reads the description and example of a
    parameter only from its schema.
    """
    paths: dict[str, Json] = {}
    for path, item in mapping(document["paths"]).items():
        paths[path] = {
            key: _without_extensions(_annotated(value)) if isinstance(value, dict) else value
            for key, value in _annotated(mapping(item)).items()
        }
    components = _annotated(mapping(document.get("components")))
    return {**document, "paths": paths, "components": components}


def _without_extensions(operation: dict[str, Json]) -> dict[str, Json]:
    responses = mapping(operation.get("responses"))
    statuses = {key: value for key, value in responses.items() if not key.startswith("x-")}
    return {**operation, "responses": statuses} if len(statuses) < len(responses) else operation


def _annotated(holder: dict[str, Json]) -> dict[str, Json]:
    match holder.get("parameters"):
        case list(parameters):
            return {**holder, "parameters": [*map(_annotated_parameter, parameters)]}
        case dict(parameters):
            annotated = {name: _annotated_parameter(value) for name, value in parameters.items()}
            return {**holder, "parameters": annotated}
    return holder


def _annotated_parameter(parameter: Json) -> Json:
    schema = mapping(parameter).get("schema")
    if not isinstance(parameter, dict) or not isinstance(schema, dict) or "$ref" in schema:
        return parameter
    annotations: dict[str, Json] = {key: parameter[key] for key in _ANNOTATIONS if key in parameter}
    return {**parameter, "schema": {**annotations, **schema}}


def _parsed(document: dict[str, Json], config: Config) -> GeneratorData | GeneratorError:
    # The parser copies each operation, with all its models, whenever it adds to it, and never looks
    # at the one it copied from again: a third of its time.
    with (
        _patched(openapi, "deepcopy", lambda endpoint: endpoint),
        # Of fields with one name it makes two, and refuses the third; `distinct` names them all.
        _patched(model_property, "_resolve_naming_conflict", lambda *_: None),
        _patched(Endpoint, "_check_parameters_for_conflicts", _check_conflicts),
        # Values of every type can be sent in a header: `text` writes them.
        _patched(PropertyProtocol, "_allowed_locations", {*ParameterLocation}),
    ):
        return GeneratorData.from_dict(document, config=config)


def _check_conflicts(endpoint: Endpoint, **options: Any) -> Endpoint:
    """Name parameters as the generator does; where it fails, `distinct` names them."""
    result = _CHECK_CONFLICTS(endpoint, **options)
    return endpoint if isinstance(result, ParseError) else result


def _run(
    data: GeneratorData, config: Config, operation_names: Operations, tables: Tables
) -> Sequence[GeneratorError]:
    names = received.adapt(data)
    properties.adapt(data, names)
    project = Project(openapi=data, config=config, custom_template_path=layout.TEMPLATES)
    project.env.loader = _EditedTemplates(project.env.loader)
    project.env.globals |= {"received": names, "takes_none": received.takes_none}
    project.env.globals |= {
        "keywords": keywords.Keywords(data.models),
        "life": Life(tables, operation_names),
    }
    styles = {
        id(operation_names.endpoint(place)): operation_names.styles(place)
        for _, place in operation_names
    }
    project.env.globals["styles"] = lambda endpoint: styles[id(endpoint)]
    # Compiling the templates takes longer than one operation does; Python keeps its modules too.
    cache = layout.BUILD / "templates" / version("jinja2")
    cache.mkdir(parents=True, exist_ok=True)
    project.env.bytecode_cache = FileSystemBytecodeCache(str(cache))
    project.env.auto_reload = False  # nor does it look again, at each use, whether one has changed
    # Jinja compares the names of its globals at each import, which a plain dict does at once.
    with _patched(
        project.env, "make_globals", lambda variables: {**project.env.globals, **(variables or {})}
    ):
        macros = project.env.get_template("resource_macros.jinja").make_module()
        returns: Callable[[Endpoint], object] = vars(macros)["returns"]
        types = {
            place: str(returns(operation_names.endpoint(place))) for _, place in operation_names
        }
        run_hooks = project._run_post_hooks

        def finish() -> None:
            (project.package_dir / TASKS).write_text(
                tasks_module(tables, operation_names, types), "utf-8"
            )
            write_security(operation_names.document, operation_names, project.package_dir)
            resources = project.package_dir.with_name(layout.RESOURCES)
            _write_resources(project, resources)
            run_hooks()
            with _patched(project, "project_dir", resources):
                run_hooks()

        with _patched(project, "_run_post_hooks", finish):
            return project.build()


class _EditedTemplates(BaseLoader):
    """Load the generator's templates with `_EDITS` made in them, and ours as they are."""

    def __init__(self, templates: BaseLoader | None) -> None:
        assert templates is not None  # the generator's project has a loader
        self._templates = templates

    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        text, file, is_new = self._templates.get_source(environment, template)
        for before, after in _EDITS.get(template, ()):
            if before not in text:
                raise LookupError(f"{template} of this version of the generator has no {before!r}")
            text = text.replace(before, after)
        return text, file, is_new


def _write_resources(project: Project, into: Path) -> None:
    """Write the package with a class for every tag, which calls the package with the operations."""
    into.mkdir()
    (into / "py.typed").touch()
    text = project.env.get_template("resources_init.py.jinja").render()
    (into / "__init__.py").write_text(text, "utf-8")
    template = project.env.get_template("resource.py.jinja")
    for tag, collection in project.openapi.endpoint_collections_by_tag.items():
        text = template.render(endpoint_collection=collection)
        (into / f"{tag}.py").write_text(text, "utf-8")


@contextmanager
def _patched(owner: object, name: str, value: object) -> Iterator[None]:
    original = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, original)


def _config(document: dict[str, Json], into: Path) -> Config:
    try:
        file = ConfigFile.load_from_path(layout.CONFIG)
    except Exception as error:  # noqa: BLE001  # any exception of its reader means a wrong file
        reason = " ".join(str(error).split())
        raise PipelineError(f"{layout.shown(layout.CONFIG)} cannot be used: {reason}.") from None
    plain = dict.fromkeys(sorted(_byte_types(document)), BYTES)
    file.content_type_overrides = {**plain, **(file.content_type_overrides or {})}
    source = layout.REPAIRED  # only a name: the contract itself is handed over
    return Config.from_sources(
        file, MetaType.NONE, source, "utf-8", overwrite=False, output_path=into
    )


def _byte_types(document: dict[str, Json]) -> set[str]:
    """Find the media types that are plain bytes, of which the generator knows only one."""
    return {
        media_type
        for content, is_body in contents(document)
        for media_type in content
        if is_bytes(media_type, is_body=is_body)
    }


@contextmanager
def _tools_on_path() -> Iterator[None]:
    """Let the generator's hooks find the ruff that is locked with this interpreter."""
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), before])
    try:
        yield
    finally:
        os.environ["PATH"] = before


def _sentence(errors: Sequence[GeneratorError]) -> str:
    first = errors[0]
    text = f"{first.header} {_detail(first)}"
    text = _GUARDED.sub("…", " ".join(text.split()).rstrip("."))
    rest = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{text[:500]}{rest}."


def _detail(error: GeneratorError) -> str:
    text = _GUARDED.sub("…", " ".join((error.detail or error.header).split()).rstrip("."))
    return f"{text[:300]}."


def _check_count(kind: str, expected: int, folder: Path, pattern: str, place: str) -> None:
    actual = sum(1 for path in folder.glob(pattern) if path.name != "__init__.py")
    if expected != actual:
        raise PipelineError(f"{place} has {expected} {kind}, but {actual} of them were generated.")
