"""Sketches of columns: those of parts, merged in any order, are those of the whole."""

from __future__ import annotations

import bisect
import itertools
import math
import random
from functools import reduce
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from nbtrack.capture.column_values import Values, of_array, of_objects
from nbtrack.capture.sketches import DISTINCT_ERROR, RANK_ERROR, Distinct, Moments, Quantiles
from nbtrack.capture.table_sketch import SHARES, ColumnSketch
from nbtrack.entities.profiles import MOST_TOP, ColumnProfile

quick = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])


def rank_error(sketch: Quantiles, values: list[float]) -> float:
    """By how much, as a share of all, the rank of the worst of 33 quantiles is off."""
    ordered, worst = sorted(values), 0.0
    for share, value in zip(SHARES, sketch.at(SHARES), strict=True):
        low, high = bisect.bisect_left(ordered, value), bisect.bisect_right(ordered, value)
        wanted = share * len(ordered)
        worst = max(worst, (low - wanted) / len(ordered), (wanted - high) / len(ordered))
    return worst


def shapes(seed: int, count: int) -> dict[str, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(seed)
    return {
        "normal": rng.normal(size=count),
        "rising": np.arange(count, dtype=float),
        "falling": np.arange(count, 0, -1, dtype=float),
        "heavy": rng.pareto(0.5, count),
        "few": rng.integers(0, 3, count).astype(float),
        "saw": np.arange(count, dtype=float) % 97,
    }


@pytest.mark.parametrize("shape", sorted(shapes(0, 10)))
@pytest.mark.parametrize("count", [1, 7, 200, 5_000, 60_000])
def test_a_quantile_is_of_its_rank_within_the_error(shape: str, count: int) -> None:
    values = shapes(count, count)[shape]
    one_by_one, at_once = Quantiles(), Quantiles()
    for start in range(0, count, 777):
        one_by_one.add(values[start : start + 777].tolist())
    at_once.add_sorted(np.sort(values))
    assert one_by_one.count == at_once.count == count
    for sketch in (one_by_one, at_once):
        assert rank_error(sketch, values.tolist()) <= (RANK_ERROR if count > 200 else 0)


@pytest.mark.parametrize("shape", sorted(shapes(0, 10)))
@pytest.mark.parametrize("order", ["left", "right", "tree", "shuffled"])
def test_quantiles_of_parts_are_those_of_the_whole_in_whatever_order_they_are_merged(
    shape: str, order: str
) -> None:
    values = shapes(5, 40_000)[shape]
    edges = [0, 1, 3, 500, 501, 9_000, 20_000, 20_200, 40_000]
    parts = []
    for low, high in itertools.pairwise(edges):
        part = Quantiles()
        part.add(values[low:high].tolist())
        parts.append(part)
    if order == "right":
        parts.reverse()
    elif order == "shuffled":
        random.Random(3).shuffle(parts)

    def merged(one: Quantiles, other: Quantiles) -> Quantiles:
        one.merge(other)
        return one

    if order == "tree":
        while len(parts) > 1:
            parts = [merged(*parts[place : place + 2]) for place in range(0, len(parts), 2)]
    whole = reduce(merged, parts)
    assert whole.count == len(values)
    assert rank_error(whole, values.tolist()) <= RANK_ERROR


def test_a_sketch_of_a_million_values_stays_small() -> None:
    sketch = Quantiles()
    for start in range(100):
        sketch.add_sorted(np.arange(start * 10_000, (start + 1) * 10_000, dtype=float))
    assert sketch.count == 1_000_000
    assert sum(map(len, sketch._levels)) < 1_000


def test_a_sketch_leaves_the_persons_random_numbers_alone() -> None:
    random.seed(1)
    np.random.seed(1)
    expected = random.getstate(), np.random.get_state()[1].tolist()
    sketch = Quantiles()
    sketch.add([float(value) for value in range(5_000)])
    assert (random.getstate(), np.random.get_state()[1].tolist()) == expected


@pytest.mark.parametrize("count", [0, 1, 1_024, 1_025, 5_000, 200_000])
def test_distinct_values_are_counted_exactly_or_within_the_error(count: int) -> None:
    hashes = np.random.default_rng(count).integers(0, 2**64, count, dtype=np.uint64)
    sketch = Distinct()
    for start in range(0, count, 900):
        sketch.add(hashes[start : start + 900])
    if sketch.is_exact:
        assert sketch.count() == count
    assert sketch.is_exact == (count <= 1_024)
    assert abs(sketch.count() - count) <= DISTINCT_ERROR * count


def test_distinct_values_of_parts_are_those_of_the_whole_exactly() -> None:
    hashes = np.random.default_rng(0).integers(0, 2**64, 50_000, dtype=np.uint64)
    whole, counts = Distinct(), set()
    whole.add(hashes)
    for edges in ([0, 10, 50_000], [0, 49_990, 50_000], [0, 500, 1_500, 30_000, 50_000]):
        for backwards in (False, True):
            parts = []
            for low, high in itertools.pairwise(edges):
                part = Distinct()
                part.add(hashes[max(0, low - 5) : high])  # overlapping: what is in both counts once
                parts.append(part)
            if backwards:
                parts.reverse()
            for part in parts[1:]:
                parts[0].merge(part)
            counts.add(parts[0].count())
    assert counts == {whole.count()}


@quick
@given(
    st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=60),
    st.integers(0, 60),
    st.sampled_from([0.0, 1e9, -1e12]),
)
def test_moments_of_parts_are_those_of_the_whole(values: list[float], cut: int, offset: float) -> None:
    array = np.array(values) + offset
    one, other = Moments(), Moments()
    one.add(array[:cut])
    other.add(array[cut:])
    one.merge(other)
    scale = max(1.0, float(np.abs(array).max()))
    assert one.count == len(values)
    assert one.mean == pytest.approx(float(array.mean()), abs=1e-9 * scale)
    assert one.std == pytest.approx(float(array.std()), abs=2e-6 * scale)
    assert (one.lowest, one.highest) == (float(array.min()), float(array.max()))


