"""Contains some shared types for properties"""

import json
import warnings
from collections.abc import Mapping, MutableMapping
from enum import Enum
from http import HTTPStatus
from typing import IO, Any, BinaryIO, Generic, Literal, TypeVar

from attrs import define


class Unset:
    """What stands where no value was given: what is sent then has no such field, and an option stays as it is"""

    def __bool__(self) -> Literal[False]:
        return False

    def __repr__(self) -> str:
        return "UNSET"

    def __reduce__(self) -> str:
        return "UNSET"  # also a copy, or what comes out of a pickle, is the one that `is UNSET`


UNSET: Unset = Unset()

# The types that `httpx.Client(files=)` can accept, copied from that library.
FileContent = IO[bytes] | bytes | str
FileTypes = (
    # (filename, file (or bytes), content_type)
    tuple[str | None, FileContent, str | None]
    # (filename, file (or bytes), content_type, headers)
    | tuple[str | None, FileContent, str | None, Mapping[str, str]]
)
RequestFiles = list[tuple[str, FileTypes]]


@define
class File:
    """A file: in a form, or as the response of an operation whose response is one

    Attributes:
        payload (BinaryIO): The bytes, to be read.
        file_name (None | str): The name that a form gives it.
        mime_type (None | str): The media type that it is sent as; that of the contract, if it is None.
    """

    payload: BinaryIO
    file_name: str | None = None
    mime_type: str | None = None

    def to_tuple(self) -> FileTypes:
        """Return a tuple representation that httpx will accept for multipart/form-data"""
        return self.file_name, self.payload, self.mime_type


class Received:
    """A model that has come in an answer: a field that was left out is None, and `to_dict` leaves it out again"""

    __slots__ = ("_left_out",)
    _left_out: set[str]

    def _as_it_came(self, fields: dict[str, Any]) -> dict[str, Any]:
        for name in getattr(self, "_left_out", ()):  # there is none if a caller has made the model
            if fields.get(name) is None:
                fields.pop(name, None)
        return fields


T = TypeVar("T")
E = TypeVar("E", bound=Enum)


def listed(kind: type[E], value: Any) -> E | Any:
    """Return the member of an enumeration for a value that came; one that is not listed is kept as it is"""
    try:
        return kind(value)
    except ValueError:
        return value


def sent(kind: type[Enum], value: Any) -> Any:
    """Return the value to send for a member or a plain value; warn of one that the contract does not list"""
    plain = value.value if isinstance(value, Enum) else value
    if plain not in [member.value for member in kind]:
        warnings.warn(f"{plain!r} is none of the values the contract lists for {kind.__name__}", stacklevel=2)
    return plain


def text(value: Any) -> Any:
    """Return what a path, a header or a cookie says for a value: a list's values with commas; None for None"""
    if isinstance(value, list):
        return ",".join(str(text(one)) for one in value)
    plain = value.to_dict() if hasattr(value, "to_dict") else value
    if isinstance(plain, bool | dict):
        return json.dumps(plain)
    return plain.isoformat() if hasattr(plain, "isoformat") else plain if plain is None else str(plain)


def in_text(values: Mapping[str, Any], styles: Mapping[str, str] = {}) -> dict[str, Any]:
    """Return the values of a query or a form as text: each list and object in its style, what is inside as JSON"""
    made: dict[str, Any] = {}
    for name, value in values.items():
        style = styles.get(name, "")
        if isinstance(value, dict) and style == "deepObject":
            inner = {f"{name}[{key}]": one for key, one in value.items()}
            made |= in_text(inner, dict.fromkeys(inner, style))
        elif isinstance(value, list) and style in (",", "|", " "):
            made[name] = style.join(str(text(one)) for one in value)
        elif isinstance(value, list):
            made[name] = [json.dumps(one) if isinstance(one, dict | list) else one for one in value]
        else:
            made[name] = json.dumps(value) if isinstance(value, dict) else value
    return made


def part(value: Any) -> FileTypes:
    """Return the part of a form for a value of any type: None is an empty text"""
    if isinstance(value, File):
        return value.to_tuple()
    if isinstance(value, dict | list):
        return None, json.dumps(value).encode(), "application/json"
    return None, str(text(value) or "").encode(), "text/plain"


def body_of(body: Any, fields: Mapping[str, Any]) -> Any:
    """Return the body that a caller gave, as a whole or by its fields"""
    given = {name: value for name, value in fields.items() if value is not UNSET}
    if given and body is not UNSET:
        raise TypeError(f"give either body or its fields ({', '.join(given)})")
    return given or body


@define
class Response(Generic[T]):
    """A response from an endpoint"""

    status_code: HTTPStatus
    content: bytes
    headers: MutableMapping[str, str]
    parsed: T | None


__all__ = ["UNSET", "File", "FileTypes", "Received", "RequestFiles", "Response", "Unset"]
