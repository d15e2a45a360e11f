"""Validate a contract with the library; loading it takes longer than most contracts do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, cast

from jsonschema import ValidationError  # type: ignore[import-untyped]  # it ships without types
from jsonschema.validators import validator_for  # type: ignore[import-untyped]
from jsonschema_path.typing import Schema
from openapi_spec_validator import OpenAPIV30SpecValidator, OpenAPIV31SpecValidator
from openapi_spec_validator.schemas import schema_v30, schema_v31
from openapi_spec_validator.validation.exceptions import DuplicateOperationIDError

from tools.documents import Json


class _V30(OpenAPIV30SpecValidator):
    # By default the library uses jsonschema-rs, whose errors do not have the deepest cause.
    schema_validator = validator_for(dict(schema_v30))(dict(schema_v30))


class _V31(OpenAPIV31SpecValidator):
    schema_validator = validator_for(dict(schema_v31))(dict(schema_v31))


_VALIDATORS: Final = {"3.0.": _V30, "3.1.": _V31}


def faults(document: dict[str, Json]) -> Iterator[tuple[str, str]]:
    """Find what the specification does not allow: each place and what is wrong there.

    Raises:
        RecursionError: a schema contains itself.
    """
    validator = _VALIDATORS[str(document["openapi"])[:4]]
    try:
        for error in validator(cast("Schema", document)).iter_errors():
            if not isinstance(
                error, DuplicateOperationIDError
            ):  # operationIds must be unique in their tag only
                yield _path_and_message(error)
    except RecursionError:
        raise
    except Exception as error:  # noqa: BLE001  # it crashes if a reference leads to another kind of object
        yield "", f"a part is not what its place asks for ({type(error).__name__}: {error})"


def _path_and_message(error: ValidationError) -> tuple[str, str]:
    """Return the deepest error: of a failed `oneOf` or `anyOf` the outer error says little."""
    nested = list(_nested(error))
    depth = max(len(item.absolute_path) for item in nested)
    deepest = [item for item in nested if len(item.absolute_path) == depth]
    first = deepest[0]
    message = first.message
    values = [
        value for item in deepest if item.validator == "enum" for value in item.validator_value
    ]
    if first.validator == "enum" and all(item.instance == first.instance for item in deepest):
        message = f"{first.instance!r} is not one of {values}"
    return "/".join(str(step) for step in first.absolute_path), message


def _nested(error: ValidationError) -> Iterator[ValidationError]:
    yield error
    for inner in error.context:
        yield from _nested(inner)
