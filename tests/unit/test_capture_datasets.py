"""The data that a cell reads: equal content has one fingerprint, changed content another."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nbtrack.capture.datasets import read_datasets
from nbtrack.entities.datasets import Dataset


def one(value: object, budget: float = 5.0) -> Dataset:
    (found,) = read_datasets(["x"], {"x": value}, budget=budget)
    return found


def mark(value: object) -> str:
    found = one(value).fingerprint
    assert found is not None
    assert re.fullmatch(r"blake2b-64:[0-9a-f]{16}", found)
    return found


# ── what is found, and how it is described ──


def test_names_types_shapes_and_columns() -> None:
    namespace = {
        "array": np.zeros((3, 2)),
        "records": np.zeros(3, dtype=[("a", "i4"), ("b", "f8")]),
        "frame": pd.DataFrame({"a": [1], 2: [2], ("b", 1): [3]}),
        "series": pd.Series([1, 2], name="s"),
        "pl_frame": pl.DataFrame({"a": [1], "b": ["x"]}),
        "pl_series": pl.Series("s", [1]),
        "table": pa.table({"a": [1, 2]}),
        "matrix": sp.csr_matrix(np.eye(3)),
        "sparse": sp.coo_array(np.eye(2)),
        "number": np.array(1.0),
        "scalar": np.float64(1),
        "list": [1, 2],
        "kind": np.ndarray,
        "_hidden": np.zeros(3),
    }
    found = {
        data.name: (data.type_name, data.shape, data.columns)
        for data in read_datasets([*namespace, "missing"], namespace)
    }
    assert found == {
        "array": ("numpy.ndarray", [3, 2], []),
        "records": ("numpy.ndarray", [3], ["a", "b"]),
        "frame": ("pandas.DataFrame", [1, 3], ["a", "2", "b, 1"]),
        "series": ("pandas.Series", [2], ["s"]),
        "pl_frame": ("polars.DataFrame", [1, 2], ["a", "b"]),
        "pl_series": ("polars.Series", [1], ["s"]),
        "table": ("pyarrow.Table", [2, 1], ["a"]),
        "matrix": ("scipy.sparse.csr_matrix", [3, 3], []),
        "sparse": ("scipy.sparse.coo_array", [2, 2], []),
    }


def test_columns_are_counted_out_and_one_object_is_read_once() -> None:
    wide = pd.DataFrame(np.zeros((1, 300)))
    first, second = read_datasets(["a", "b"], {"a": wide, "b": wide}, budget=5)
    assert len(first.columns) == 200
    assert first.shape == [1, 300]
    assert first.fingerprint == second.fingerprint


def test_a_library_that_is_not_loaded_is_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("numpy", "pandas", "polars", "pyarrow", "scipy.sparse"):
        monkeypatch.delitem(sys.modules, module)
    assert read_datasets(["x"], {"x": np.zeros(3)}) == []
    assert "numpy" not in sys.modules


# ── equal content ──


def fields() -> np.ndarray[Any, Any]:
    padded = np.empty(3, dtype=np.dtype([("a", "i1"), ("b", "f8")], align=True))
    padded.view(np.uint8)[:] = np.random.default_rng().integers(0, 255, padded.nbytes)
    padded["a"], padded["b"] = 1, 2.0
    return padded


def masked(below: int) -> pd.Series:
    from pandas.arrays import IntegerArray

    return pd.Series(IntegerArray(np.array([1, below, 3]), np.array([False, True, False])))


def null_below(below: int) -> pa.Table:
    buffers = [pa.py_buffer(b"\x05"), pa.py_buffer(np.array([1, below, 3], dtype=np.int64))]
    return pa.table({"a": pa.Array.from_buffers(pa.int64(), 3, buffers)})


EQUAL: dict[str, Callable[[], tuple[object, object]]] = {
    "transposed copy": lambda: (
        np.arange(12.0).reshape(3, 4),
        np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    ),
    "strided view": lambda: (np.arange(0, 20, 2), np.arange(20)[::2]),
    "reversed view": lambda: (np.arange(5)[::-1].copy(), np.arange(5)[::-1]),
    "broadcast": lambda: (np.ones((3, 4)), np.broadcast_to(np.float64(1), (3, 4))),
    "padding": lambda: (fields(), fields()),
    "objects": lambda: (
        np.array(["a", None, 1.5, 2], dtype=object),
        np.array(["a", None, 1.5, 2], dtype=object),
    ),
    "empty": lambda: (np.zeros((0, 3)), np.ones((5, 3))[:0]),
    "empty texts": lambda: (np.array(["", ""]), np.array(["", ""])),
    "frame in one block or several": lambda: (
        pd.DataFrame(np.arange(6.0).reshape(3, 2), columns=["a", "b"]),
        pd.DataFrame({"a": [0.0, 2.0, 4.0], "b": [1.0, 3.0, 5.0]}),
    ),
    "nan": lambda: (pd.DataFrame({"a": [1.0, None]}), pd.DataFrame({"a": [1.0, np.nan]})),
    "another nan": lambda: (
        np.array([np.nan, 1.0]),
        np.array([0xFFF8000000000001, 0x3FF0000000000000], dtype="u8").view("f8"),
    ),
    "another zero": lambda: (np.array([0.0], dtype=">f4"), np.array([-0.0], dtype=">f4")),
    "complex nan": lambda: (np.array([complex(0.0, np.nan)]), np.array([complex(-0.0, -np.nan)])),
    "wide frame in one block or several": lambda: (
        pd.DataFrame(np.ones((3, 50))),
        pd.concat([pd.DataFrame(np.ones((3, 25)))] * 2, axis=1, ignore_index=True),
    ),
    "datetimes": lambda: (
        pd.DataFrame({"a": pd.date_range("2020", periods=3, tz="UTC")}),
        pd.DataFrame({"a": pd.date_range("2020", periods=3, tz="UTC")}),
    ),
    "categoricals": lambda: (
        pd.Series(["a", "b", "a"], dtype="category"),
        pd.Series(["a", "b", "a"], dtype="category"),
    ),
    "below a pandas mask": lambda: (masked(0), masked(7)),
    "below an arrow null": lambda: (null_below(0), null_below(7)),
    "multi index": lambda: (
        pd.DataFrame({"v": [1, 2]}, index=pd.MultiIndex.from_product([["a"], [1, 2]])),
        pd.DataFrame({"v": [1, 2]}, index=pd.MultiIndex.from_product([["a"], [1, 2]])),
    ),
    "polars chunks": lambda: (
        pl.concat([pl.Series("a", [1]), pl.Series("a", [2])], rechunk=False),
        pl.Series("a", [1, 2]),
    ),
    "polars slice": lambda: (pl.DataFrame({"a": ["x", None, "y"]})[1:], pl.DataFrame({"a": [None, "y"]})),
    "arrow chunks": lambda: (
        pa.table({"a": pa.chunked_array([["x"], ["y", None]])}),
        pa.table({"a": ["x", "y", None]}),
    ),
    "arrow slice": lambda: (
        pa.table({"a": ["x", "y", "z"], "b": [True, False, True]}).slice(1),
        pa.table({"a": ["y", "z"], "b": [False, True]}),
    ),
    "masked array": lambda: (np.ma.array([1, 2], mask=[0, 1]), np.ma.array([1, 2], mask=[0, 1])),
    "sparse": lambda: (sp.csr_array(np.eye(3)), sp.csr_array(np.eye(3))),
    "memory map": lambda: (np.arange(5), np.arange(5).view(np.memmap)),
}


@pytest.mark.parametrize("pair", EQUAL.values(), ids=EQUAL)
def test_equal_content_has_one_fingerprint(pair: Callable[[], tuple[object, object]]) -> None:
    first, second = pair()
    assert mark(first) == mark(second)


# ── changed content ──

BASE = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
CHANGED: dict[str, list[object]] = {
    "numpy": [
        np.array([1, 2]),
        np.array([1, 3]),
        np.array([1.0, 2.0]),
        np.array([[1, 2]]),
        np.array([[1], [2]]),
        np.array([1, 2, 0]),
        np.array(["1", "2"]),
        np.array(["1", "2"], dtype=object),
        np.array([1, 2], dtype=object),
        np.array([1, None], dtype=object),
        np.array([1.0, np.nan]),
        np.array([1, 2], dtype="M8[D]"),
        np.array([1, 2], dtype="M8[s]"),
        np.array([True, False]),
        np.ma.array([1, 2], mask=[0, 1]),
        np.ma.array([1, 2], mask=[1, 0]),
        np.array([1 + 2j]),
        np.array([(1, 2)], dtype=[("a", "i4"), ("b", "i4")]),
        np.array([(1, 2)], dtype=[("a", "i4"), ("c", "i4")]),
    ],
    "pandas": [
        BASE,
        BASE.rename(columns={"a": "c"}),
        BASE.set_axis(["r", "s"]),
        BASE[::-1],
        BASE[["b", "a"]],
        BASE.iloc[:1],
        BASE.assign(b=["x", "z"]),
        BASE.assign(b=["xy", ""]),
        BASE.assign(b=["x", None]),
        BASE.astype({"a": float}),
        BASE.astype({"b": "category"}),
        BASE.astype({"b": pd.CategoricalDtype(["y", "x"])}),
        BASE.astype({"b": pd.CategoricalDtype(["x", "y"], ordered=True)}),
        BASE.astype({"a": "Int64"}),
        BASE.assign(a=pd.array([1, None], dtype="Int64")),
        BASE.assign(a=pd.to_datetime(["2020", "2021"])),
        BASE.assign(a=pd.to_datetime(["2020", "2021"]).tz_localize("UTC")),
        BASE.assign(a=pd.to_datetime(["2020", "2021"]).tz_localize("CET")),
        BASE.assign(a=pd.to_timedelta([1, 2])),
        BASE.assign(a=pd.period_range("2020", periods=2, freq="M")),
        BASE.assign(a=pd.period_range("2020", periods=2, freq="D")),
        BASE.assign(a=pd.array(["x", None], dtype="string[python]")),
        BASE["a"],
        BASE["a"].rename("c"),
        BASE["b"],
        BASE.set_index(["a", "b"], append=True),
        BASE.set_index("a"),
    ],
    "polars": [
        pl.Series("a", [1, 2]),
        pl.Series("b", [1, 2]),
        pl.Series("a", [1, 3]),
        pl.Series("a", [1, None]),
        pl.Series("a", [1, 0]),
        pl.Series("a", ["x", "y"]),
        pl.Series("a", ["xy", ""]),
        pl.Series("a", ["xy", None]),
        pl.Series("a", [1.0, 2.0]),
        pl.Series("a", [True, False]),
        pl.Series("a", ["x", "y"], dtype=pl.Categorical),
        pl.Series("a", ["x", "y"], dtype=pl.Enum(["x", "y"])),
        pl.Series("a", [None, None]),
        pl.Series("a", [1, 2]).cast(pl.Datetime("us")),
        pl.Series("a", [1, 2]).cast(pl.Datetime("us", "UTC")),
        pl.DataFrame({"a": [1, 2]}),
        pl.DataFrame({"a": [1, 2], "b": [1, 2]}),
    ],
    "arrow": [
        pa.table({"a": [1, 2]}),
        pa.table({"b": [1, 2]}),
        pa.table({"a": [1, 3]}),
        pa.table({"a": [1, None]}),
        pa.table({"a": [1, 0]}),
        pa.table({"a": ["xy", ""]}),
        pa.table({"a": ["x", "y"]}),
        pa.table({"a": ["xy", None]}),
        pa.table({"a": [True, False]}),
        pa.table({"a": pa.array(["x", "y"]).dictionary_encode()}),
        pa.table({"a": pa.array(["x", "z"]).dictionary_encode()}),
        pa.table({"a": [[1], [2]]}),
        pa.table({"a": [[1, 2], []]}),
        pa.table({"a": [{"x": 1}, {"x": 2}]}),
    ],
    "sparse": [
        sp.csr_matrix([[1, 0], [0, 2]]),
        sp.csr_matrix([[1, 0], [2, 0]]),
        sp.csr_matrix([[1, 0], [0, 3]]),
        sp.csc_matrix([[1, 0], [0, 2]]),
        sp.coo_matrix([[1, 0], [0, 2]]),
        sp.csr_matrix(([1, 2], [0, 1], [0, 1, 2]), (2, 3)),
    ],
}


@pytest.mark.parametrize("values", CHANGED.values(), ids=CHANGED)
def test_changed_content_has_another_fingerprint(values: list[object]) -> None:
    marks = [mark(value) for value in values]
    assert len(set(marks)) == len(values)
    assert marks == [mark(value) for value in values]


_arrays = hnp.arrays(
    st.sampled_from(["f8", "i4", "u1", "U3", "?", "M8[s]", ">f4", "c16"]),
    hnp.array_shapes(max_dims=3, max_side=5),
)


@given(_arrays, st.data())
def test_layout_does_not_matter_and_every_element_does(
    array: np.ndarray[Any, Any], data: st.DataObject
) -> None:
    wide = np.repeat(array, 2, axis=0)
    assert mark(array) == mark(array.copy(order="F")) == mark(wide[::2])
    position = data.draw(st.integers(0, array.size - 1))
    changed = array.copy()
    flat = changed.reshape(-1)
    flat[position : position + 1].view(np.uint8)[0] ^= 1
    same = array.dtype.kind in "fc" and np.array_equal(parts(array), parts(changed), equal_nan=True)
    assert (mark(changed) == mark(array)) is same  # of a NaN, some bits mean nothing


def parts(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Real and imaginary parts: numpy takes 1 + nan j for equal to 2 + nan j."""
    return array.copy().reshape(-1).view(array.real.dtype)


