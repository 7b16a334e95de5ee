"""A JSON Schema of the file, for editors (yaml-language-server and the like): made from the model, with the short forms that `shorthand` spells out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fcgipm.config.fields import POOL_NAME, PREFIX, VARIABLE_NAME
from fcgipm.config.model import ConfigFile

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
VARIABLE = {"type": "string", "pattern": r"\$\{"}
"""A value that holds a `${NAME}`: what it will be is not known before it is read."""


def json_schema() -> Schema:
    """The schema of a configuration file; an included file is valid against it too."""
    schema: Schema = _plain(ConfigFile.model_json_schema())
    keys = {**schema["$defs"], "ConfigFile": schema}
    for name, key, change in _CHANGES:
        properties = keys[name]["properties"]
        properties[key] = {**_notes(properties[key]), **change(_without_notes(properties[key]))}
    return {"$schema": DIALECT, **_with_variables(schema), "title": "fcgipm configuration"}


def _path_or(schema: Schema) -> Schema:
    return {"anyOf": [{"type": "string", "minLength": 1}, schema]}


def _address_or(schema: Schema) -> Schema:
    one = {"anyOf": [{"type": "string"}, schema["items"]]}
    return {"anyOf": [*one["anyOf"], {**schema, "items": one}]}


def _number_or(schema: Schema) -> Schema:
    return {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 1000}, schema]}


def _scalars(schema: Schema) -> Schema:
    return {**_names(VARIABLE_NAME)(schema), "additionalProperties": {"type": ["string", "number", "boolean"]}}


def _names(pattern: str) -> Callable[[Schema], Schema]:
    return lambda schema: {**schema, "propertyNames": {"pattern": f"^{pattern}$"}}


_CHANGES: tuple[tuple[str, str, Callable[[Schema], Schema]], ...] = (
    ("ConfigFile", "control", _path_or),
    ("Pool", "listen", _address_or),
    ("Http", "listen", _path_or),
    ("Http", "static", _names(PREFIX)),
    ("Pool", "workers", _number_or),
    ("Pool", "env", _scalars),
    ("ConfigFile", "pools", _names(POOL_NAME)),
)


def _notes(schema: Schema) -> Schema:
    return {key: schema[key] for key in ("description",) if key in schema}


def _without_notes(schema: Schema) -> Schema:
    return {key: value for key, value in schema.items() if key not in ("description", "default")}


def _plain(schema: Any) -> Any:
    """Without what pydantic adds and the file does not mean: null (a key is given or not), titles, and defaults (in another notation than the file's)."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        key: _plain(value)
        for key, value in schema.items()
        if key not in ("default", "title") or isinstance(value, dict)
    }
    choices = [choice for choice in kept.get("anyOf", []) if choice != {"type": "null"}]
    if len(choices) > 1:
        kept["anyOf"] = choices
    if len(choices) == 1:
        del kept["anyOf"]
        kept = {**choices[0], **kept}
    return kept


def _with_variables(schema: Any) -> Any:
    """Every limited scalar may also be a variable."""
    if isinstance(schema, list):
        return [_with_variables(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if _is_limited_scalar(schema):
        return {**_notes(schema), "anyOf": [_without_notes(schema), VARIABLE]}
    return {key: value if key == "propertyNames" else _with_variables(value) for key, value in schema.items()}


def _is_limited_scalar(schema: Schema) -> bool:
    limited = "pattern" in schema or "enum" in schema or "const" in schema
    return schema.get("type") in ("integer", "boolean") or (schema.get("type") == "string" and limited)
