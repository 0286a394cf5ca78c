"""A journal's file looked at byte by byte: what is whole, what is not, and what stands where nothing should.

The keeper reads a journal as far as it is whole (`nbtrack.store.journal`); here every byte is accounted for. A frame whose
checksum does not fit is damage where it was whole before (the store has taken it in) or where whole frames follow. At the
end of the file it may also be what a death cut off: nothing can tell the two apart.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field

from nbtrack.store.journal import DRAINED, FRAME, HEADER, MAGIC, MAGIC_1

_FIRST = re.compile(rb"[\[PS]")
"""What a payload begins with."""


@dataclass(slots=True)
class Scan:
    """What a journal's file holds.

    Attributes
    ----------
    frames
        How many are whole.
    damage
        What is wrong with the file, as sentences without their subject.
    after
        Where each whole frame behind a damaged place begins.
    """

    frames: int = 0
    damage: list[str] = field(default_factory=list)
    after: list[int] = field(default_factory=list)


def scan(content: bytes, drained: int = 0, told: int | None = None) -> Scan:
    """Look at all bytes of a journal's file.

    Parameters
    ----------
    drained
        How far the store has taken it in: up to there all was whole once.
    told
        How far it had when the content had been read; the same by default.
    """
    found = Scan()
    if not any(content):
        if drained:
            found.damage.append("is empty, and was not once")
        return found  # prepared, nothing written yet
    offset = _check_head(content, drained, found)
    borders = {0, offset}
    view = memoryview(content)
    while (end := _whole(view, offset)) or not is_end(content, offset):
        if end:
            found.frames += 1
            offset = end
            borders.add(offset)
            continue
        start, offset = offset, next_frame(content, offset + 1)
        _name_damage(found, start, offset, len(content), drained)
    if offset < drained:
        found.damage.append(f"ends at byte {offset:,}, but the store has taken in {drained:,} bytes")
    if content.startswith(MAGIC):
        (word,) = DRAINED.unpack_from(content, len(MAGIC))
        if word not in borders or word > max(drained if told is None else told, HEADER):
            found.damage.append(f"says that the store has taken in {word:,} bytes, which is not so")
    return found


def _check_head(content: bytes, drained: int, found: Scan) -> int:
    """Where frames begin."""
    if content.startswith(MAGIC_1):
        return len(MAGIC_1)
    if not content.startswith(MAGIC):
        if drained or any(content[: len(MAGIC)]):
            found.damage.append("does not begin as a journal does")
        else:
            found.damage.append("has no beginning: its process died before it was finished")
        if _whole(memoryview(content), len(MAGIC_1)):
            return len(MAGIC_1)
    elif any(content[len(MAGIC) + DRAINED.size : HEADER]):
        found.damage.append("has something in the reserved bytes of its head")
    return HEADER


def _name_damage(found: Scan, start: int, end: int, size: int, drained: int) -> None:
    if end < size:
        found.after.append(end)
        found.damage.append(f"has {end - start:,} damaged bytes at byte {start:,}; whole frames follow")
    elif start < drained:
        found.damage.append(f"is damaged from byte {start:,} on; it was whole once")
    else:
        found.damage.append(f"is damaged or was cut off at byte {start:,}; no whole frame follows")


def _whole(content: memoryview, offset: int) -> int:
    """The end of the whole frame at `offset`; 0 if there is none."""
    if len(content) - offset < FRAME.size:
        return 0
    length, checksum = FRAME.unpack_from(content, offset)
    begin, end = offset + FRAME.size, offset + FRAME.size + length
    if not length or end > len(content) or zlib.crc32(content[begin:end]) != checksum:
        return 0
    return int(end)


def is_end(content: bytes, offset: int) -> bool:
    """Whether only the zeros of what was allocated follow."""
    return content.count(0, offset) == len(content) - offset


def next_frame(content: bytes, start: int) -> int:
    """Where the next whole frame begins at or behind `start`; the end of the content where none does."""
    view, most = memoryview(content), len(content)
    for first in _FIRST.finditer(content, start + FRAME.size):
        offset = first.start() - FRAME.size
        if FRAME.unpack_from(content, offset)[0] <= most - offset and _whole(view, offset):
            return offset
    return most


def mended_head(content: bytes, position: int) -> bytes:
    """A head for a file whose own is damaged; its form is told by where the first whole frame is."""
    if _whole(memoryview(content), len(MAGIC_1)) and not content.startswith(MAGIC):
        return MAGIC_1
    return MAGIC + DRAINED.pack(position) + bytes(HEADER - len(MAGIC) - DRAINED.size)