@given(st.lists(st.none() | st.text() | st.integers() | st.floats(), min_size=1))
def test_objects_are_told_apart(values: list[object]) -> None:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    assert mark(array) == mark(array.copy())
    array[0] = ["another"][0] if values[0] != "another" else None
    changed = np.empty(len(values), dtype=object)
    changed[:] = values
    assert mark(array) != mark(changed)


# ── large ──


def test_large_content_is_sampled_in_the_same_places_whatever_its_layout() -> None:
    array = np.arange(2_000_000.0).reshape(2000, 1000)
    whole, sampled = one(array[:900].copy()), one(array)
    assert (whole.sampled, sampled.sampled) == (False, True)
    assert mark(array) == mark(np.asfortranarray(array)) == mark(array.copy())
    for place in (0, -1):
        changed = array.copy()
        changed.reshape(-1)[place] += 1
        assert mark(changed) != mark(array)


@pytest.mark.parametrize(
    "make",
    [
        lambda: pd.DataFrame(np.arange(3_000_000.0).reshape(-1, 3), columns=list("abc")),
        lambda: pd.DataFrame({"a": [f"text {i}" for i in range(600_000)]}),
        lambda: pl.DataFrame({"a": np.arange(1_000_000), "b": np.arange(1_000_000) % 7 == 0}),
        lambda: pl.DataFrame({"a": [f"a text {i}" for i in range(900_000)]}),
        lambda: pa.table(
            {"a": np.arange(1_500_000), "b": pa.array(["t", "u"] * 750_000).dictionary_encode()}
        ),
        lambda: sp.random_array((10_000, 1000), density=0.1, format="csr", rng=np.random.default_rng(0)),
        lambda: np.array(["x"] * 200_000, dtype=object),
        lambda: pd.DataFrame(np.arange(2_000_000.0).reshape(100, -1)),
        lambda: np.array(["a page " * 100_000] * 20, dtype=object),
    ],
    ids=[
        "pandas",
        "pandas texts",
        "polars",
        "polars texts",
        "arrow",
        "scipy",
        "objects",
        "wide pandas",
        "long texts",
    ],
)
def test_large_tables_are_sampled(make: Callable[[], object]) -> None:
    value = make()
    found = one(value)
    assert found.sampled
    assert found.fingerprint == mark(make())


