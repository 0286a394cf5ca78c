"""Messages between a proxy and the keeper: a length (u32 LE) and that many bytes of JSON.

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


def pack(message: dict[str, Any]) -> bytes:
    """A message as bytes."""
    content = json.dumps(message, separators=(",", ":")).encode()
    return HEAD.pack(len(content)) + content


def unpack(content: bytes) -> dict[str, Any]:
    """The message of a frame's content.

    Raises
    ------
    ValueError
        If it is none.
    """
    message = json.loads(content)
    if not isinstance(message, dict):
        raise ValueError("not a message")
    return message


def version_key(version: str) -> tuple[int, ...]:
    """A version for comparison: ``1.10.0`` is newer than ``1.9.2``."""
    return tuple(int(part) for part in version.split(".") if part.isdecimal())