def test_moments_are_exact_far_from_zero() -> None:
    moments = Moments()
    for start in range(0, 1_000, 10):
        moments.add(1e9 + np.arange(start, start + 10) % 2.0)
    assert moments.std == pytest.approx(0.5)


# ── columns ──

cells = st.one_of(
    st.none(),
    st.floats(allow_nan=True, allow_infinity=True),
    st.integers(-(2**70), 2**70),
    st.booleans(),
    st.text(st.characters(), max_size=5),
    st.sampled_from(["\ud800", "", "a", float("nan"), float("inf"), 10**400]),
)


def sketch_of(objects: list[Any]) -> ColumnSketch:
    sketch = ColumnSketch("x", "object")
    if objects:
        sketch.add(of_objects(objects))
    return sketch


@quick
@given(
    st.one_of(
        st.lists(cells, max_size=80), st.lists(st.floats(), max_size=80), st.lists(st.text(), max_size=80)
    )
)
def test_any_objects_have_a_profile_and_its_numbers_fit_together(objects: list[Any]) -> None:
    profile = sketch_of(objects).profile()
    assert profile.count == len(objects)
    assert profile.missing == sum(
        one is None or (isinstance(one, float) and math.isnan(one)) for one in objects
    )
    assert 0 <= profile.missing + profile.infinite <= profile.count
    assert len(profile.top) <= MOST_TOP
    if profile.top:
        assert sum(profile.top.values()) == profile.count - profile.missing - profile.infinite
    if profile.quantiles:
        assert profile.quantiles == sorted(profile.quantiles)
        assert (profile.quantiles[0], profile.quantiles[-1]) == (profile.minimum, profile.maximum)


