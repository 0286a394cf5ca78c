"""Curves for the screen: of each stretch of a series the lowest and the highest point, so that no spike is lost.

Beside each large chunk stand the extremes of each of its blocks. With them a curve of a million points is drawn without
unpacking one of them.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Sequence
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


def find_extremes(values: array[float], block: int = BLOCK) -> Extremes:
    """The extremes of each `block` (256 points at most) of values."""
    lows, highs, low_places, high_places = array("d"), array("d"), bytearray(), bytearray()
    for start in range(0, len(values), block):
        part: Sequence[float] = values[start : start + block]
        numbers = part if not any(map(math.isnan, part)) else [v for v in part if not math.isnan(v)]
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


def sample(
    rows: list[tuple[int, bytes, bytes | None]], count: int, last: float, limit: int
) -> tuple[list[int], list[float]]:
    """At most about `limit` of `count` points: steps and values.

    Parameters
    ----------
    rows
        The series' chunks: place of the first point, content, and extremes where they are kept.
    last
        The value of the last point.
    """
    chunks = [(first, Chunk(content)) for first, content, _ in rows]
    picked = {0: chunks[0][1].values()[0], count - 1: last}
    stretch = -(-2 * count // max(4, limit))
    if stretch < BLOCK:
        values = array("d", chain.from_iterable(chunk.values() for _, chunk in chunks))
        _pick(picked, 0, find_extremes(values, stretch), stretch, 1)
    else:
        for (first, chunk), (_, _, known) in zip(chunks, rows, strict=True):
            blocks = read_extremes(known) if known else find_extremes(chunk.values())
            _pick(picked, first, blocks, BLOCK, round(stretch / BLOCK))
    places = sorted(picked)
    return _steps_at(places, chunks), [picked[place] for place in places]


def _pick(picked: dict[int, float], first: int, blocks: Extremes, size: int, together: int) -> None:
    """Add the lowest and the highest of so many blocks `together`, the first of which begins at the point `first`."""
    for start in range(0, len(blocks.lows), together):
        lows, highs = blocks.lows[start : start + together], blocks.highs[start : start + together]
        low, high = min(lows), max(highs)
        if low > high:  # a stretch of NaN is shown as one
            picked[first + start * size] = math.nan
            continue
        lowest, highest = start + lows.index(low), start + highs.index(high)
        picked[first + lowest * size + blocks.low_places[lowest]] = low
        picked[first + highest * size + blocks.high_places[highest]] = high


def _steps_at(places: list[int], chunks: list[tuple[int, Chunk]]) -> list[int]:
    """The steps of the points at the given places, which rise."""
    steps: list[int] = []
    position = 0
    for first, chunk in chunks:
        end = bisect_left(places, first + chunk.count, position)
        even = chunk.even_steps()
        if even is not None:
            steps += [even[0] + even[1] * (place - first) for place in places[position:end]]
        elif position < end:
            listed = chunk.steps()
            steps += [listed[place - first] for place in places[position:end]]
        position = end
    return steps
