"""The points of a series as bytes: what a chunk in the store holds and what travels to whoever wants the curve.

Layout, little-endian: ``count u32 | width of values u8``, then three columns: steps, times (ms since 1970), values.

* Steps and times: ``first i64 | least i64 | width u8``, then planes of what each difference between neighbours has above the
  least one, in numbers of 0 (all differences are equal), 1, 2, 4 or 8 bytes.
* Values: planes of float32 where that holds every value exactly (deep-learning frameworks give such), else of float64.

Planes: a column of w-byte numbers is cut into w strings, the first bytes of all numbers, the second bytes, and so on; each
is ``length u32 | packed u8 | content``, compressed where that pays. The upper bytes of neighbours are alike and shrink to
little, the lower ones are noise that no compressor should waste time on (byte shuffle, as in Blosc and HDF5).
"""

from __future__ import annotations

import operator
import struct
import sys
import zlib
from array import array
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

_HEAD = struct.Struct("<IB")
_INTEGERS = struct.Struct("<qqB")
_PLANE = struct.Struct("<IB")
_CODES = {0: "", 1: "B", 2: "H", 4: "I", 8: "Q"}
_ALL = 2**64 - 1

FLOAT32, FLOAT64 = 4, 8

HEAD_SIZE = _HEAD.size + _INTEGERS.size
"""Bytes at the beginning of a chunk that tell its count, and its steps where they are evenly spaced."""

_WORTH = 0.8
"""A plane that shrinks to more than this part of itself is left as it is: it would only cost time to read."""

_PROBE = 1024
"""Bytes from the beginning, the middle and the end of a plane that tell whether it is noise, before all of it is tried."""


def encode(steps: Sequence[int], values: array[float], times: Sequence[int]) -> bytes:
    """A chunk of one point or more: steps (int64), values (float64), times (ms since 1970, int64)."""
    width, column = _narrow(values)
    head = _HEAD.pack(len(values), width)
    return b"".join([head, *_integers(steps), *_integers(times), *_planes(little(column), width)])


def _narrow(values: array[float]) -> tuple[int, array[float]]:
    """The values as float32 if no bit of any is lost by it."""
    try:
        narrow: array[float] = array("f", values)
    except OverflowError:
        return FLOAT64, values
    return (FLOAT32, narrow) if array("d", narrow).tobytes() == values.tobytes() else (FLOAT64, values)


def little(column: array[Any]) -> bytes:
    """A column as little-endian bytes."""
    if sys.byteorder == "big":
        column = column[:]
        column.byteswap()
    return column.tobytes()


def _integers(column: Sequence[int]) -> list[bytes]:
    differences = list(map(operator.sub, column[1:], column))
    least = min(differences, default=1)
    most = max(differences, default=1) - least
    width = next(width for width in (0, 1, 2, 4, 8) if width == 8 or most < 1 << 8 * width)
    head = _INTEGERS.pack(column[0], _signed(least), width)
    if width == 0:
        return [head]
    # Modulo 2^64: a step may jump from one end of the range to the other, and the sums below come out right all the same.
    above = array(_CODES[width], [(difference - least) & _ALL for difference in differences])
    return [head, *_planes(little(above), width)]


def _signed(number: int) -> int:
    return ((number + 2**63) & _ALL) - 2**63


def _planes(content: bytes, width: int) -> list[bytes]:
    parts = []
    for index in range(width):
        plane = content[index::width]
        packed = plane if _is_noise(plane) else zlib.compress(plane, 1)
        if len(packed) < _WORTH * len(plane):
            parts += [_PLANE.pack(len(packed), 1), packed]
        else:
            parts += [_PLANE.pack(len(plane), 0), plane]
    return parts


def _is_noise(plane: bytes) -> bool:
    middle = len(plane) // 2
    some = plane[:_PROBE] + plane[middle : middle + _PROBE] + plane[-_PROBE:]
    return len(plane) > 4 * len(some) and len(zlib.compress(some, 1)) >= len(some)