def test_virtual_arrays_of_ten_gigabytes_cost_nothing() -> None:
    array = np.broadcast_to(np.float64(1), (10_000, 125_000))
    start = time.perf_counter()
    found = one(array)
    assert time.perf_counter() - start < 1
    assert (found.shape, found.sampled) == ([10_000, 125_000], True)
    assert found.fingerprint is not None
    assert found.fingerprint != mark(np.broadcast_to(np.float64(2), (10_000, 125_000)))


def test_after_the_budget_there_are_descriptions_only() -> None:
    namespace = {f"x{i}": np.zeros((1000, 900)) + i for i in range(50)}
    start = time.perf_counter()
    found = read_datasets(namespace, namespace)
    elapsed = time.perf_counter() - start
    assert [data.shape for data in found] == [[1000, 900]] * 50
    assert found[-1].fingerprint is None
    assert elapsed < 0.25  # 50 whole arrays would take ten times the budget
    assert one(np.zeros(3), budget=-1).fingerprint is None


def test_wide_frames_and_long_texts_cost_a_small_part_of_reading_them_whole() -> None:
    wide, pages = pd.DataFrame(np.zeros((1000, 5000))), holding(*["a page " * 1_000_000] * 50)
    start = time.process_time()
    found = [one(wide), one(pages)]
    assert time.process_time() - start < 0.25  # a Series for each column, or all of the texts, take longer
    assert all(data.sampled and data.fingerprint for data in found)


