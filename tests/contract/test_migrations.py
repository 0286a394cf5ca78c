"""A store of every landed schema opens, with every value what it was."""

from __future__ import annotations

import json
import math
import struct
import zlib
from array import array
from pathlib import Path
from typing import Any

import apsw
import pytest

from nbtrack.errors import Conflict, StoreTooNew
from nbtrack.service import Service, open_service
from nbtrack.store import database, migrations
from nbtrack.store.database import DATABASE, Store
from nbtrack.store.facts import Facts
from nbtrack.store.location import create_store
from nbtrack.store.processes import this_process

PARAMS: dict[str, Any] = {
    "lr": 0.1,
    "depth": 3,
    "whole": 1.0,
    "zero": -0.0,
    "act": "relu",
    "big": 10**30,
    "flag": True,
    "none": None,
    "nan": math.nan,
    "inf": math.inf,
    "layers": [1, {"a": math.inf}],
    "half": "\ud800",
}


def packed(column: array[Any]) -> bytes:
    return zlib.compress(column.tobytes(), 1)


def foundation(folder: Path) -> Path:
    """A store as the first landed version wrote it: two runs, of which one has a long series."""
    store = create_store(folder)
    connection = apsw.Connection(str(store / DATABASE))
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE migrations (name TEXT PRIMARY KEY) WITHOUT ROWID")
    step = dict(migrations.MIGRATIONS)["0001_foundation"]
    assert isinstance(step, str)
    connection.execute(step)
    connection.execute("INSERT INTO migrations VALUES ('0001_foundation')")
    connection.execute("INSERT INTO store VALUES ('s', 5)")
    connection.execute("INSERT INTO experiments VALUES (1, 'quickstart')")
    connection.execute("INSERT INTO run_numbers VALUES (1, 'forest', 7)")
    for number, run in ((3, "01"), (7, "02")):
        connection.execute(
            "INSERT INTO runs VALUES (?, 1, 'forest', ?, ?, 'finished', 'p', 'a.ipynb', 'c1', '/d', 'e', ?, ?, 1.5, ?,"
            " 'abc', 'main', 1)",
            (run, number, f"forest-{number}", number, number + 1, "Traceback" if number == 3 else None),
        )
    for position, (name, value) in enumerate(PARAMS.items()):
        connection.execute(
            "INSERT INTO params VALUES ('01', ?, ?, '', NULL, NULL, ?)", (name, json.dumps(value), position)
        )
    connection.execute("INSERT INTO tags VALUES ('01', 'owner', 'm')")
    connection.execute("INSERT INTO notes VALUES ('01', 0, 'a note')")
    connection.execute(
        "INSERT INTO artifacts VALUES ('01', 'm', 0, 'model', 'pickle', 3, NULL, 'T', '{}', 'n')"
    )
    connection.execute("INSERT INTO metrics VALUES ('01', 'one', 0, 1, 0.5, 0.5, 0.5, 4, 9000000)")
    connection.execute("INSERT INTO metrics VALUES ('01', 'bad', 1, 1, NULL, NULL, NULL, 0, 9000000)")
    connection.execute(
        "INSERT INTO metrics VALUES ('01', 'loss', 2, 5000, 4999.0, 0.0, 4999.0, 4999, 9000000)"
    )
    connection.execute("INSERT INTO models VALUES (1, 'churn', 2)")
    connection.execute(
        "INSERT INTO model_versions VALUES (1, 2, '01', 'm', 'skops', 'd', 3, 'T', '[]', 'text', '{\"a\": \"b\"}', 9)"
    )
    connection.execute("INSERT INTO aliases VALUES (1, 'champion', 2)")
    series = [("one", [4], [0.5]), ("bad", [0], [math.nan])]
    for name, steps, values in series:
        column = (packed(array("q", steps)), packed(array("d", values)), packed(array("q", [9_000_000])))
        connection.execute("INSERT INTO metric_chunks VALUES ('01', ?, 0, 1, ?, ?, ?)", (name, *column))
    for first, count in ((0, 4096), (4096, 904)):
        span = range(first, first + count)
        column = (
            packed(array("q", span)),
            packed(array("d", span)),
            packed(array("q", [n * 10**6 for n in span])),
        )
        connection.execute(
            "INSERT INTO metric_chunks VALUES ('01', 'loss', ?, ?, ?, ?, ?)", (first, count, *column)
        )
    connection.close()
    return store


def bits(value: object) -> object:
    return struct.pack("<d", value) if isinstance(value, float) else value


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return open_service(Store(foundation(tmp_path / "s")), "test")


def test_a_store_of_the_first_schema_keeps_every_value(service: Service) -> None:
    detail = service.runs.get("forest-3")
    assert {name: bits(value) for name, value in detail.row.params.items() if name != "layers"} == {
        name: bits(value) for name, value in PARAMS.items() if name != "layers"
    }
    assert detail.row.params["layers"] == PARAMS["layers"]
    assert detail.row.tags == {"owner": "m"}
    assert detail.row.metrics["one"] == 0.5
    assert math.isnan(detail.row.metrics["bad"])
    assert (detail.traceback, detail.notes, detail.revision.dirty) == ("Traceback", ["a note"], True)
    assert [item.name for item in detail.artifacts] == ["m"]
    assert (detail.row.notebook, detail.row.cell_id) == ("a.ipynb", "c1")
    loss = service.runs.metric("forest-3", "loss")
    assert loss.values == [float(n) for n in range(5000)]
    assert loss.steps == list(range(5000))
    assert loss.times[-1] == 4.999
    assert service.runs.metric("forest-3", "one").steps == [4]
    assert service.runs.outcome("02").previous == "forest-3"