class Chunk:
    """A chunk to read from. Only the columns that are asked for are unpacked.

    Of one that is cut off behind its first `HEAD_SIZE` bytes ``count``, ``width`` and `even_steps` are known.

    Raises
    ------
    struct.error, zlib.error, ValueError
        If the content is no chunk; also from the methods.
    """

    def __init__(self, content: bytes | memoryview) -> None:
        self._content = memoryview(content)  # planes are read where they are, not copied out first
        self.count, self.width = _HEAD.unpack_from(content)

    def even_steps(self) -> tuple[int, int] | None:
        """First step and stride, where the steps are evenly spaced."""
        first, stride, width = _INTEGERS.unpack_from(self._content, _HEAD.size)
        return (first, stride) if width == 0 else None

    def steps(self) -> array[int]:
        """The steps."""
        return self._sums(_HEAD.size)

    def times(self) -> array[int]:
        """The times in milliseconds since 1970."""
        return self._sums(self._behind_integers(_HEAD.size))

    def value_planes(self) -> Iterator[bytes | memoryview]:
        """The values' first bytes, their second bytes and so on: little-endian floats of `width` bytes."""
        return self._planes(self._values_at(), self.width)

    def first_value(self) -> float:
        """The first value, for which nothing is unpacked."""
        number = b"".join(plane[:1] for plane in self._planes(self._values_at(), self.width, 1))
        return float(from_little("f" if self.width == FLOAT32 else "d", number)[0])

    def _values_at(self) -> int:
        return self._behind_integers(self._behind_integers(_HEAD.size))

    def values(self) -> array[float]:
        """The values."""
        column = from_little(
            "f" if self.width == FLOAT32 else "d", _together(self.value_planes(), self.width, self.count)
        )
        return column if self.width == FLOAT64 else array("d", column)

    def _behind_integers(self, position: int) -> int:
        _, _, width = _INTEGERS.unpack_from(self._content, position)
        position += _INTEGERS.size
        for _ in range(width):
            length, _ = _PLANE.unpack_from(self._content, position)
            position += _PLANE.size + length
        return position

    def _planes(self, position: int, width: int, most: int | None = None) -> Iterator[bytes | memoryview]:
        """The planes that begin at `position`, or the first `most` bytes of each."""
        for _ in range(width):
            length, packed = _PLANE.unpack_from(self._content, position)
            position += _PLANE.size
            plane = self._content[position : position + length]
            if packed and most is not None:
                yield zlib.decompressobj().decompress(plane, most)
            else:
                # The size is a guess that a damaged count must not turn into gigabytes.
                yield zlib.decompress(plane, bufsize=min(self.count, 1 << 17) or 1) if packed else plane
            position += length

    def _sums(self, position: int) -> array[int]:
        first, least, width = _INTEGERS.unpack_from(self._content, position)
        differences: Sequence[int] = [least] * (self.count - 1)
        if width:
            planes = self._planes(position + _INTEGERS.size, width)
            column = _together(planes, width, self.count - 1)
            differences = [number + least for number in from_little(_CODES[width], column)]
        try:
            return array("q", accumulate(differences, initial=first))
        except OverflowError:  # a jump over more than half of the range, kept modulo 2^64
            return array("q", map(_signed, accumulate(differences, initial=first)))


def _together(planes: Iterator[bytes | memoryview], width: int, count: int) -> bytearray:
    column = bytearray(count * width)
    for index, plane in enumerate(planes):
        column[index::width] = plane
    return column


def checked(content: bytes, most: int) -> Chunk:
    """A chunk from a place that is not trusted: it has `most` points at most and says nothing untrue of itself.

    Raises
    ------
    ValueError
        If it is not so. No more memory is taken than `most` points need.
    """
    try:
        count, width = _HEAD.unpack_from(content)
        if not 1 <= count <= most or width not in (FLOAT32, FLOAT64):
            raise ValueError("a chunk with an impossible number of points")
        position = _HEAD.size
        for _ in range(2):
            _, _, each = _INTEGERS.unpack_from(content, position)
            if each not in _CODES:
                raise ValueError("a chunk with an impossible width")
            position = _check_planes(content, position + _INTEGERS.size, each, count - 1)
        position = _check_planes(content, position, width, count)
    except (struct.error, zlib.error) as problem:
        raise ValueError(f"a chunk that cannot be read ({problem})") from None
    if position != len(content):
        raise ValueError("a chunk with something behind it")
    return Chunk(content)


def _check_planes(content: bytes, position: int, width: int, count: int) -> int:
    """Where the planes of a column end, after each was seen to unpack to `count` bytes."""
    for _ in range(width):
        length, packed = _PLANE.unpack_from(content, position)
        position += _PLANE.size
        plane = content[position : position + length]
        if packed:
            unpacker = zlib.decompressobj()
            whole = len(unpacker.decompress(plane, count + 1)) == count and not unpacker.unused_data
            whole = whole and (unpacker.eof or (not unpacker.flush() and unpacker.eof))
        else:
            whole = length == count
        if packed > 1 or len(plane) != length or not whole:
            raise ValueError("a chunk whose column is not as long as it says")
        position += length
    return position


def from_little(code: str, content: bytes | bytearray) -> array[Any]:
    """The reverse of `little`, for a type code of `array`."""
    column: array[Any] = array(code)
    column.frombytes(content)
    if sys.byteorder == "big":
        column.byteswap()
    return column
