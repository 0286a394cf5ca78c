"""Curves for the screen: of each stretch of a series the lowest and the highest point, so that no spike is lost.

Beside each large chunk stand the extremes of each of its blocks. With them a curve of a million points is drawn without
unpacking one of them.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain

from nbtrack.store.points import Chunk, from_little, little

BLOCK = 64
"""Points of which the lowest and the highest are kept."""


@dataclass(frozen=True, slots=True)
class Extremes:
    """The lowest and the highest value of each block, and their places in it.

    A block of nothing but NaN has infinity as its lowest and minus infinity as its highest, so that it never counts.
    """

    lows: array[float]
    highs: array[float]
    low_places: bytes
    high_places: bytes


def find_extremes(values: array[float]) -> Extremes:
    """The extremes of each block of values."""
    lows, highs, low_places, high_places = array("d"), array("d"), bytearray(), bytearray()
    listed = values.tolist()
    clean = not math.isnan(sum(listed))
    for start in range(0, len(listed), BLOCK):
        part = listed[start : start + BLOCK]
        numbers = part if clean else [value for value in part if not math.isnan(value)]
        low, high = min(numbers, default=math.inf), max(numbers, default=-math.inf)
        lows.append(low)
        highs.append(high)
        low_places.append(part.index(low) if numbers else 0)
        high_places.append(part.index(high) if numbers else 0)
    return Extremes(lows, highs, bytes(low_places), bytes(high_places))


def pack_extremes(values: array[float]) -> bytes:
    """The extremes of values as bytes: the lowest (float64, little-endian), the highest, then their places (a byte each)."""
    found = find_extremes(values)
    return little(found.lows) + little(found.highs) + found.low_places + found.high_places


def read_extremes(content: bytes) -> Extremes:
    """The reverse of `pack_extremes`."""
    count = len(content) // 18
    return Extremes(
        from_little("d", content[: 8 * count]),
        from_little("d", content[8 * count : 16 * count]),
        content[16 * count : 17 * count],
        content[17 * count :],
    )


@dataclass(frozen=True, slots=True)
class Piece:
    """A chunk in the store: the place of its first point, its head, its extremes where they are kept, and how to read it."""

    first: int
    head: Chunk
    extremes: bytes | None
    read: Callable[[], Chunk]


def sample(pieces: list[Piece], count: int, last: float, limit: int) -> tuple[list[int], list[float]]:
    """At most about `limit` of `count` points: steps and values.

    Parameters
    ----------
    pieces
        The series' chunks in their order.
    last
        The value of the last point.
    """
    picked = {0: pieces[0].read().first_value()}
    stretch = -(-2 * count // max(4, limit))
    if stretch < BLOCK:
        values = list(chain.from_iterable(piece.read().values() for piece in pieces))
        _pick(picked, 0, values, stretch)
    else:
        together = round(stretch / BLOCK)
        for piece in pieces:
            if piece.extremes:
                _pick_known(picked, piece.first, read_extremes(piece.extremes), together)
            else:
                _pick(picked, piece.first, piece.read().values().tolist(), together * BLOCK)
    picked[count - 1] = last
    places = sorted(picked)
    return _steps_at(places, pieces), [picked[place] for place in places]


def _pick(picked: dict[int, float], first: int, values: list[float], stretch: int) -> None:
    """Add the lowest and the highest of each `stretch` of values, the first of which is the point `first`."""
    clean = not math.isnan(sum(values))
    for start in range(0, len(values), stretch):
        part = values[start : start + stretch]
        numbers = part if clean else [value for value in part if not math.isnan(value)]
        if numbers:
            low, high = min(numbers), max(numbers)
            picked[first + start + part.index(low)] = low
            picked[first + start + part.index(high)] = high
        else:  # a stretch of NaN is shown as one
            picked[first + start] = math.nan


def _pick_known(picked: dict[int, float], first: int, blocks: Extremes, together: int) -> None:
    """The same by the extremes of blocks, so many of which are one stretch."""
    lows, highs = blocks.lows, blocks.highs
    start = 0
    for low, high in zip(_each(min, lows, together), _each(max, highs, together), strict=True):
        if low > high:
            picked[first + start * BLOCK] = math.nan
        else:
            lowest, highest = lows.index(low, start), highs.index(high, start)
            picked[first + lowest * BLOCK + blocks.low_places[lowest]] = low
            picked[first + highest * BLOCK + blocks.high_places[highest]] = high
        start += together


def _each(best: Callable[..., float], values: array[float], together: int) -> list[float]:
    """`best` of each so many values `together`; the last ones may be fewer."""
    if together == 1:
        return values.tolist()
    whole = len(values) // together * together
    found = list(map(best, *(values[place:whole:together] for place in range(together))))
    return found + [best(values[whole:])] if whole < len(values) else found


def _steps_at(places: list[int], pieces: list[Piece]) -> list[int]:
    """The steps of the points at the given places, which rise."""
    steps: list[int] = []
    position = 0
    for piece in pieces:
        first = piece.first
        end = bisect_left(places, first + piece.head.count, position)
        even = piece.head.even_steps()
        if even is not None:
            steps += [even[0] + even[1] * (place - first) for place in places[position:end]]
        elif position < end:
            listed = piece.read().steps()
            steps += [listed[place - first] for place in places[position:end]]
        position = end
    return steps
