"""Try the generated package before it is swapped in, in a process that has attrs and httpx only.

Every module is imported; the request of every operation is built of sample values, and its example
is parsed. This finds code that the generator accepts and that fails at the first call.
"""

from __future__ import annotations

import datetime
import enum
import gc
import importlib
import inspect
import io
import json
import re
import subprocess
import sys
import traceback
import types
import typing
import uuid
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

PACKAGE = "chainhub_api"
# attrs, httpx and their dependencies: the package may import no other installed package.
_ALLOWED = frozenset(
    [
        "anyio",
        "attr",
        "attrs",
        "certifi",
        "h11",
        "httpcore",
        "httpx",
        "idna",
        "sniffio",
        "typing_extensions",
    ]
)
_SAMPLES: dict[object, object] = {
    bool: True,
    bytes: b"bytes",
    float: 0.5,
    int: 7,
    str: "text",
    type(None): None,
    datetime.date: datetime.date(2026, 1, 2),
    datetime.datetime: datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
    uuid.UUID: uuid.UUID(int=7),
}
_SECONDS = 300.0


def faults(folder: Path) -> dict[str, str]:
    """Try the package in a folder; return the operations that fail, with the reason.

    Returns:
        Reasons by operation, such as `video.query`; by `""` for a fault of the whole package.
    """
    command = [sys.executable, "-I", "-W", "ignore", __file__, str(folder)]
    try:
        process = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        return {"": f"the generated code ran for {_SECONDS:.0f} s and was stopped"}
    if process.returncode != 0:
        return {"": (process.stderr.strip() or "the process that tried it died").splitlines()[-1]}
    reasons: dict[str, str] = json.loads(process.stdout)
    return reasons


class _ImportGuard(MetaPathFinder):
    """Refuse imports of packages that an installed client would not have."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top not in _ALLOWED and top != PACKAGE:
            raise ModuleNotFoundError(f"it imports {top}, which is no dependency", name=top)


class _Response:
    """A response and its client, with the attributes that generated functions use."""

    raise_on_unexpected_status = True
    headers: typing.ClassVar[dict[str, str]] = {}

    def __init__(self, status: int, value: object) -> None:
        self.status_code = status
        self._document = json.dumps(value)
        self.text = value if isinstance(value, str) else self._document
        self.content = self.text.encode()

    def json(self) -> object:
        return json.loads(self._document)


def _try_package(folder: Path) -> dict[str, str]:
    package = folder / PACKAGE
    models = importlib.import_module(f"{PACKAGE}.models")
    importlib.import_module(f"{PACKAGE}.client")  # which no operation loads
    contract = json.loads((package / "contract.json").read_text("utf-8"))
    reasons = {}
    for name, described in contract["operations"].items():
        try:
            _try_operation(importlib.import_module(f"{PACKAGE}.api.{name}"), described, models)
        except Exception as error:  # noqa: BLE001  # generated code may raise any exception
            reasons[name] = _sentence(error)
    if not reasons:
        for name in models.__all__:
            getattr(models, name)
    return reasons


def _try_operation(module: Any, operation: dict[str, Any], models: Any) -> None:  # noqa: ANN401
    get_kwargs = module._get_kwargs
    sample = _Sampler(models)
    parameters = inspect.signature(get_kwargs).parameters
    values = {name: sample(parameter.annotation) for name, parameter in parameters.items()}
    required = {
        name: values[name]
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty
    }
    for arguments in (values, required):
        request = get_kwargs(**arguments)
        json.dumps([request["url"], request.get("params"), request.get("json")], default=_plain)
        if re.search(r"[{}]", request["url"]):
            raise ValueError(f"its path keeps a gap: {request['url']}")
    example = operation["example"]
    if example is not None and not operation["binary"]:
        response = _Response(operation["status"], example)
        parsed = module._parse_response(client=response, response=response)
        for item in parsed if isinstance(parsed, list) else [parsed]:
            if hasattr(item, "to_dict"):
                json.dumps(item.to_dict())


def _plain(value: object) -> str:
    if isinstance(value, enum.Enum | uuid.UUID | datetime.date):
        return str(value)
    raise TypeError(f"{type(value).__name__} is sent as it is")


class _Sampler:
    """Make a value of a declared type; a model has all its fields."""

    def __init__(self, models: Any) -> None:  # noqa: ANN401
        self._models = models
        self._in_progress: list[object] = []

    def __call__(self, kind: Any) -> Any:  # noqa: ANN401
        origin, arguments = typing.get_origin(kind), typing.get_args(kind)
        if origin in (typing.Union, types.UnionType):
            return self._first(arguments)
        if origin is typing.Literal:
            return arguments[0]
        if origin is list:
            return [] if arguments[0] in self._in_progress else [self(arguments[0])]
        if origin is dict or kind is dict:
            return {}
        if kind in _SAMPLES or kind is Any or kind is object:
            return _SAMPLES.get(kind, "any")
        if isinstance(kind, type) and issubclass(kind, enum.Enum):
            return next(iter(kind))
        if kind.__name__ == "File":
            return kind(payload=io.BytesIO(b"bytes"), file_name="f.bin")
        return self._model(kind)

    def _first(self, members: tuple[Any, ...]) -> Any:  # noqa: ANN401
        """Take the first member that has a value and is no model that is in progress."""
        candidates = [
            member
            for member in members
            if getattr(member, "__name__", "") not in ("Unset", "NoneType")
        ]
        usable = [member for member in candidates if member not in self._in_progress]
        if usable:
            return self(usable[0])
        return next((None for member in members if member is type(None)), self._unset())

    def _unset(self) -> object:
        return importlib.import_module(f"{PACKAGE}.types").UNSET

    def _model(self, kind: Any) -> object:  # noqa: ANN401
        attrs = importlib.import_module("attrs")
        names = _Names(vars(sys.modules[kind.__module__]), self._models)
        self._in_progress.append(kind)
        try:
            values = {
                field.alias: self(
                    eval(field.type, {}, names) if isinstance(field.type, str) else field.type
                )
                for field in attrs.fields(kind)
                if field.init
            }
        finally:
            self._in_progress.pop()
        return kind(**values)


class _Names(dict[str, object]):
    """The names of a generated module, and the models, which it imports for type checkers only."""

    def __init__(self, namespace: dict[str, object], models: object) -> None:
        super().__init__(namespace)
        self._models = models

    def __missing__(self, name: str) -> object:
        if name in ("datetime", "UUID"):
            return datetime if name == "datetime" else uuid.UUID
        if hasattr(self._models, name):
            return getattr(self._models, name)
        raise KeyError(name)  # then it is a builtin


def _sentence(error: BaseException) -> str:
    """Say what failed, and where in the generated code."""
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if PACKAGE in frame.filename
    ]
    place = ""
    if frames:
        _, _, file = frames[-1].filename.rpartition(f"{PACKAGE}/")
        place = f" ({file}:{frames[-1].lineno})"
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}{place}."


def _main() -> None:
    folder = Path(sys.argv[1])
    gc.disable()  # a short process in which nothing becomes garbage
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(folder))
    sys.meta_path.insert(0, _ImportGuard())
    try:
        reasons = _try_package(folder)
    except Exception as error:  # noqa: BLE001  # see above
        reasons = {"": _sentence(error)}
    sys.stdout.write(json.dumps(reasons))


if __name__ == "__main__":
    _main()
