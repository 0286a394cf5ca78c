"""Messages between a proxy and the keeper: a length (u32 LE) and that many bytes.

The bytes are ``length of the JSON (u32 LE) | JSON | attachments``. Bulk (``bytes``) is not in the JSON: there it is
``{"$bytes": [start, length]}``, a place among the attachments. An answer that has bulk must hold no mapping of a person's
own, which might look like such a place.

Request: ``{"version", "operation", "arguments"}``. Answer: ``{"ok"}``, ``{"error": {code, message, details}}``, or
``{"leaving": true}`` from a keeper older than the asker, which then starts the newer one. JSON as Python writes it,
with NaN and infinities.
"""

from __future__ import annotations

import json
import struct
from typing import Any

HEAD = struct.Struct("<I")
MAX_MESSAGE = 1 << 30
_BULK = "$bytes"


def pack(message: dict[str, Any]) -> bytes:
    """A message as bytes, with its length before it."""
    return b"".join(parts(message))


def parts(message: dict[str, Any]) -> list[bytes | memoryview]:
    """The same in parts that stand one behind the other; bulk is not copied."""
    bulk: list[bytes | memoryview] = []
    size = 0

    def attach(value: object) -> dict[str, list[int]]:
        nonlocal size
        if not isinstance(value, (bytes, memoryview)):
            raise TypeError(f"{type(value).__name__} cannot travel")
        bulk.append(value)
        size += len(value)
        return {_BULK: [size - len(value), len(value)]}

    content = json.dumps(message, separators=(",", ":"), default=attach).encode()
    return [HEAD.pack(HEAD.size + len(content) + size) + HEAD.pack(len(content)) + content, *bulk]


def unpack(content: bytes | bytearray) -> dict[str, Any]:
    """The message of a frame's content, which stands behind its length; bulk in it are views of `content`.

    Raises
    ------
    ValueError
        If it is none.
    """
    if len(content) < HEAD.size:
        raise ValueError("not a message")
    (length,) = HEAD.unpack_from(content)
    bulk, whole = HEAD.size + length, memoryview(content)

    def detach(value: dict[str, Any]) -> Any:
        place = value.get(_BULK)
        if len(value) != 1 or not isinstance(place, list):
            return value
        start, size = place
        return whole[bulk + start : bulk + start + size]

    text = content[HEAD.size : bulk]
    message = json.loads(text, object_hook=detach if len(content) > bulk else None)
    if not isinstance(message, dict):
        raise ValueError("not a message")
    return message


def version_key(version: str) -> tuple[int, ...]:
    """A version for comparison: ``1.10.0`` is newer than ``1.9.2``."""
    return tuple(int(part) for part in version.split(".") if part.isdecimal())