@pytest.mark.parametrize("place", [(0, 0), (0, -1), (-1, 0), (-1, -1)])
def test_corners_of_a_wide_frame_are_seen(place: tuple[int, int]) -> None:
    frame = pd.DataFrame(np.zeros((3, 40)))
    changed = frame.copy()
    changed.iloc[place] = 1.0
    assert mark(changed) != mark(frame)


def test_ends_of_long_texts_are_seen() -> None:
    page = "a page " * 300_000
    assert mark(holding(page)) != mark(holding(page + "z"))
    assert mark(holding(page)) != mark(holding("z" + page[1:]))


def test_what_numpy_is_told_to_do_about_errors_does_not_matter() -> None:
    signalling = np.array([0x7FF0000000000001], dtype="u8").view("f8")
    with np.errstate(all="raise"):
        assert mark(signalling) == mark(np.array([np.nan]))


def test_reading_changes_nothing() -> None:
    array = np.array([-0.0, -np.nan, 1.0])
    before = array.tobytes()
    array.flags.writeable = False
    mark(array)
    assert array.tobytes() == before


# ── hostile ──


class Hostile:
    def _refuse(self, *args: object) -> Any:
        raise SystemExit("touched")

    __repr__ = __str__ = __eq__ = __hash__ = __bool__ = __len__ = __iter__ = __getattr__ = _refuse
    __float__ = __array__ = __array_interface__ = __getitem__ = __reduce_ex__ = _refuse


