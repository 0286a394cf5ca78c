"""Data of runs and cells in a store: profiles of samples, of whole files, and what becomes of them."""

from __future__ import annotations

import json
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from owned_store import DAY, OwnedStore
from shared_store import DATA, PROFILE, SharedStore

from nbtrack.entities import records
from nbtrack.service import data as data_module
from nbtrack.store.profiles import can_be_whole, dataset_of


@pytest.fixture
def owned(tmp_path: Path) -> OwnedStore:
    store = OwnedStore(tmp_path / "store")
    started = records.ProcessStarted(
        process=store.process, time=1, pid=1, boot_id="b", start_time="s", pid_namespace="n", host="h", user="u",
        executable=sys.executable, nbtrack="0",
    )  # fmt: skip
    store.take(started)
    return store


@pytest.fixture
def table(tmp_path: Path) -> dict[str, Any]:
    """What a cell that reads a file records."""
    path = tmp_path / "t.csv"
    path.write_text("a\n1\n2\n2\n")
    stat = path.stat()
    source = {**DATA["sources"][0], "place": str(path), "stamp": f"{stat.st_size}:{stat.st_mtime_ns}"}  # type: ignore[index]
    return {**DATA, "sources": [{**source, "arguments": {"place": [], "name": {}}}]}


def look(owned: OwnedStore) -> None:
    """Do what the keeper does in the background."""
    while (deferred := owned.service.data.next_file()) is not None:
        deferred.result()


def test_the_keeper_makes_the_profile_of_the_whole_file(owned: OwnedStore, table: dict[str, Any]) -> None:
    run = owned.run()
    execution = owned.execute("df = pd.read_csv('t.csv')")
    owned.reads(execution, {**table, "profile": PROFILE})
    owned.take(records.DatasetsSeen(run=run, datasets=[{**table, "profile": PROFILE}]))
    (before,) = owned.service.data.get(run).data
    assert before.profile is not None
    assert before.profile.columns[0].mean == 0.05
    look(owned)
    for (item,) in (owned.service.data.get(run).data, owned.store.profiles.read_by(execution)):
        assert item.profile is not None
        (column,) = item.profile.columns
        assert (item.profile.rows, item.profile.sampled) == (3, False)
        assert (column.count, column.distinct, column.top) == (3, 2, {"2": 2, "1": 1})
    assert owned.service.data.next_file() is None  # and not once more


@pytest.mark.parametrize("reason", ["changed", "gone", "large", "not plain", "no such interpreter"])
def test_a_file_that_cannot_be_read_again_keeps_its_sample(
    owned: OwnedStore, table: dict[str, Any], monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    run, execution = owned.run(), owned.execute("df = pd.read_csv('t.csv')")
    path = Path(table["sources"][0]["place"])
    if reason == "changed":
        os.utime(path, (1, 1))
    elif reason == "gone":
        path.unlink()
    elif reason == "large":
        monkeypatch.setattr(data_module, "LARGEST", 3)
    elif reason == "not plain":
        table["sources"][0]["arguments"] = None
    else:
        owned.store.connection.execute("UPDATE processes SET executable = '/no/such/python'")
    owned.reads(execution, table)
    owned.take(records.DatasetsSeen(run=run, datasets=[{**table, "profile": PROFILE}]))
    assert (owned.store.profiles.wanted() is None) == (reason == "not plain")
    look(owned)
    (item,) = owned.service.data.get(run).data
    assert item.profile is not None
    assert item.profile.columns[0].mean == 0.05


def test_a_file_is_looked_at_once_for_all_that_read_it(owned: OwnedStore, table: dict[str, Any]) -> None:
    for number in range(3):
        owned.reads(owned.execute(f"read {number}"), table)
    deferred = owned.service.data.next_file()
    assert deferred is not None
    assert owned.service.data.next_file() is None  # one after the other
    deferred.result()
    assert owned.service.data.next_file() is None


def test_what_an_unknown_execution_read_is_let_go(owned: OwnedStore, table: dict[str, Any]) -> None:
    owned.reads("nobody", table)
    assert owned.store.profiles.read_by("nobody") == []
    assert owned.store.profiles.wanted() is None


def test_profiles_go_with_the_last_that_knew_their_data(owned: OwnedStore, table: dict[str, Any]) -> None:
    owned.reads(owned.execute("old", when=DAY), table)
    look(owned)

    def profiles() -> int:
        return len(owned.store.connection.execute("SELECT * FROM file_profiles").fetchall())

    owned.service.retention.collect(grace_days=0).result()
    assert profiles() == 1
    owned.service.retention.collect(executions_days=1, grace_days=0).result()
    assert profiles() == 0


def test_data_of_a_journal_of_an_older_version_is_read(owned: OwnedStore) -> None:
    run = owned.run()
    old = {
        "name": "X",
        "type_name": "numpy.ndarray",
        "shape": [2],
        "columns": [],
        "fingerprint": None,
        "sampled": False,
    }
    owned.take(records.DatasetsSeen(run=run, datasets=[old]))
    (item,) = owned.service.data.get(run).data
    assert (item.data.role, item.data.sources, item.profile) == ("read", [], None)
    assert not can_be_whole(item.data)


def test_rows_to_verify_with_stay_at_home_unless_they_are_asked_for(tmp_path: Path) -> None:
    laptop, desk = SharedStore(tmp_path, "laptop"), SharedStore(tmp_path, "desk")
    run = laptop.full_run()
    laptop.artifact(run, b"[[1, 2]]", "model.rows.json", "verification")
    for rows, names in ((False, set()), (True, {"model.rows.json"})):
        bundle = tmp_path / f"{rows}.bundle"
        laptop.write(bundle, runs=[run], rows=rows)
        with zipfile.ZipFile(bundle) as file:
            content = b"".join(file.read(name) for name in file.namelist())
        assert (b"model.rows.json" in content) == rows
        desk.merge(bundle)
        found = {item.name for item in desk.service.runs.get(run).artifacts}
        assert found == {"model", "table.csv"} | names


def test_texts_that_no_utf8_holds_are_kept(owned: OwnedStore) -> None:
    execution = owned.execute("x")
    owned.reads(execution, {**DATA, "columns": ["\ud800"]})
    (item,) = owned.store.profiles.read_by(execution)
    assert item.data.columns == ["\ud800"]
    assert dataset_of(json.loads(json.dumps(DATA))).schema["\ud800"] == "str"
