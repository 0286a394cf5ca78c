"""The profile of a whole file, made by reading it once more."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from nbtrack.capture import whole_files
from nbtrack.capture.sources import source_of
from nbtrack.capture.whole_files import profile_file


@pytest.fixture
def table(tmp_path: Path) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"n": np.arange(25_000) % 1000, "x": rng.normal(size=25_000)})
    frame.loc[::5, "x"] = np.nan
    frame["c"] = np.where(frame["n"] % 2, "odd", "even")
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    np.save(tmp_path / "t.npy", frame[["n", "x"]].to_numpy())
    return frame


def request(function: str, path: Path, columns: list[str], **named: Any) -> dict[str, Any]:
    source = source_of(function, "file", (str(path),), named)
    return {
        "function": function,
        "place": source.place,
        "stamp": source.stamp,
        "arguments": source.arguments,
        "columns": columns,
    }


@pytest.mark.parametrize(
    ("function", "file"),
    [
        ("pandas.read_csv", "t.csv"),
        ("pandas.read_parquet", "t.parquet"),
        ("polars.read_csv", "t.csv"),
        ("polars.read_parquet", "t.parquet"),
        ("pyarrow.csv.read_csv", "t.csv"),
        ("pyarrow.parquet.read_table", "t.parquet"),
    ],
)
def test_all_of_a_file_is_in_its_profile(
    table: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, file: str
) -> None:
    monkeypatch.setattr(whole_files, "CHUNK", 4_000)  # so that it is merged of seven parts
    profile = profile_file(request(function, tmp_path / file, ["n", "x", "c"]))
    assert (profile.rows, profile.read, profile.width, profile.sampled) == (25_000, 25_000, 3, False)
    n, x, c = profile.columns
    assert (n.count, n.distinct, n.minimum, n.maximum) == (25_000, 1000, 0, 999)
    assert x.missing == 5_000
    assert x.mean == pytest.approx(table["x"].mean())
    assert x.std == pytest.approx(table["x"].std(ddof=0))
    assert x.quantiles[16] == pytest.approx(table["x"].median(), abs=0.06)
    assert c.top == {"even": 12_500, "odd": 12_500}


def test_arguments_of_the_call_count(table: pd.DataFrame, tmp_path: Path) -> None:
    profile = profile_file(request("pandas.read_csv", tmp_path / "t.csv", ["n"], usecols=["n"], nrows=10))
    assert (profile.rows, [column.name for column in profile.columns]) == (10, ["n"])
    array = profile_file(request("numpy.load", tmp_path / "t.npy", []))
    assert (array.rows, array.width) == (25_000, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"function": "pandas.read_pickle"}, "not called again"),
        ({"function": "os.system"}, "not called again"),
        ({"stamp": "1:1"}, "was changed"),
        ({"columns": ["n", "y", "c"]}, "other columns"),
    ],
)
def test_what_is_not_the_same_call_has_no_profile(
    table: pd.DataFrame, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    asked = request("pandas.read_csv", tmp_path / "t.csv", ["n", "x", "c"]) | change
    with pytest.raises(ValueError, match=message):
        profile_file(asked)


def test_a_pickle_inside_of_an_array_is_not_opened(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "ran",)

    np.save(tmp_path / "evil.npy", np.array([Evil()], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="Python objects"):
        profile_file(request("numpy.load", tmp_path / "evil.npy", [], allow_pickle=True))
    assert not (tmp_path / "ran").exists()


def test_an_answer_is_one_json_document_whatever_a_library_prints(
    table: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for asked, key in (
        (request("polars.read_csv", tmp_path / "t.csv", ["n", "x", "c"]), "profile"),
        ({}, "error"),
    ):
        monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(asked)))
        monkeypatch.setattr("os.nice", lambda _: 0)
        monkeypatch.setattr("os.dup2", lambda *_: 0)
        monkeypatch.setattr("sys.stdout", io.StringIO())
        whole_files.main()
        assert list(json.loads(capfd.readouterr().out)) == [key]
    assert pl.read_csv(tmp_path / "t.csv").shape == (25_000, 3)