class RudeArray(np.ndarray[Any, Any]):
    def __array_finalize__(self, other: object) -> None:
        pass

    def __getattribute__(self, name: str) -> Any:
        raise SystemExit("touched")


class RudeFrame(pd.DataFrame):
    @property
    def shape(self) -> Any:
        raise SystemExit("touched")


class RudeText(str):
    __slots__ = ()

    def __repr__(self) -> str:
        raise SystemExit("touched")


class CountingFrame(pd.DataFrame):
    asked = 0

    @property
    def shape(self) -> Any:
        CountingFrame.asked += 1
        return super().shape


def test_a_subclass_of_a_frame_is_left_alone() -> None:
    frame = CountingFrame({"a": [1]})
    CountingFrame.asked = 0
    assert read_datasets(["frame"], {"frame": frame}) == []
    assert CountingFrame.asked == 0


def test_a_class_that_only_says_to_be_scipys_is_left_alone() -> None:
    class csr_matrix(sp.csr_matrix):  # noqa: N801
        pass

    csr_matrix.__module__ = sp.csr_matrix.__module__
    assert read_datasets(["x"], {"x": csr_matrix(np.eye(2))}) == []


def holding(*values: object) -> np.ndarray[Any, Any]:
    array = np.empty(len(values), dtype=object)
    for index, value in enumerate(values):
        array[index] = value
    return array


def test_hostile_objects_are_not_touched() -> None:
    namespace = {
        "a": Hostile(),
        "mock": MagicMock(),
        "frame": pd.DataFrame.__new__(RudeFrame),
        "generator": (i for i in range(3)),
        "objects": holding(1, Hostile()),
        "texts": holding(RudeText("x")),
        "nested": holding([1], {}),
        "huge": holding(10**5000),
        "array": np.arange(3).view(RudeArray),
        "column": pd.DataFrame({"a": holding(Hostile(), 1)}),
        "labels": pd.DataFrame({"a": [1]}),
    }
    found = {data.name: data.fingerprint for data in read_datasets(namespace, namespace, budget=5)}
    plain = found.pop("array")
    assert plain == mark(np.arange(3))
    assert found.pop("labels") is not None
    assert found == dict.fromkeys(["objects", "texts", "nested", "huge", "column"])
    assert list(namespace["generator"]) == [0, 1, 2]  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "value",
    [
        np.zeros(3, dtype=np.longdouble),
        sp.lil_matrix(np.eye(2)),
        pl.DataFrame({"a": [[1], [2]]}),
        pa.table({"a": pa.array([["x"]], pa.list_(pa.dictionary(pa.int32(), pa.string())))}),
        pd.DataFrame({"a": pd.arrays.SparseArray([0, 1])}),
    ],
)
def test_what_cannot_be_read_safely_has_no_fingerprint(value: object) -> None:
    assert one(value).fingerprint is None
