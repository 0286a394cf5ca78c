"""The content of a damaged blob, where it can be had with proof: what comes out has the hash that names it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from nbtrack.store.blob_check import BlobRow
from nbtrack.store.blobs import digest_of

_SEARCHED = 1 << 22
"""Bytes of a blob in which a flipped bit is looked for: a second's work."""


def rescue(row: BlobRow, stored: bytes) -> bytes | None:
    """The content of a blob from its damaged stored bytes or its damaged row; None if it cannot be had.

    Tried are the other form than the row tells, a compressed form whose checksum is damaged, and each of these with the
    one bit put back that has flipped, if it was one.
    """
    for candidate in (stored, with_bit_put_back(stored, row.checksum)):
        for content in _readings(candidate) if candidate is not None else ():
            if digest_of(content) == row.digest:
                return content
    return None


def _readings(stored: bytes) -> Iterator[bytes]:
    yield stored
    for packed, form in ((stored, zlib.MAX_WBITS), (stored[2:], -zlib.MAX_WBITS)):
        unpacker = zlib.decompressobj(form)
        try:
            content = unpacker.decompress(packed)
        except zlib.error:
            continue
        yield content


def with_bit_put_back(stored: bytes, checksum: int | None) -> bytes | None:
    """The bytes that have this CRC-32 and differ from `stored` in one bit; None if there are none.

    CRC is linear: a flipped bit changes it by a value that depends on the bit's distance from the end alone. So the
    difference is taken back byte by byte until it is that of a single bit in the byte at hand.
    """
    if checksum is None or len(stored) > _SEARCHED:
        return None
    difference = zlib.crc32(stored) ^ checksum
    table = _table()
    bits = {table[1 << bit]: 1 << bit for bit in range(8)}
    index_of = {entry >> 24: index for index, entry in enumerate(table)}
    for place in range(len(stored) - 1, -1, -1):
        if difference in bits:
            return stored[:place] + bytes([stored[place] ^ bits[difference]]) + stored[place + 1 :]
        index = index_of[difference >> 24]
        difference = ((difference ^ table[index]) << 8 | index) & 0xFFFFFFFF
    return None


def _table() -> list[int]:
    """What each byte adds to a CRC-32."""
    found = []
    for byte in range(256):
        entry = byte
        for _ in range(8):
            entry = entry >> 1 ^ (0xEDB88320 if entry & 1 else 0)
        found.append(entry)
    return found
