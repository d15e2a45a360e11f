"""Generate the package from a repaired contract: openapi-python-client with our templates."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from openapi_python_client import Project
from openapi_python_client.config import Config, ConfigFile, MetaType
from openapi_python_client.parser import GeneratorData
from openapi_python_client.parser.errors import GeneratorError

from tools import answers, layout
from tools.documents import Json
from tools.problem import Problem


def generate(document: dict[str, Json], place: str, into: Path) -> None:
    """Write the package for `document` into the folder `into`, which must not exist.

    Raises:
        Problem: the generator has a warning or an error, or left something out.
    """
    config = _config(into)
    data = GeneratorData.from_dict(document, config=config)
    if isinstance(data, GeneratorError):
        raise Problem(f"{place} cannot be generated: {_sentence(data)}")
    project = Project(openapi=data, config=config, custom_template_path=layout.TEMPLATES)
    with _tools_on_path(), redirect_stdout(io.StringIO()):
        errors = project.build()
    if errors:
        raise Problem(f"{place} cannot be generated: {_sentence(*errors)}")
    _count(document, data, into, place)
    (into / "py.typed").touch()


def _config(into: Path) -> Config:
    try:
        file = ConfigFile.load_from_path(layout.CONFIG)
    except Exception as error:  # whatever its parser raises, the file is at fault
        raise Problem(f"{layout.shown(layout.CONFIG)} cannot be used: {error}.") from None
    return Config.from_sources(
        file, MetaType.NONE, layout.REPAIRED, "utf-8", overwrite=False, output_path=into
    )


@contextmanager
def _tools_on_path() -> Iterator[None]:
    """Let the generator's hooks find the ruff that is locked with this interpreter."""
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), before])
    try:
        yield
    finally:
        os.environ["PATH"] = before


def _sentence(*errors: GeneratorError) -> str:
    first = errors[0]
    text = " ".join(f"{first.header}: {first.detail or ''}".split())
    more = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
    return text.rstrip(": .")[:500] + f"{more}."


def _count(document: dict[str, Json], data: GeneratorData, into: Path, place: str) -> None:
    wanted = sum(1 for _ in answers.operations(document))
    written = sum(1 for path in into.glob("api/*/*.py") if path.name != "__init__.py")
    if wanted != written:
        raise Problem(f"{place} has {wanted} operations, but {written} modules were generated.")
    classes: Sequence[object] = [*data.models, *data.enums]
    files = sum(1 for path in into.glob("models/*.py") if path.name != "__init__.py")
    if len(classes) != files:
        raise Problem(f"{place} has {len(classes)} models, but {files} modules were generated.")
