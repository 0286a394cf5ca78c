"""Curves for the screen: of each stretch of a series the lowest and the highest point, so that no spike is lost.

Beside each large chunk stand the extremes of each of its blocks. With them a curve of a million points is drawn without
unpacking one of them.
"""

from __future__ import annotations

import math
import struct
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from itertools import chain

from nbtrack.store.points import Chunk

BLOCK = 64
"""Points of which the lowest and the highest are kept."""

_EXTREME = struct.Struct("<ddBB")

Extremes = tuple[float, float, int, int]
"""The lowest and the highest value of a block and their places in it; both NaN where all of it is."""


def extremes(values: array[float], block: int = BLOCK) -> bytes:
    """The `Extremes` of each `block` (256 points at most) of values."""
    parts = []
    for start in range(0, len(values), block):
        part: Sequence[float] = values[start : start + block]
        numbers = part if not any(map(math.isnan, part)) else [v for v in part if not math.isnan(v)]
        low, high = min(numbers, default=math.nan), max(numbers, default=math.nan)
        places = (part.index(low), part.index(high)) if numbers else (0, 0)
        parts.append(_EXTREME.pack(low, high, *places))
    return b"".join(parts)


def sample(
    rows: list[tuple[int, bytes, bytes | None]], count: int, limit: int
) -> tuple[list[int], list[float]]:
    """At most about `limit` of `count` points: steps and values.

    Parameters
    ----------
    rows
        The series' chunks: place of the first point, content, and extremes where they are kept.
    """
    chunks = [(first, Chunk(content)) for first, content, _ in rows]
    last = chunks[-1][1].values()
    picked = {0: chunks[0][1].values()[0], count - 1: last[-1]}
    stretch = -(-2 * count // max(4, limit))
    if stretch < BLOCK:
        values = array("d", chain.from_iterable(chunk.values() for _, chunk in chunks))
        _pick(picked, 0, list(_EXTREME.iter_unpack(extremes(values, stretch))), stretch, 1)
    else:
        for (first, chunk), (_, _, known) in zip(chunks, rows, strict=True):
            blocks = list(_EXTREME.iter_unpack(known or extremes(chunk.values())))
            _pick(picked, first, blocks, BLOCK, round(stretch / BLOCK))
    places = sorted(picked)
    return _steps_at(places, chunks), [picked[place] for place in places]


def _pick(picked: dict[int, float], first: int, blocks: list[Extremes], size: int, together: int) -> None:
    """Add the lowest and the highest of so many blocks `together`, the first of which begins at the point `first`."""
    for start in range(0, len(blocks), together):
        group = blocks[start : start + together]
        lows = [(block[0], index) for index, block in enumerate(group) if not math.isnan(block[0])]
        highs = [(block[1], index) for index, block in enumerate(group) if not math.isnan(block[1])]
        if not lows:  # a stretch of NaN is shown as one
            picked[first + start * size] = math.nan
            continue
        (low, lowest), (high, highest) = min(lows), max(highs)
        picked[first + (start + lowest) * size + group[lowest][2]] = low
        picked[first + (start + highest) * size + group[highest][3]] = high


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