@quick
@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), max_size=60), st.integers(0, 60))
def test_a_column_of_parts_is_the_column_of_the_whole(objects: list[float | None], cut: int) -> None:
    numbers = np.array([math.nan if one is None else one for one in objects])
    whole, one, other = (ColumnSketch("x", "float64") for _ in range(3))
    whole.add(of_array(numbers))
    one.add(of_array(numbers[:cut]))
    other.add(of_array(numbers[cut:]))
    one.merge(other)
    mine, all_of_it = one.profile(), whole.profile()
    assert (mine.count, mine.missing, mine.distinct, mine.top) == (
        all_of_it.count,
        all_of_it.missing,
        all_of_it.distinct,
        all_of_it.top,
    )
    assert mine.quantiles == all_of_it.quantiles  # so few are kept exactly
    assert mine.mean == pytest.approx(all_of_it.mean, abs=1e-6) if mine.mean is not None else True


def test_a_column_whose_parts_are_of_two_kinds_is_of_none() -> None:
    sketch = sketch_of([1.0, 2.0, None])
    sketch.add(of_objects(["a", None]))
    profile = sketch.profile()
    assert (profile.kind, profile.count, profile.missing) == ("other", 5, 2)
    assert not profile.quantiles
    assert not profile.top


def test_no_values_are_listed_where_there_are_more_than_fifty() -> None:
    few, many = sketch_of([str(one) for one in range(50)]), sketch_of([str(one) for one in range(51)])
    assert len(few.profile().top) == 50
    assert (many.profile().top, many.profile().distinct) == ({}, 51)
    few.merge(sketch_of(["another"]))
    assert (few.profile().top, few.profile().distinct) == ({}, 51)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([]), {"count": 0, "missing": 0, "distinct": 0}),
        (np.array([math.nan] * 3), {"count": 3, "missing": 3, "distinct": 0, "quantiles": []}),
        (
            np.array([1, math.inf, -math.inf, 1.0]),
            {"infinite": 2, "minimum": 1.0, "maximum": 1.0, "top": {"1.0": 2}},
        ),
        (np.array([-0.0, 0.0]), {"distinct": 1, "top": {"0.0": 2}}),
        (np.array([1e308, -1e308]), {"minimum": -1e308, "maximum": 1e308}),
        (np.array([2**62, 2**62 + 1]), {"distinct": 2}),  # one number as floats
        (np.array([True, False, True]), {"kind": "boolean", "top": {"True": 2, "False": 1}}),
        (np.array(["2024-01-01", "NaT"], "M8[D]"), {"kind": "time", "missing": 1, "maximum": 1704067200.0}),
        (np.array(["a", "b", "a"]), {"kind": "text", "top": {"a": 2, "b": 1}, "maximum": 1.0}),
        (np.array([1j]), {"kind": "other", "count": 1, "distinct": None}),
    ],
)
def test_columns_of_numpy(values: Any, expected: dict[str, Any]) -> None:
    sketch = ColumnSketch("x", str(values.dtype))
    sketch.add(of_array(values))
    profile = sketch.profile()
    assert {name: getattr(profile, name) for name in expected} == expected


def test_no_code_of_an_element_runs() -> None:
    class Hostile:
        def touched(self, *_: object) -> Any:
            raise AssertionError("an element was asked")

        __eq__ = __hash__ = __bool__ = __len__ = __float__ = __str__ = __repr__ = touched  # type: ignore[assignment]

    profile = sketch_of([Hostile(), None, Hostile()]).profile()
    assert profile == ColumnProfile(name="x", dtype="object", kind="other", count=3, missing=1)


def test_kinds_that_float_together_do_not_count_what_is_missing_twice() -> None:
    sketch = ColumnSketch("x", "object")
    sketch.add(Values("other", objects=[None, True]))
    sketch.add(of_objects([1.5, float("nan")]))
    assert (sketch.profile().count, sketch.profile().missing) == (4, 2)
