"""Identifiers: UUID version 7 (RFC 9562, section 5.7), so that they sort by the moment of their making."""

from __future__ import annotations

import os
import time

SHORT_ID_LENGTH = 13
"""A short id is the time part of a UUIDv7: 8 hexadecimal digits, a dash, 4 digits."""


def new_id() -> str:
    """A new UUIDv7 as text."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76  # version
    value = value & ~(0x3 << 62) | 0x2 << 62  # variant
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def short_id(identifier: str) -> str:
    """The part of an id that is shown where no name is known."""
    return identifier[:SHORT_ID_LENGTH]
