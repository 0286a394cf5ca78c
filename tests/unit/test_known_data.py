"""Where the data of a process came from: reads of real libraries, splits, names, and what was fitted on."""

from __future__ import annotations

import gc
import json
import pickle
import sqlite3
import sys
import warnings
import weakref
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet
import pytest
import sklearn.datasets
from sklearn.datasets import load_wine as early_wine
from sklearn.model_selection import train_test_split as early_split

from nbtrack.capture.datasets import read_datasets
from nbtrack.capture.frameworks.observers import READERS, Observers
from nbtrack.capture.known_data import CellData, KnownData, as_record, data_of_run
from nbtrack.capture.source import parse_cell
from nbtrack.capture.sources import clean_address, source_of

SECONDS = 0.1  # that a fit took


class Cells:
    """Cells of a notebook, and what is known of their data."""

    def __init__(self) -> None:
        self.known = KnownData()
        self.names: dict[str, Any] = {"pd": pd, "pl": pl, "np": np, "pa": pa, "sklearn": sklearn}
        self.names |= {"early_wine": early_wine, "early_split": early_split}

    def run(self, code: str) -> CellData:
        exec(code, self.names)
        return self.known.end_cell(parse_cell(code), code, self.names)

    def fit_by_syntax(self, code: str) -> dict[str, Any]:
        """As `fit`, where nobody tells of the fit."""
        exec(code, self.names)
        ended = self.known.end_cell(parse_cell(code), code, self.names, SECONDS)
        return {seen.data.name: seen for seen in data_of_run(self.known, ended, [], self.names)}

    def fit(self, code: str, **given: str) -> dict[str, Any]:
        """A cell that fits a model on variables; the data of its run by name."""
        cell = parse_cell(code)
        exec(code, self.names)
        self.known.fitted({name: eval(value, self.names) for name, value in given.items()}, SECONDS)
        ended = self.known.end_cell(cell, code, self.names)
        return {seen.data.name: seen for seen in data_of_run(self.known, ended, [], self.names)}


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is."""
    monkeypatch.setattr("nbtrack.capture.known_data._FINGERPRINT", 30.0)
    monkeypatch.setattr("nbtrack.capture.known_data.BUDGET", 60.0)
    monkeypatch.setattr("nbtrack.capture.known_data.LEAST", 5.0)


@pytest.fixture
def cells(patient: None) -> Iterator[Cells]:
    found, failures = Cells(), []
    observers = Observers(found.known, failures.append, READERS)
    observers.begin()
    yield found
    observers.end()
    assert failures == []


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    frame = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", None]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    frame.to_json(tmp_path / "t.jsonl", orient="records", lines=True)
    pyarrow.feather.write_feather(pa.Table.from_pandas(frame), tmp_path / "t.feather")
    np.save(tmp_path / "t.npy", np.arange(6.0).reshape(3, 2))
    np.savez(tmp_path / "t.npz", a=np.arange(3))
    np.savetxt(tmp_path / "t.txt", np.eye(2))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("call", "function", "place", "shape"),
    [
        ("pd.read_csv('t.csv')", "pandas.read_csv", "t.csv", [3, 2]),
        ("pd.read_csv(filepath_or_buffer='t.csv', nrows=2)", "pandas.read_csv", "t.csv", [2, 2]),
        ("pd.read_csv(open('t.csv'))", "pandas.read_csv", "t.csv", [3, 2]),
        ("pd.read_parquet('t.parquet')", "pandas.read_parquet", "t.parquet", [3, 2]),
        ("pd.read_json('t.jsonl', lines=True)", "pandas.read_json", "t.jsonl", [3, 2]),
        ("pd.read_feather('t.feather')", "pandas.read_feather", "t.feather", [3, 2]),
        ("pl.read_csv('t.csv')", "polars.read_csv", "t.csv", [3, 2]),
        ("pl.read_parquet('t.parquet')", "polars.read_parquet", "t.parquet", [3, 2]),
        ("pl.scan_csv('t.csv')", "polars.scan_csv", "t.csv", []),
        ("np.load('t.npy')", "numpy.load", "t.npy", [3, 2]),
        ("np.load('t.npy', mmap_mode='r')", "numpy.load", "t.npy", [3, 2]),
        ("np.loadtxt('t.txt')", "numpy.loadtxt", "t.txt", [2, 2]),
        ("np.genfromtxt('t.txt')", "numpy.genfromtxt", "t.txt", [2, 2]),
        ("pa.csv.read_csv('t.csv')", "pyarrow.csv.read_csv", "t.csv", [3, 2]),
        ("pa.parquet.read_table('t.parquet')", "pyarrow.parquet.read_table", "t.parquet", [3, 2]),
        ("pa.feather.read_table('t.feather')", "pyarrow.feather.read_table", "t.feather", [3, 2]),
    ],
)
def test_what_a_library_reads(
    cells: Cells, folder: Path, call: str, function: str, place: str, shape: list[int]
) -> None:
    (seen,) = cells.run(f"data = {call}").reads
    (source,) = seen.data.sources
    assert (source.kind, source.function, source.place, source.link) == (
        "file",
        function,
        str(folder / place),
        "itself",
    )
    stat = (folder / place).stat()
    assert source.stamp == f"{stat.st_size}:{stat.st_mtime_ns}"
    assert (seen.data.name, seen.data.shape, seen.data.role) == (place, shape, "source")
    assert seen.data.schema
    if shape:
        assert seen.data.fingerprint is not None
        assert seen.profile is not None
    else:
        assert (seen.data.fingerprint, seen.profile) == (None, None)  # nothing of it was computed
    profile = {} if seen.profile is None else {"profile": seen.profile}
    assert as_record(seen) == asdict(seen.data) | profile
    json.dumps(as_record(seen))


@pytest.mark.parametrize(
    ("call", "function", "names"),
    [
        (
            "sklearn.datasets.load_iris()",
            "load_iris",
            ["load_iris.data", "load_iris.target", "load_iris.target_names"],
        ),
        ("sklearn.datasets.load_iris(return_X_y=True)", "load_iris", ["load_iris.data", "load_iris.target"]),
        (
            "sklearn.datasets.make_blobs(10, random_state=0)",
            "make_blobs",
            ["make_blobs.data", "make_blobs.target"],
        ),
    ],
)
def test_data_that_scikit_learn_brings_along(
    cells: Cells, call: str, function: str, names: list[str]
) -> None:
    reads = cells.run(f"data = {call}").reads
    assert [seen.data.name for seen in reads] == names
    assert {(source.kind, source.function) for seen in reads for source in seen.data.sources} == {
        ("bundled", f"sklearn.datasets.{function}")
    }


def test_sql_is_named_by_its_query(cells: Cells, tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "x.db")
    pd.DataFrame({"a": [1, 2]}).to_sql("t", database, index=False)
    cells.names["database"] = database
    (one,) = cells.run("df = pd.read_sql('select * from t where a > 1', database)").reads
    (other,) = cells.run("df = pl.read_database(query='select a from t', connection=database)").reads
    assert (one.data.sources[0].kind, one.data.sources[0].query) == ("sql", "select * from t where a > 1")
    assert one.data.sources[0].place == "sqlite3.Connection"
    assert (other.data.sources[0].function, other.data.sources[0].query) == (
        "polars.read_database",
        "select a from t",
    )
    database.close()


def test_addresses_are_told_without_what_is_secret_in_them() -> None:
    assert clean_address("https://me:pw@host.org:8080/a/b.csv?id=3") == "https://host.org:8080/a/b.csv?id=3"
    signed = clean_address("s3://bucket/x.csv?X-Amz-Signature=abc&X-Amz-Date=1&sig=q")
    assert "abc" not in signed
    assert "=q" not in signed
    assert "X-Amz-Date=1" in signed
    source = source_of("pandas.read_sql", "sql", ("select 1", "postgresql://me:pw@db/x"), {})
    assert (source.place, source.query) == ("postgresql://db/x", "select 1")
    assert source_of("pandas.read_csv", "file", ("https://u:p@h/x.csv",), {}).place == "https://h/x.csv"


def test_arguments_are_kept_where_the_call_can_be_made_again(folder: Path) -> None:
    def arguments(*args: Any, **named: Any) -> Any:
        return source_of("pandas.read_csv", "file", args, named).arguments

    assert arguments("t.csv", ";", dtype=str) == {"place": [";"], "name": {"dtype": "str"}}
    assert arguments(filepath_or_buffer="t.csv", nrows=3) == {"place": [], "name": {"nrows": 3}}
    assert arguments("t.csv", converters={0: len}) is None
    assert arguments("t.csv", dtype={0: "int64"}) is None  # JSON has no such key
    assert arguments(["t.csv", "t.csv"]) is None
    assert arguments("absent.csv") is None


def test_a_working_folder_that_is_gone_is_no_reason_to_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    source = source_of("pandas.read_csv", "file", ("t.csv",), {})
    assert (source.place, source.stamp, source.arguments) == ("t.csv", None, None)


def test_a_chunked_reader_is_not_consumed(cells: Cells, folder: Path) -> None:
    cells.run("parts = pd.read_csv('t.csv', chunksize=1)")
    assert [len(part) for part in cells.names["parts"]] == [1, 1, 1]


def test_what_a_reader_calls_itself_is_not_told(cells: Cells, folder: Path) -> None:
    reads = cells.run("a = pd.read_parquet('t.parquet'); b = pd.read_feather('t.feather')").reads
    assert [seen.data.sources[0].function for seen in reads] == ["pandas.read_parquet", "pandas.read_feather"]


def test_a_read_that_fails_fails_as_ever_and_leaves_nothing(cells: Cells, folder: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        cells.run("pd.read_csv('absent.csv')")
    assert "nbtrack" not in "".join(str(entry.path) for entry in caught.traceback[1:])
    assert cells.run("x = pd.read_csv('t.csv')").reads  # the next one is told again


def test_a_warning_names_the_persons_line(cells: Cells, folder: Path) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        exec(
            compile("pd.read_csv('t.csv', sep='  +')", "the cell", "exec"), cells.names
        )  # not by the C parser
    assert {warning.filename for warning in caught} == {"the cell"}


def test_watched_functions_look_and_pickle_as_before(cells: Cells) -> None:
    for function in (pd.read_csv, pl.read_csv, np.load, sklearn.datasets.load_iris):
        assert pickle.loads(pickle.dumps(function)) is function
        assert function.__name__ in ("read_csv", "load", "load_iris")
        assert function.__doc__


def test_libraries_are_as_before_in_the_end() -> None:
    before = pd.read_csv, np.load, sklearn.datasets.load_iris, sklearn.model_selection.train_test_split
    observers = Observers(KnownData(), pytest.fail, READERS)
    observers.begin()
    assert pd.read_csv is not before[0]
    observers.end()
    assert (
        pd.read_csv,
        np.load,
        sklearn.datasets.load_iris,
        sklearn.model_selection.train_test_split,
    ) == before


# ── what came of what was read ──


def test_what_a_model_was_fitted_on_is_linked_to_what_was_read(cells: Cells, folder: Path) -> None:
    cells.run("df = pd.read_csv('t.csv')")
    cells.run("X = df[['a']].fillna(0)\ny = (df['a'] > 1).to_numpy()")
    found = cells.fit("(X, y)", X="X", y="y")
    assert set(found) == {"X", "y", "t.csv"}
    assert {name: seen.data.role for name, seen in found.items()} == {
        "X": "train",
        "y": "train",
        "t.csv": "source",
    }
    for name in ("X", "y"):
        (source,) = found[name].data.sources
        assert (source.place, source.link) == (str(folder / "t.csv"), "name")
        assert found[name].profile is not None


def test_parts_of_an_array_are_known_by_what_they_are_parts_of(cells: Cells) -> None:
    cells.run("iris = sklearn.datasets.load_iris()")
    found = cells.fit("pass", X="iris.data[:, :2]", y="iris.target")
    assert found["X"].data.sources[0].link == "part"
    assert found["y"].data.sources[0].link == "itself"


def test_a_split_gives_its_parts_their_source_and_role(cells: Cells, folder: Path) -> None:
    cells.run("X, y = sklearn.datasets.load_iris(return_X_y=True)")
    cells.run(
        "from sklearn.model_selection import train_test_split\na, b, c, d = train_test_split(X, y, random_state=0)"
    )
    origins = {name: cells.known.origin_of(cells.names[name]) for name in "abcd"}
    assert {name: origin.role for name, origin in origins.items()} == {
        "a": "train",
        "b": "test",
        "c": "train",
        "d": "test",
    }
    assert {origin.sources[0].link for origin in origins.values()} == {"split"}


def test_a_function_that_was_imported_before_is_seen_by_syntax_and_result(cells: Cells) -> None:
    reads = cells.run("wine = early_wine()").reads
    assert [seen.data.name for seen in reads] == [
        "load_wine.data",
        "load_wine.target",
        "load_wine.target_names",
    ]
    (x, y) = cells.run("X, y = early_wine(return_X_y=True)").reads
    assert (x.data.shape, y.data.shape) == ([178, 13], [178])
    found = cells.fit("m = X * 2", X="m")
    assert found["m"].data.sources[0].function == "sklearn.datasets.load_wine"


@pytest.mark.parametrize(
    ("code", "known"),
    [
        ("X = df.drop(columns='b')", True),
        ("X, z = df[['a']], 3", True),
        ("X = np.zeros(3); X[:] = df['a']", True),
        ("for X in [df[['a']]]: pass", True),
        ("if (X := df[['a']]) is not None: pass", True),
        ("def f(d):\n    return d[['a']] * 2\nX = f(df)", True),
        ("other = df\ndel df\nX = other[['a']] * 1", True),
        ("with open('t.csv') as f:\n    X = pd.read_csv(f).dropna()", True),
        ("def load():\n    return pd.read_csv('t.csv')\nX = load()", True),
        ("X = np.ones((3, 2))", False),
        ("X = df\nX = np.ones((3, 2))", False),
    ],
)
def test_names_that_hold_what_was_made_of_data(cells: Cells, folder: Path, code: str, known: bool) -> None:
    cells.run("df = pd.read_csv('t.csv')")
    cells.run(code)
    found = cells.fit("pass", X="X")
    assert [source.place for source in found["X"].data.sources] == ([str(folder / "t.csv")] if known else [])


def test_read_and_fit_in_one_cell(cells: Cells, folder: Path) -> None:
    found = cells.fit("df = pd.read_csv('t.csv')\nX = df[['a']] + 1", X="X")
    assert found["X"].data.sources[0].place == str(folder / "t.csv")
    assert "t.csv" in found


def test_temporary_data_of_a_fit_has_the_sources_that_the_call_names(cells: Cells, folder: Path) -> None:
    cells.run("df = pd.read_csv('t.csv')")

    class Model:
        def fit(self, *_: object) -> None: ...

    cells.names["model"] = Model()
    found = cells.fit("model.fit(df[['a']], df['a'])", X="df[['a']] * 1", y="df['a'] * 1")
    assert {name for name, seen in found.items() if seen.data.role == "train"} == {"X", "y"}
    assert found["X"].data.sources[0].place == str(folder / "t.csv")


@pytest.mark.parametrize("call", ["model.fit(X, y)", "model.fit(y=y, X=X)", "m = type(model)().fit(X, y)"])
def test_a_fit_of_an_unknown_library_is_seen_by_its_syntax(cells: Cells, call: str) -> None:
    class Model:
        def fit(self, X: object, y: object) -> None: ...  # noqa: N803

    cells.names["model"] = Model()
    cells.run("X, y = np.ones((5, 2)), np.zeros(5)")
    found = cells.fit_by_syntax(call)
    assert {name: (seen.data.role, seen.data.shape) for name, seen in found.items()} == {
        "X": ("train", [5, 2]),
        "y": ("train", [5]),
    }


def test_a_variable_that_was_read_and_fitted_on_is_one(cells: Cells) -> None:
    cells.run("X = np.ones((5, 2))")
    before = read_datasets(["X"], cells.names)
    cells.known._hashing = 0  # the time for fingerprints is over
    cells.known.fitted({"X": cells.names["X"]}, SECONDS)
    (seen,) = data_of_run(cells.known, cells.run("X"), before, cells.names)
    assert seen.data.name == "X"
    assert (seen.data.role, seen.data.fingerprint) == ("train", before[0].fingerprint)
    cells.known.fitted({"X": cells.names["X"] + 1}, SECONDS)  # another by the time of the fit
    both = data_of_run(cells.known, cells.run("pass"), before, cells.names)
    assert [(seen.data.name, seen.data.role) for seen in both] == [("X", "read"), ("X (2)", "train")]


def test_the_same_data_is_described_once_however_often_it_is_fitted_on(cells: Cells) -> None:
    cells.run("X = np.ones((5, 2))")
    cells.known.fitted({"X": cells.names["X"]}, SECONDS)
    found = cells.fit("pass", X="X")
    assert list(found) == ["X"]


def test_nothing_of_the_person_is_held(cells: Cells, folder: Path) -> None:
    cells.run("df = pd.read_csv('t.csv')\nX = df[['a']] * 1")
    cells.fit("pass", X="X")
    gone = [weakref.ref(cells.names[name]) for name in ("df", "X")]
    for name in ("df", "X"):
        del cells.names[name]
    gc.collect()
    assert [reference() for reference in gone] == [None, None]


def test_a_cell_that_reads_nothing_costs_nothing(cells: Cells, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "nbtrack.capture.derivation.Derivation.follow", lambda *_: pytest.fail("the cell was looked at")
    )
    assert cells.run("x = 1 + 1") == CellData()


def test_profiles_of_many_short_fits_share_the_little_time_that_they_have(
    cells: Cells, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nbtrack.capture.known_data.LEAST", 0.003)
    monkeypatch.setattr(cells.known, "_profiling", 0.003)
    for seed in range(40):
        cells.known.fitted({"X": np.random.default_rng(seed).normal(size=(200, 20))}, 0.0)
    ended = cells.run("pass")
    assert len(ended.fits) == 40
    assert ended.fits[0].profile is not None
    assert ended.fits[-1].profile is None


def test_lazy_tables_are_never_computed(cells: Cells, folder: Path) -> None:
    lazy = pl.scan_csv("t.csv").map_batches(
        lambda frame: pytest.fail("it was computed"), schema={"a": pl.Int64}
    )
    cells.known.fitted({"X": lazy}, SECONDS)
    (seen,) = cells.run("pass").fits
    assert (seen.data.shape, seen.data.fingerprint, seen.profile) == ([], None, None)
    assert seen.data.type_name == "polars.LazyFrame"


def test_narwhals_is_imported_for_tables_of_other_libraries_only(cells: Cells, folder: Path) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "narwhals"]:
        del sys.modules[name]
    cells.fit("df = pd.read_csv('t.csv'); X = df[['a']]", X="X")
    assert "narwhals" not in sys.modules


def test_what_is_fitted_again_is_profiled_once_and_anew_when_it_has_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from nbtrack.capture import known_data

    profiled: list[object] = []
    profile = known_data.guarded_profile
    monkeypatch.setattr(
        known_data,
        "guarded_profile",
        lambda value, *more: profiled.append(value) or profile(value, *more),
    )
    cells = Cells()
    cells.run("X = np.arange(12.0).reshape(6, 2)")
    first = cells.fit("model = None", X="X")["X"].profile
    assert cells.fit("model = None", X="X")["X"].profile == first
    assert len(profiled) == 1
    cells.run("X[0, 0] = 99.0")
    assert cells.fit("model = None", X="X")["X"].profile["columns"][0]["maximum"] == 99.0
    assert len(profiled) == 2


def test_a_profile_of_few_rows_is_made_again_when_there_is_much_more_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cells = Cells()
    cells.run("X = np.arange(40_000.0).reshape(20_000, 2)")
    monkeypatch.setattr("nbtrack.capture.known_data.SHARE", 0.0)
    for seconds in (0.000_4, 0.000_5, 5.0):
        cells.known._profiling = seconds
        read = cells.fit("model = None", X="X")["X"].profile["read"]
        assert read == 10_000 if seconds == 5.0 else read < 10_000
