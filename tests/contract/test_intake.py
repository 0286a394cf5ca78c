"""From records to rows, on an open store: what every store must do with what a process recorded."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from nbtrack.entities import records
from nbtrack.entities.ids import new_id
from nbtrack.entities.processes import ProcessIdentity
from nbtrack.entities.runs import RunStatus
from nbtrack.errors import AmbiguousName, InvalidInput, NotFound, StoreCorrupt, StoreTooNew
from nbtrack.service import Service, open_service
from nbtrack.store.audit import GENESIS, line_digest
from nbtrack.store.database import DATABASE, Store
from nbtrack.store.journal import SUFFIX
from nbtrack.store.journal_writer import JournalWriter
from nbtrack.store.location import create_store
from nbtrack.store.processes import this_process


class Recording:
    """A store with a process that records into it."""

    def __init__(self, folder: Path) -> None:
        self.folder = create_store(folder / ".nbtrack")
        self.store = Store(self.folder)
        self.service: Service = open_service(self.store, "test")
        self.process = new_id()
        self.journal = JournalWriter(self.folder / "journal" / (self.process + SUFFIX))
        self.journal.open()
        self.begin(this_process())

    def begin(self, identity: ProcessIdentity) -> None:
        self.journal.append(
            records.ProcessStarted(
                process=self.process,
                time=time.time_ns(),
                pid=identity.pid,
                boot_id=identity.boot_id,
                start_time=identity.start_time,
                pid_namespace=identity.pid_namespace,
                host=identity.host,
                user="somebody",
                executable="python",
                nbtrack="0.1.0",
            )
        )

    def run(self, name: str = "forest", experiment: str = "study", **fields: object) -> str:
        run = new_id()
        record = records.RunStarted(
            run=run,
            time=time.time_ns(),
            name=name,
            experiment=experiment,
            process=self.process,
            **fields,  # type: ignore[arg-type]
        )
        self.journal.append(record)
        return run

    def end(self, run: str) -> None:
        self.journal.append(records.RunEnded(run=run, time=time.time_ns(), duration=0.5, status="finished"))

    def drain(self) -> int:
        return self.service.intake.drain()


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Recording]:
    opened = Recording(tmp_path)
    yield opened
    opened.store.close()


def test_runs_are_numbered_within_their_experiment(recording: Recording) -> None:
    for name, experiment in [("forest", "a"), ("forest", "b"), ("forest", "a"), ("tree", "a")]:
        recording.run(name, experiment)
    recording.drain()
    table = recording.service.runs.search(sort=["started"])
    assert [(row.experiment, row.name) for row in table.runs] == [
        ("a", "forest-1"),
        ("b", "forest-1"),
        ("a", "forest-2"),
        ("a", "tree-1"),
    ]


def test_draining_twice_is_the_same_as_once(recording: Recording) -> None:
    run = recording.run()
    recording.journal.append(records.MetricsLogged(run=run, time=1, values={"loss": 0.5}))
    assert recording.drain() == 3
    assert recording.drain() == 0
    recording.journal.append(records.MetricsLogged(run=run, time=2, values={"loss": 0.25}))
    assert recording.drain() == 1
    assert recording.service.runs.metric("forest-1", "loss").values == [0.5, 0.25]


def test_a_crash_between_the_transaction_and_its_clean_up_repeats_nothing(recording: Recording) -> None:
    run = recording.run()
    file = recording.store.incoming / new_id()
    file.write_bytes(b"content")
    record = records.ArtifactSaved(run=run, time=1, name="a", kind="file", format="", size=7, file=file.name)
    recording.journal.append(record)
    recording.drain()
    assert not file.exists()
    file.write_bytes(b"content")  # as if the process had died before removing it
    assert recording.drain() == 0
    assert len(recording.service.runs.get("forest-1").artifacts) == 1


def test_long_series_come_back_whole_with_their_summary(recording: Recording) -> None:
    run = recording.run()
    values = [((number * 7919) % 10_007) / 10_007 for number in range(10_000)]
    for start in range(0, 10_000, 2_500):
        for number in range(start, start + 2_500):
            recording.journal.append(
                records.MetricsLogged(run=run, time=number, values={"loss": values[number]})
            )
        recording.drain()
    series = recording.service.runs.metric("forest-1", "loss")
    assert series.values == values
    assert series.steps == list(range(10_000))
    lowest, highest = next(recording.store.connection.execute("SELECT lowest, highest FROM metrics"))
    assert (lowest, highest) == (min(values), max(values))


def test_one_bad_record_takes_nothing_else_with_it_and_its_journal_stays(recording: Recording) -> None:
    run = recording.run()
    recording.journal.append(records.ParamsSet(run=new_id(), params={"of": "nobody"}))
    recording.journal.append(
        records.ArtifactSaved(run=run, time=1, name="x", kind="file", format="", size=1, file="../x")
    )
    recording.journal.append(records.ParamsSet(run=run, params={"lr": 0.1}))
    recording.end(run)
    recording.journal.append(records.ProcessEnded(process=recording.process, time=2))
    recording.drain()
    recording.service.intake.bury()
    assert recording.service.runs.get("forest-1").row.params == {"lr": 0.1}
    assert recording.journal.path.exists()
    assert "2 record(s)" in recording.service.status.status().problems[0]


@pytest.mark.parametrize("noun", ["metrics", "blobs"])
def test_a_full_disk_delays_a_batch_and_neither_loses_nor_doubles_any_of_it(
    recording: Recording, monkeypatch: pytest.MonkeyPatch, noun: str
) -> None:
    run = recording.run()
    for number in range(3):
        recording.journal.append(
            records.MetricsLogged(run=run, time=number, values={"loss": number, "other": number})
        )
    recording.journal.append(
        records.CellExecuted(
            execution=new_id(),
            process=recording.process,
            time=1,
            duration=0.1,
            source="x",
            outcome="ok",
            run=run,
        )
    )
    method = {"metrics": "append", "blobs": "put"}[noun]
    target = getattr(recording.store, noun)
    real, calls = getattr(target, method), []

    def full(*arguments: object) -> object:
        calls.append(arguments)
        if len(calls) == (2 if noun == "metrics" else 1):
            raise apsw.FullError("database or disk is full")
        return real(*arguments)

    monkeypatch.setattr(target, method, full)
    with pytest.raises(apsw.FullError):
        recording.drain()
    recording.drain()
    detail = recording.service.runs.get("forest-1")
    assert recording.service.runs.metric("forest-1", "loss").values == [0, 1, 2]
    assert recording.service.runs.metric("forest-1", "other").values == [0, 1, 2]
    assert [cell.source for cell in detail.cells] == ["x"]
    assert recording.service.status.status().problems == []


def test_a_journal_whose_process_ended_is_removed_once_it_is_drained(recording: Recording) -> None:
    recording.end(recording.run())
    recording.service.intake.bury()
    assert recording.journal.path.exists()
    recording.journal.append(records.ProcessEnded(process=recording.process, time=2))
    recording.drain()
    recording.service.intake.bury()
    assert not recording.journal.path.exists()
    assert recording.service.runs.get("forest-1").row.status is RunStatus.FINISHED


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({}, RunStatus.RUNNING),
        ({"boot_id": "another boot"}, RunStatus.CRASHED),
        ({"start_time": "1"}, RunStatus.CRASHED),
        ({"pid": 2**22 + 5}, RunStatus.CRASHED),
        ({"host": "another host"}, RunStatus.RUNNING),
        ({"pid_namespace": "pid:[1]"}, RunStatus.RUNNING),
    ],
)
def test_only_a_process_that_is_surely_dead_has_crashed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, object], status: RunStatus
) -> None:
    from dataclasses import replace

    identity = replace(this_process(), **changed)  # type: ignore[arg-type]
    monkeypatch.setattr("test_intake.this_process", lambda: identity)
    recording = Recording(tmp_path)
    recording.run()
    recording.drain()
    recording.service.intake.bury()
    assert recording.service.runs.get("forest-1").row.status is status
    recording.store.close()


def test_a_run_is_found_by_every_one_of_its_names(recording: Recording) -> None:
    first, second = recording.run("forest", "a"), recording.run("forest", "b")
    recording.drain()
    runs = recording.service.runs
    assert runs.resolve("a/forest-1") == runs.resolve("forest-1", "a") == runs.resolve(first) == first
    assert runs.resolve("b/forest-1", "a") == second
    with pytest.raises(AmbiguousName, match="a/forest-1, b/forest-1"):
        runs.resolve("forest-1")
    with pytest.raises(AmbiguousName):
        runs.resolve(first[:8])
    with pytest.raises(NotFound, match="no run forest-7"):
        runs.resolve("forest-7")
    with pytest.raises(InvalidInput):
        runs.search(limit=-1)


def test_the_outcome_is_against_the_previous_run_of_the_same_cell(recording: Recording) -> None:
    for cell, depth in [("one", 3), ("two", 9), ("one", 5)]:
        run = recording.run("forest" if cell == "one" else "other", cell_id=cell)
        recording.journal.append(records.ParamsSet(run=run, params={"depth": depth}))
        recording.end(run)
    recording.drain()
    outcome = recording.service.runs.outcome(run)
    assert outcome.previous == "forest-1"
    assert [(change.name, change.before, change.after) for change in outcome.params] == [("depth", 3, 5)]
    new_cell = recording.run("other", cell_id="three")
    recording.drain()
    assert recording.service.runs.outcome(new_cell).previous == "other-1"


def test_a_damaged_blob_is_never_given_out(recording: Recording) -> None:
    with recording.store.transaction():
        digest = recording.store.blobs.put(os.urandom(100_000))
    path = recording.store.blobs.path(digest)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(StoreCorrupt):
        recording.store.blobs.get(digest)


def test_equal_content_is_stored_once(recording: Recording) -> None:
    run = recording.run()
    for number in range(50):
        execution = records.CellExecuted(
            execution=new_id(),
            process=recording.process,
            time=number,
            duration=0.1,
            source="x = 1\n" * 1000,
            outcome="ok",
            run=run,
            outputs=[{"output_type": "stream", "name": "stdout", "text": "same"}],
        )
        recording.journal.append(execution)
    recording.drain()
    (blobs,) = next(recording.store.connection.execute("SELECT count(*) FROM blobs"))
    assert blobs == 2


def test_a_store_of_a_newer_version_is_left_alone(recording: Recording) -> None:
    recording.store.connection.execute("INSERT INTO migrations (name) VALUES ('0999_tomorrow')")
    recording.store.close()
    before = (recording.folder / DATABASE).read_bytes()
    with pytest.raises(StoreTooNew, match="0999_tomorrow"):
        Store(recording.folder)
    assert (recording.folder / DATABASE).read_bytes() == before


def test_a_store_of_this_version_opens_again_with_all_it_had(recording: Recording) -> None:
    recording.end(recording.run())
    recording.drain()
    identity = recording.store.identity
    recording.store.close()
    again = Store(recording.folder)
    assert again.identity == identity
    assert open_service(again, "test").runs.get("forest-1").row.name == "forest-1"
    again.close()


def test_a_file_that_is_no_database_is_said_to_be_so(tmp_path: Path) -> None:
    folder = create_store(tmp_path / ".nbtrack")
    (folder / DATABASE).write_bytes(b"not a database at all, but long enough to be taken for one" * 100)
    with pytest.raises(StoreCorrupt, match="cannot be read"):
        Store(folder)


def test_the_audit_log_is_a_chain(recording: Recording) -> None:
    with recording.store.transaction():
        for number in range(3):
            recording.store.audit.append(number, "somebody", "model.registered", {"version": number})
    before = GENESIS
    for sequence, moment, actor, decision, detail, digest in recording.store.audit.lines():
        assert line_digest(before, sequence, moment, actor, decision, detail) == digest
        assert json.loads(detail) == {"version": moment}
        before = digest
    assert sequence == 3
