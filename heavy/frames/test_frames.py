"""Tables of modin and dask, and seaborn's example data: what is read, what is known of it, and that nothing is computed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from nbtrack.capture.datasets import Kinds, read_datasets, schema_of
from nbtrack.capture.frameworks.observers import READERS, Observers
from nbtrack.capture.known_data import KnownData
from nbtrack.capture.source import parse_cell

os.environ["MODIN_ENGINE"] = "python"  # before modin is imported

dd = pytest.importorskip("dask.dataframe")
md = pytest.importorskip("modin.pandas")
sns = pytest.importorskip("seaborn")

SCHEMA = ["a", "b"]


@pytest.fixture
def known() -> Iterator[KnownData]:
    found, failures = KnownData(), []
    observers = Observers(found, failures.append, READERS)
    observers.begin()
    yield found
    observers.end()
    assert failures == []


@pytest.fixture
def path(tmp_path: Path) -> str:
    pd.DataFrame({"a": [1, 2, 2], "b": ["x", None, "y"]}).to_csv(tmp_path / "t.csv", index=False)
    return str(tmp_path / "t.csv")


def end(known: KnownData) -> Any:
    return known.end_cell(parse_cell("pass"), "pass", {})


def test_modin(known: KnownData, path: str) -> None:
    frame = md.read_csv(path)
    (seen,) = end(known).reads
    assert (seen.data.sources[0].function, seen.data.sources[0].place) == ("modin.pandas.read_csv", path)
    assert (seen.data.type_name, seen.data.shape, list(seen.data.schema)) == (
        "modin.pandas.DataFrame",
        [3, 2],
        SCHEMA,
    )
    known.fitted({"X": frame, "y": frame["a"]}, 100.0)
    x, y = end(known).fits
    assert x.profile is not None
    a, b = x.profile["columns"]
    assert (a["top"], b["top"], b["missing"]) == ({"2": 2, "1": 1}, {"x": 1, "y": 1}, 1)
    assert y.profile is not None
    assert y.profile["columns"][0]["distinct"] == 2


def test_dask_is_never_computed(known: KnownData, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import dask.base

    monkeypatch.setattr(dask.base, "compute", lambda *_, **__: pytest.fail("it was computed"))
    frame = dd.read_csv(path)
    (seen,) = end(known).reads
    assert seen.data.sources[0].function == "dask.dataframe.read_csv"
    assert (list(seen.data.schema), seen.data.shape, seen.data.fingerprint, seen.profile) == (
        SCHEMA,
        [],
        None,
        None,
    )
    known.fitted({"X": frame}, 100.0)
    (fit,) = end(known).fits
    assert (list(fit.data.schema), fit.profile) == (SCHEMA, None)
    assert schema_of(frame["a"], Kinds().module_of(frame["a"]) or "").keys() == {"a"}
    assert [data.type_name for data in read_datasets(["frame"], {"frame": frame})] == [
        "dask.dataframe.DataFrame"
    ]


def test_seaborn(known: KnownData, path: str, tmp_path: Path) -> None:
    (tmp_path / "penguins.csv").write_text("species,sex\nA,MALE\nB,FEMALE\n")
    sns.load_dataset("penguins", cache=True, data_home=str(tmp_path))  # what is there is not fetched
    (seen,) = end(known).reads
    assert (seen.data.sources[0].kind, seen.data.sources[0].function) == ("bundled", "seaborn.load_dataset")
