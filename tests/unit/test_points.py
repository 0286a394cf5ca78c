"""Chunks of series: every bit of every column comes back."""

from __future__ import annotations

import math
import struct
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbtrack.store.points import FLOAT32, FLOAT64, Chunk, encode

INTEGERS = st.integers(-(2**63), 2**63 - 1)
POINTS = st.lists(
    st.tuples(INTEGERS, st.floats(width=64) | st.floats(width=32), INTEGERS), min_size=1, max_size=40
)


def back(content: bytes) -> tuple[list[int], bytes, list[int]]:
    chunk = Chunk(content)
    return list(chunk.steps()), chunk.values().tobytes(), list(chunk.times())


@settings(max_examples=300, deadline=None)
@given(POINTS)
def test_every_bit_comes_back(points: list[tuple[int, float, int]]) -> None:
    steps, values, times = (list(column) for column in zip(*points, strict=True))
    floats = array("d", values)
    if any(map(math.isnan, values)):  # the bits of a NaN's payload may not survive float32; what it is does
        floats = array("d", [math.nan if math.isnan(value) else value for value in values])
    assert back(encode(steps, floats, times)) == (steps, floats.tobytes(), times)


@pytest.mark.parametrize("count", [1, 2, 300, 70_000])
@pytest.mark.parametrize("stride", [1, -3, 10, 0])
def test_even_steps_take_no_room(count: int, stride: int) -> None:
    steps = [7 + stride * index for index in range(count)]
    content = encode(steps, array("d", [1.0]) * count, [1_700_000_000_000] * count)
    assert list(Chunk(content).steps()) == steps
    assert len(content) < 130 + count // 50
    assert count == 1 or Chunk(content).even_steps() == (7, stride)


def test_values_that_float32_holds_take_half() -> None:
    halves = array("d", [struct.unpack("<f", struct.pack("<f", math.sin(n)))[0] for n in range(5000)])
    exact = array("d", [math.sin(n) for n in range(5000)])
    narrow, wide = (encode(range(5000), column, range(5000)) for column in (halves, exact))
    assert (Chunk(narrow).width, Chunk(wide).width) == (FLOAT32, FLOAT64)
    assert len(narrow) < 4.1 * 5000 < len(wide)
    assert Chunk(narrow).values() == halves


@pytest.mark.parametrize("value", [math.inf, -math.inf, 1e300, 5e-324, -0.0, 0.1])
def test_extremes_stay_what_they_are(value: float) -> None:
    column = array("d", [value, 1.0])
    assert Chunk(encode([0, 1], column, [0, 1])).values().tobytes() == column.tobytes()
