"""Profiles of data in memory, of every library that is known."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy.sparse import csr_matrix

from nbtrack.capture.datasets import Kinds, schema_of
from nbtrack.capture.profiles import COLUMNS, ROWS, profile_sample
from nbtrack.entities.profiles import ColumnProfile, DataProfile


def profiled(value: object, seconds: float = 30.0) -> DataProfile:
    module = Kinds().module_of(value)
    assert module is not None
    profile = profile_sample(value, module, seconds)
    assert profile is not None
    return profile


def columns(value: object) -> dict[str, ColumnProfile]:
    return {column.name: column for column in profiled(value).columns}


def people(count: int = 400) -> pd.DataFrame:
    when = pd.date_range("2024-01-01", periods=count, freq="h")
    return pd.DataFrame(
        {
            "age": np.arange(count) % 80,
            "income": np.where(np.arange(count) % 4 == 0, np.nan, np.arange(count) * 0.5),
            "city": [["Bern", "Chur", None, "Genf"][place % 4] for place in range(count)],
            "when": when,
            "zone": when.tz_localize("Europe/Zurich", ambiguous="NaT", nonexistent="NaT"),
            "grade": pd.Categorical(["a", "b"] * (count // 2), categories=["a", "b", "c"]),
            "ok": [True, False] * (count // 2),
        }
    )


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_a_table_has_the_same_profile_in_every_library(library: str) -> None:
    frame = people()
    value: Any = frame
    if library == "polars":
        value = pl.from_pandas(frame)
    elif library == "pyarrow":
        value = pa.Table.from_pandas(frame)
    profile = profiled(value)
    assert (profile.rows, profile.read, profile.width, profile.sampled) == (400, 400, 7, False)
    found = {column.name: column for column in profile.columns}
    assert list(found) == list(frame.columns)
    assert (found["age"].kind, found["age"].distinct, found["age"].minimum, found["age"].maximum) == (
        "number", 80, 0, 79,
    )  # fmt: skip
    assert (found["income"].missing, found["income"].quantiles[0]) == (100, 0.5)
    assert found["income"].mean == pytest.approx(frame["income"].mean())
    assert found["income"].std == pytest.approx(frame["income"].std(ddof=0))
    assert (found["city"].kind, found["city"].missing) == ("text", 100)
    assert found["city"].top == {"Bern": 100, "Chur": 100, "Genf": 100}
    assert found["when"].kind == "time"
    assert found["when"].minimum == pd.Timestamp("2024-01-01").timestamp()
    assert found["zone"].minimum == pd.Timestamp("2024-01-01", tz="Europe/Zurich").timestamp()
    assert found["grade"].top == {"a": 200, "b": 200}
    assert (found["ok"].kind, found["ok"].top) == ("boolean", {"True": 200, "False": 200})


@pytest.mark.parametrize(
    "dtype",
    ["Int64", "Float64", "boolean", "string", "int64[pyarrow]", "string[pyarrow]", "timestamp[us][pyarrow]"],
)
def test_extension_arrays_of_pandas(dtype: str) -> None:
    values: Any = (
        [True, None, False] if dtype == "boolean" else ["a", None, "b"] if "string" in dtype else [1, None, 2]
    )
    column = columns(pd.DataFrame({"x": pd.array(values, dtype=dtype)}))["x"]
    assert (column.count, column.missing, column.distinct) == (3, 1, 2)


def test_a_matrix_and_its_columns_one_by_one_have_the_same_profile() -> None:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(300, 4))
    matrix[::7, 1], matrix[3, 2], matrix[4, 2], matrix[:, 3] = (
        np.nan,
        np.inf,
        -np.inf,
        rng.integers(0, 3, 300),
    )
    together = profiled(matrix).columns
    by_frame = profiled(pd.DataFrame(matrix, columns=list("0123"))).columns
    alone = [profiled(matrix[:, place]).columns[0] for place in range(4)]
    for one, framed, single in zip(together, by_frame, alone, strict=True):
        assert one == framed
        assert (one.count, one.missing, one.infinite, one.distinct) == (
            single.count, single.missing, single.infinite, single.distinct,
        )  # fmt: skip
        assert (one.top, one.minimum, one.maximum) == (single.top, single.minimum, single.maximum)
        assert one.mean == pytest.approx(single.mean)
        assert one.std == pytest.approx(single.std)
        assert np.abs(np.array(one.quantiles) - single.quantiles).max() < 0.3
    assert (together[1].missing, together[2].infinite) == (43, 2)


@pytest.mark.parametrize("dtype", ["int8", "uint64", "float16", "float32", "int64"])
def test_matrices_of_every_number(dtype: str) -> None:
    (column,) = profiled(np.array([[3], [1], [2], [1]], dtype)).columns
    assert (column.dtype, column.distinct, column.minimum, column.maximum) == (dtype, 3, 1, 3)
    assert column.top == ({"1.0": 2, "2.0": 1, "3.0": 1} if "float" in dtype else {"1": 2, "2": 1, "3": 1})


@pytest.mark.parametrize(
    "value", [np.empty((0, 3)), pd.DataFrame({"a": [], "b": []}), pd.DataFrame(), np.array([])]
)
def test_nothing_has_a_profile_of_nothing(value: object) -> None:
    module = Kinds().module_of(value)
    profile = profile_sample(value, module or "", 1.0)
    assert profile is None or all(column.count == 0 and column.distinct == 0 for column in profile.columns)


def test_a_structured_array_a_sparse_matrix_and_a_picture() -> None:
    structured = np.array([(1, b"x"), (2, b"y")], dtype=[("n", "i4"), ("s", "S1")])
    assert columns(structured)["n"].distinct == 2
    sparse = columns(csr_matrix(np.eye(5)))
    assert (len(sparse), sparse["0"].top) == (5, {"0.0": 4, "1.0": 1})
    (pixels,) = profiled(np.zeros((4, 8, 8), "uint8")).columns
    assert (pixels.count, pixels.top) == (256, {"0": 256})
    assert profile_sample(np.ma.masked_array([1, 2], [True, False]), "numpy", 1.0) is None


def test_no_more_is_read_than_ten_thousand_rows_and_two_hundred_columns() -> None:
    profile = profiled(np.zeros((ROWS + 1, COLUMNS + 1)))
    assert (profile.rows, profile.width) == (ROWS + 1, COLUMNS + 1)
    assert profile.read <= ROWS
    assert len(profile.columns) == COLUMNS
    assert profile.sampled
    assert profile.note is not None
    assert "of 10,001 rows and 200 of 201 columns were read" in profile.note


def test_a_sample_is_of_all_parts_of_the_data_and_always_the_same() -> None:
    values = np.arange(1_000_000.0)
    first, second = profiled(values), profiled(values)
    assert first == second
    (column,) = first.columns
    assert np.abs(np.array(column.quantiles) - np.linspace(0, 1_000_000, 33)).max() < 30_000


def test_less_time_means_fewer_rows_then_fewer_columns_then_nothing() -> None:
    matrix = np.random.default_rng(0).normal(size=(50_000, 150))
    read = [profile_sample(matrix, "numpy", seconds) for seconds in (30.0, 0.02, 0.001, 0.0)]
    sizes = [(0, 0) if one is None else (one.read, len(one.columns)) for one in read]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == (
        len(np.unique(((np.arange(ROWS) * ((5**0.5 - 1) / 2)) % 1 * 50_000).astype(int))),
        150,
    )
    assert sizes[0][0] > sizes[1][0] > sizes[2][0]
    assert 0 < sizes[2][1] < 150
    assert read[3] is None


def test_a_virtual_array_is_read_in_places() -> None:
    virtual = np.broadcast_to(np.float64(7), (100_000, 100_000, 2))  # 160 GB
    began = time.process_time()
    (column,) = profiled(virtual).columns
    assert column.top == {"7.0": column.count}
    assert time.process_time() - began < 30  # not a measurement: reading all of it would take hours


def test_random_numbers_and_options_stay_what_they_are() -> None:
    np.random.seed(0)
    before, errors = np.random.get_state()[1].tolist(), np.geterr()
    profiled(people(50_000))
    profiled(np.array([[1e308, np.inf], [-1e308, np.nan]]))
    assert (np.random.get_state()[1].tolist(), np.geterr()) == (before, errors)


def test_the_data_is_left_as_it_was() -> None:
    matrix = np.array([[3.0, np.inf], [1.0, np.nan], [2.0, -0.0]])
    frame, copy = pd.DataFrame(matrix), matrix.copy()
    profiled(matrix)
    profiled(frame)
    profiled(matrix.T)
    profiled(np.ascontiguousarray(matrix[:, 0]))
    assert matrix.tobytes() == copy.tobytes()


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        (np.zeros((2, 2), "float32"), {"values": "float32"}),
        (np.zeros(2, [("a", "i8"), ("b", "f4")]), {"a": "int64", "b": "float32"}),
        (pd.DataFrame({"a": [1], 2: [0.5]}), {"a": "int64", "2": "float64"}),
        (pd.Series([1], name="y"), {"y": "int64"}),
        (pl.DataFrame({"a": [1]}), {"a": "Int64"}),
        (pl.LazyFrame({"a": [1], "b": ["x"]}), {"a": "Int64", "b": "String"}),
        (pa.table({"a": [1], "b": ["x"]}), {"a": "int64", "b": "string"}),
        (csr_matrix(np.eye(2)), {"values": "float64"}),
    ],
)
def test_schemas(value: object, schema: dict[str, str]) -> None:
    assert schema_of(value, Kinds().module_of(value) or "") == schema
