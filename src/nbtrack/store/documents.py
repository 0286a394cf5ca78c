"""Documents of a bundle as JSON, and back from JSON that nobody has vouched for.

JSON as Python writes it: NaN, infinities, -0.0, integers of any size and lone surrogates stay what they are. Reading is
strict: exactly the fields of the document, each of its type, no name twice; only one with a default may be missing.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import types
import typing
from typing import Any, TypeVar

T = TypeVar("T")

_INTEGER = range(-(2**63), 2**63)
_LONGEST = 10_000_000
"""Characters of one text: a traceback or note beyond it would be no accident."""


def to_json(document: Any) -> bytes:
    """A document as JSON; the same document gives the same bytes."""
    return json.dumps(document, default=_plain, separators=(",", ":")).encode()


def _plain(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def from_json(hint: type[T], content: bytes) -> T:
    """The document of the type `hint` that `content` holds.

    Raises
    ------
    ValueError
        If it holds anything else; says where.
    """
    try:
        plain = json.loads(content.decode("utf-8"), object_pairs_hook=_object)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    document: T = _build(hint, plain, hint.__name__)
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("it has a name twice")
    return content


@functools.cache
def _fields(document: type) -> dict[str, Any]:
    return typing.get_type_hints(document)


@functools.cache
def _required(document: type) -> frozenset[str]:
    return frozenset(
        field.name
        for field in dataclasses.fields(document)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    )


def _build(hint: Any, plain: Any, where: str) -> Any:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        hints = _fields(hint)
        if not isinstance(plain, dict) or not _required(hint) <= plain.keys() <= hints.keys():
            raise ValueError(f"{where} does not have the fields that it must have")
        return hint(**{name: _build(hints[name], value, f"{where}.{name}") for name, value in plain.items()})
    if origin is list and isinstance(plain, list):
        return [_build(inner[0], item, where) for item in plain]
    if origin is dict and isinstance(plain, dict):
        return {_text(name, where): _build(inner[1], item, where) for name, item in plain.items()}
    if origin in (types.UnionType, typing.Union):
        return None if plain is None else _build(inner[0], plain, where)
    if hint is Any:
        return plain
    if hint is str and isinstance(plain, str):
        return _text(plain, where)
    if hint is int and type(plain) is int and plain in _INTEGER:
        return plain
    if hint is float and type(plain) in (float, int):
        return float(plain)
    if hint is bool and isinstance(plain, bool):
        return plain
    raise ValueError(f"{where} is not what it must be")


def _text(plain: str, where: str) -> str:
    try:
        plain.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{where} has a text that UTF-8 cannot hold") from None
    if len(plain) > _LONGEST:
        raise ValueError(f"{where} has a text that is too long")
    return plain
