"""Ask the library what is wrong with a contract; loading it takes longer than most contracts do."""

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
    # Left to itself the library takes jsonschema-rs, whose errors do not say what lies deepest.
    schema_validator = validator_for(dict(schema_v30))(dict(schema_v30))


class _V31(OpenAPIV31SpecValidator):
    schema_validator = validator_for(dict(schema_v31))(dict(schema_v31))


_VALIDATORS: Final = {"3.0.": _V30, "3.1.": _V31}


def faults(document: dict[str, Json]) -> Iterator[tuple[str, str]]:
    """Find what the specification does not allow: each place and what is wrong there.

    Raises:
        RecursionError: a schema is made of itself.
    """
    validator = _VALIDATORS[str(document["openapi"])[:4]]
    try:
        for error in validator(cast("Schema", document)).iter_errors():
            if not isinstance(error, DuplicateOperationIDError):  # ours are unique in their tag
                yield _worded(error)
    except RecursionError:
        raise
    except Exception as error:  # noqa: BLE001  # it crashes where a reference leads to another kind
        yield "", f"a part is not what its place asks for ({type(error).__name__}: {error})"


def _worded(error: ValidationError) -> tuple[str, str]:
    """Word the fault that lies deepest: where a choice fails, the choice itself says little."""
    found = list(_within(error))
    depth = max(len(one.absolute_path) for one in found)
    deepest = [one for one in found if len(one.absolute_path) == depth]
    first = deepest[0]
    message = first.message
    allowed = [value for one in deepest if one.validator == "enum" for value in one.validator_value]
    if first.validator == "enum" and all(one.instance == first.instance for one in deepest):
        message = f"{first.instance!r} is not one of {allowed}"
    return "/".join(str(step) for step in first.absolute_path), message


def _within(error: ValidationError) -> Iterator[ValidationError]:
    yield error
    for inner in error.context:
        yield from _within(inner)
