"""The OpenAPI document of the routes, made from the operations and the entities that answer them."""

from __future__ import annotations

import dataclasses
import enum
import functools
import inspect
import types
import typing
from typing import Any

from nbtrack.errors import NbtrackError
from nbtrack.server.offers import Offer, offers
from nbtrack.version import __version__

STATUSES = frozenset({403, 404, 405, 415, 500})
"""Statuses of the routes themselves; `statuses` adds those of nbtrack's errors."""

_PLAIN: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    float: {"type": "number"},
    types.NoneType: {"type": "null"},
    typing.Any: {},
}
# What is not finite travels as a word; only what stands in a list or a mapping is measured and may be so.
_MEASURED = {"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]}
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "details"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "details": {"type": "object"},
            },
        }
    },
}


class _JSONValue:
    """Stands for `values.JSONValue` while hints are read: typing would take the alias apart, without an end."""


def statuses() -> frozenset[int]:
    """Every status that an answer with an error may have."""

    def of(error: type[NbtrackError]) -> frozenset[int]:
        return frozenset({error.status}).union(*(of(child) for child in error.__subclasses__()))

    return STATUSES | of(NbtrackError)


@functools.cache
def description(base: str = "/") -> dict[str, Any]:
    """The document, for a server whose addresses begin with `base`."""
    schemas: dict[str, Any] = {"Error": _ERROR}
    paths = {f"/{offer.name}": _path(offer, schemas) for offer in offers().values()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "nbtrack", "version": __version__},
        "servers": [{"url": f"{base.rstrip('/')}/nbtrack/api"}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "Authorization"},
            },
        },
        "security": [{"token": []}],
    }


def _path(offer: Offer, schemas: dict[str, Any]) -> dict[str, Any]:
    place = {
        "name": "path",
        "in": "query",
        "description": "A notebook or a folder below the server's root; the store that serves it answers.",
        "schema": {"type": "string"},
    }
    answer = {"description": "The answer", "content": _json(schema(offer.operation.answer, schemas))}
    error = {"description": "An error", "content": _json({"$ref": "#/components/schemas/Error"})}
    operation: dict[str, Any] = {
        "operationId": offer.name,
        "summary": offer.summary,
        "parameters": [place],
        "responses": {"200": answer, **{str(status): error for status in sorted(statuses())}},
    }
    if offer.operation.decision:
        body = {
            "type": "object",
            "properties": {item.name: schema(item.hint, schemas) for item in offer.parameters},
            "required": [item.name for item in offer.parameters if item.required],
            "additionalProperties": False,
        }
        operation["requestBody"] = {"required": True, "content": _json(body)}
        return {"post": operation}
    operation["parameters"] += [
        {"name": item.name, "in": "query", "required": item.required, "schema": schema(item.hint, schemas)}
        for item in offer.parameters
    ]
    operation["responses"]["304"] = {"description": "The answer is the one of If-None-Match"}
    return {"get": operation}


def _json(content: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": content}}


def schema(hint: Any, schemas: dict[str, Any], *, measured: bool = False) -> dict[str, Any]:
    """The JSON schema of a type; entities are added to `schemas` and referred to."""
    if hint is float and measured:
        return _MEASURED
    if hint is _JSONValue:
        return {}
    if isinstance(hint, typing.Hashable) and hint in _PLAIN:
        return dict(_PLAIN[hint])
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return {"enum": [member.value for member in hint]}
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        if hint.__name__ not in schemas:
            schemas[hint.__name__] = {}  # an entity may hold its own kind
            schemas[hint.__name__] = _entity(hint, schemas)
        return {"$ref": f"#/components/schemas/{hint.__name__}"}
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is list:
        return {"type": "array", "items": schema(inner[0], schemas, measured=True)}
    if origin is dict:
        return {"type": "object", "additionalProperties": schema(inner[1], schemas, measured=True)}
    if origin in (types.UnionType, typing.Union):
        return {"anyOf": [schema(option, schemas, measured=measured) for option in inner]}
    raise TypeError(f"No schema is known for {hint!r}.")


def _entity(noun: type, schemas: dict[str, Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(noun, {**vars(inspect.getmodule(noun)), "JSONValue": _JSONValue})
    names = [field.name for field in dataclasses.fields(noun)]
    return {
        "type": "object",
        "description": inspect.cleandoc(noun.__doc__ or ""),
        "properties": {name: schema(hints[name], schemas) for name in names},
        "required": names,
    }