def test_a_model_of_the_first_schema_is_what_it_was_and_may_be_renamed(service: Service) -> None:
    service.curation.rename_model("churn", "risk")
    version = service.models.get("churn@champion")
    assert (version.model, version.version, version.run, version.description) == (
        "risk",
        2,
        "forest-3",
        "text",
    )
    assert version.tags == {"a": "b"}
    (model,) = service.models.list()
    assert (model.description, model.tags) == ("", {})


def test_what_was_there_before_stores_were_merged_is_of_this_store(service: Service) -> None:
    assert service.runs.get("forest-3").row.origin is None
    assert service.store.origins.of_run("01") is None
    assert service.store.origins.own().id == "s"
    assert service.store.connection.execute("SELECT origin FROM run_names").fetchall() == [(None,)]


def test_numbers_go_on_where_they_were(service: Service) -> None:
    with service.store.transaction():
        assert service.store.runs.next_number("quickstart", "forest")[1] == 8


def test_opening_twice_changes_nothing_more(tmp_path: Path) -> None:
    store = foundation(tmp_path / "s")
    Store(store).close()
    first = Store(store)
    assert first.schema == migrations.MIGRATIONS[-1][0]
    first.close()


def test_a_newer_store_is_left_byte_for_byte(tmp_path: Path) -> None:
    folder = create_store(tmp_path / "s")
    store = Store(folder)
    with store.transaction():
        store.connection.execute("INSERT INTO migrations VALUES ('9999_future')")
    store.close()
    before = {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    with pytest.raises(StoreTooNew, match="9999_future"):
        Store(folder)
    assert {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()} == before


def test_a_step_that_is_interrupted_anywhere_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    """Each statement of the migration fails once; the next opening finds the old schema and goes through."""
    pristine = (foundation(tmp_path / "pristine") / DATABASE).read_bytes()
    failed_at = 0
    while True:
        folder = create_store(tmp_path / f"s{failed_at}")
        (folder / DATABASE).write_bytes(pristine)
        connection = apsw.Connection(str(folder / DATABASE))
        seen = 0

        def interrupt(cursor: object, statement: str, bindings: object, at: int = failed_at) -> bool:
            nonlocal seen
            seen += 1
            if seen == at + 1:
                raise InterruptedError(statement)
            return True

        connection.set_exec_trace(interrupt)
        try:
            migrations.migrate(connection)
        except InterruptedError:
            connection.set_exec_trace(None)
            connection.close()
        else:
            break
        store = Store(folder)
        assert open_service(store, "test").runs.get("forest-3").row.params["act"] == "relu"
        assert store.connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        store.close()
        failed_at += 1
    assert failed_at > 60  # each of the statements was the one that failed


def test_no_step_is_taken_while_an_older_kernel_records(tmp_path: Path) -> None:
    folder = foundation(tmp_path / "s")
    here = this_process()
    connection = apsw.Connection(str(folder / DATABASE))
    connection.execute(
        "INSERT INTO processes VALUES ('p', ?, ?, ?, ?, ?, 'me', 'python', '0.0.1', 1, NULL)",
        (here.pid, here.boot_id, here.start_time, here.pid_namespace, here.host),
    )
    connection.execute("INSERT INTO journals VALUES ('p', 0, 'p', 0)")
    with pytest.raises(Conflict, match=rf"process {here.pid}; restart it"):
        Store(folder)
    steps = connection.execute("SELECT name FROM migrations").fetchall()
    assert steps == [("0001_foundation",)]
    connection.execute("UPDATE processes SET ended = 2")
    assert Store(folder).schema == migrations.MIGRATIONS[-1][0]


def test_a_store_on_a_network_home_needs_no_shared_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "file_system", lambda folder: "nfs4")
    store = Store(create_store(tmp_path / "s"))
    assert store.connection.execute("PRAGMA locking_mode").fetchall() == [("exclusive",)]
    assert store.connection.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
    assert not (store.folder / f"{DATABASE}-shm").exists()
    store.close()


def test_the_surroundings_of_runs_keep_their_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = apsw.Connection(":memory:")
    steps = [name for name, _ in migrations.MIGRATIONS]
    with monkeypatch.context() as before:
        before.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[: steps.index("0012_fact_keys")])
        migrations.migrate(connection)
    connection.execute(
        "INSERT INTO experiments VALUES (1, 'e'); INSERT INTO run_names (id, experiment, name, last) VALUES (1, 1, 'r', 2);"
        "INSERT INTO texts VALUES (1, 'p');"
        "INSERT INTO runs (key, id, name, number, status, process, started)"
        " VALUES (1, 'a', 1, 1, 'finished', 1, 0), (2, 'b', 1, 2, 'finished', 1, 0);"
        "INSERT INTO facts VALUES ('s1', 'hardware', 'cores', '8', NULL), ('s2', 'variable', 'TZ', 'UTC', NULL);"
        "INSERT INTO run_facts VALUES ('a', 'machine', 's1'), ('b', 'machine', 's1'), ('b', 'process', 's2');"
    )
    migrations.migrate(connection)
    facts = Facts(connection)
    assert [fact.name for fact in facts.of_run("a")] == ["cores"]
    assert [fact.name for fact in facts.of_run("b")] == ["cores", "TZ"]
    assert [fact.name for fact in facts.of_run("b", "process")] == ["TZ"]
