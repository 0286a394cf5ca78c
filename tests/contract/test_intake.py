"""From records to rows, on an open store: what every store must do with what a process recorded."""

from __future__ import annotations

import json
import os
import time
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import apsw
import pytest

from nbtrack.capture.active_run import ActiveRun
from nbtrack.capture.recorder import Recorder
from nbtrack.entities import records
from nbtrack.entities.ids import new_id
from nbtrack.entities.processes import ProcessIdentity
from nbtrack.entities.runs import RunStatus
from nbtrack.errors import AmbiguousName, InvalidInput, NotFound, StoreCorrupt, StoreTooNew
from nbtrack.service import Service, open_service
from nbtrack.store import segments
from nbtrack.store.audit import GENESIS, line_digest
from nbtrack.store.database import DATABASE, Store
from nbtrack.store.journal import MAGIC_1, SUFFIX, encode
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
        self.series: dict[str, dict[str, int]] = {}
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


def test_a_disk_error_that_ends_the_transaction_is_told_and_costs_no_record(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = recording.run()
    for number in range(3):
        recording.journal.append(records.ParamsSet(run=run, params={f"p{number}": number}))

    def failing(*arguments: object) -> None:
        recording.store.connection.execute("ROLLBACK")  # as SQLite itself does on some errors of the disk
        raise apsw.IOError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(recording.store.runs, "set_params", failing)
        with pytest.raises(apsw.Error):
            recording.drain()
        with pytest.raises(apsw.IOError), recording.store.transaction():
            failing()
    recording.drain()
    assert recording.service.runs.get("forest-1").row.params == {"p0": 0, "p1": 1, "p2": 2}
    assert recording.service.status.status().problems == []


def log_many(recording: Recording, run: str, count: int, first: int = 0) -> None:
    series = recording.series.setdefault(run, {})
    for number in range(first, first + count):
        assert recording.journal.log(run, series, {"loss": float(number)})


def losses(recording: Recording, run: str = "forest-1") -> list[float]:
    return list(recording.service.runs.metric(run, "loss").values)


def files(recording: Recording) -> list[str]:
    return sorted(path.name for path in (recording.folder / "journal").iterdir())


def test_points_of_several_files_are_taken_in_once_and_the_files_left_behind_are_removed(
    recording: Recording,
) -> None:
    run = recording.run()
    log_many(recording, run, 40_000)
    assert len(files(recording)) == 3
    recording.drain()
    assert losses(recording) == [float(number) for number in range(40_000)]
    assert len(files(recording)) == 1
    assert recording.drain() == 0
    log_many(recording, run, 10, 40_000)
    # A keeper that begins here has not read which series the numbers in the middle of the file stand for.
    recording.service = open_service(recording.store, "another")
    recording.drain()
    assert losses(recording) == [float(number) for number in range(40_010)]
    assert recording.service.status.status().problems == []


@pytest.mark.parametrize("dies", [False, True])
def test_a_file_that_was_prepared_and_passed_over_hides_no_later_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies: bool
) -> None:
    """The writer was faster than the thread beside it, and was killed before that took its own file away again."""
    if dies:
        identity = replace(this_process(), pid=2**22 + 5)
        monkeypatch.setattr("test_intake.this_process", lambda: identity)
    recording = Recording(tmp_path)
    run = recording.run()
    log_many(recording, run, 4_000)
    making, outside = segments.create, []

    def create(path: Path, size: int, *, mapped: bool) -> segments.Segment:
        made = making(path, size, mapped=mapped)
        if not outside:
            outside.append(made)
            log_many(recording, run, 6_000, 4_000)
        return made

    monkeypatch.setattr(segments, "create", create)
    monkeypatch.setattr(segments.Segment, "remove", lambda segment: None)
    recording.journal.prepare()
    assert files(recording) == [recording.process + end + SUFFIX for end in (".000001", ".000002", "")]
    recording.drain()
    assert losses(recording) == [float(number) for number in range(10_000)]
    recording.service.intake.bury()
    assert losses(recording) == [float(number) for number in range(10_000)]
    # While it lives the writer itself removes the file that it does not need.
    assert files(recording) == (
        [] if dies else [recording.process + end + SUFFIX for end in (".000001", ".000002")]
    )
    assert recording.service.status.status().problems == []
    recording.store.close()


def test_a_file_whose_first_bytes_were_damaged_hides_no_later_one_and_stays(recording: Recording) -> None:
    run = recording.run()
    log_many(recording, run, 40_000)
    middle, last, first = (recording.folder / "journal" / name for name in files(recording))
    with middle.open("r+b") as file:
        file.write(b"x")
    recording.drain()
    recording.service.intake.bury()
    found = losses(recording)
    assert found[0] == 0.0
    assert found[-1] == 39_999.0
    assert len(found) < 40_000
    assert (first.exists(), middle.exists(), last.exists()) == (False, True, True)
    assert "1 record(s)" in recording.service.status.status().problems[0]


def test_given_steps_and_counted_ones_keep_their_order(recording: Recording) -> None:
    run, series = recording.run(), {}
    for step in (None, None, 10, None, 3, None):
        recording.journal.log(run, series, {"loss": 1.0, "other": 2.0}, step)
    recording.journal.log_series(run, series, "loss", None, array("d", [1.0, 2.0]))
    recording.drain()
    assert recording.service.runs.metric("forest-1", "loss").steps == [0, 1, 10, 11, 3, 4, 5, 6]
    assert recording.service.runs.metric("forest-1", "other").steps == [0, 1, 10, 11, 3, 4]


def test_runs_that_a_dead_process_left_open_are_told_once_to_their_experiment(recording: Recording) -> None:
    ended, left = recording.run(), recording.run()
    recording.run("other", "elsewhere")
    log_many(recording, left, 3)
    recording.journal.append(
        records.RunEnded(run=ended, time=time.time_ns(), duration=1.0, status="finished")
    )
    recording.drain()
    assert recording.service.deaths.left("study") == []
    recording.store.connection.execute("UPDATE processes SET boot_id = 'before'")
    recording.service.intake.bury()
    (found,) = recording.service.deaths.left("study")
    assert (found.name, found.points) == ("forest-2", 3)
    assert [run.name for run in recording.service.deaths.left("elsewhere")] == ["other-1"]
    recording.service.deaths.tell([found.process])
    assert recording.service.deaths.left("study") == []
    recording.service.intake.bury()
    assert recording.service.deaths.left("study") == []


def test_a_worker_that_is_read_before_the_run_that_it_logs_to_loses_nothing(recording: Recording) -> None:
    recording.drain()
    worker = JournalWriter(
        recording.folder / "journal" / ("00" + recording.process[2:] + SUFFIX)
    )  # sorted first
    worker.open()
    run = recording.run()
    assert worker.log(run, {}, {"loss": 7.0})
    recording.drain()
    assert losses(recording) == [7.0]
    assert recording.store.journals.problems() == []
    assert worker.log("no such run", {}, {"loss": 8.0})
    assert worker.log(run, {}, {"other": 9.0})
    recording.drain()
    assert [count for _, count in recording.store.journals.problems()] == [1]
    assert list(recording.service.runs.metric("forest-1", "other").values) == [9.0]
    worker.close()


def test_a_drain_ends_while_a_process_goes_on_logging(recording: Recording) -> None:
    run = recording.run()
    log_many(recording, run, 100)
    taken = 0
    for count in recording.service.intake.draining():
        taken += count
        log_many(recording, run, 100)
    assert 100 <= taken < 1_000


@pytest.mark.parametrize("ahead", [0.02, 0.5, 3600])
def test_a_drain_takes_all_that_is_there_whatever_the_clock_of_its_writer_said(
    recording: Recording, monkeypatch: pytest.MonkeyPatch, ahead: float
) -> None:
    run = recording.run()
    series = recording.series.setdefault(run, {})
    moment = time.time_ns() + int(ahead * 10**9)
    for number in range(10_000):
        assert recording.journal.log(run, series, {"loss": float(number)}, now=moment)
    assert len(recording.store.journals.names()) > 1
    monkeypatch.setattr("nbtrack.service.intake.READ", 100_000)  # bytes of one transaction
    assert sum(recording.service.intake.draining()) > 10_000
    assert len(losses(recording)) == 10_000


def test_many_points_travel_in_a_file_and_a_damaged_one_is_told(recording: Recording) -> None:
    run = recording.run()
    recorder = Recorder(recording.journal.append, recording.store.incoming, recording.process, lambda: 0)
    active = ActiveRun(run, "forest", "study")
    recorder.log_series(active, "loss", [1.0, 2.5], [3, 9])
    (good,) = recording.store.incoming.iterdir()
    recorder.log_series(active, "other", [1.0, 2.5])
    (bad,) = set(recording.store.incoming.iterdir()) - {good}
    bad.write_bytes(bad.read_bytes()[:-1] + b"\x01")
    recording.drain()
    series = recording.service.runs.metric("forest-1", "loss")
    assert (series.steps, series.values) == ([3, 9], [1.0, 2.5])
    detail = recording.service.runs.get("forest-1")
    assert "A part of other (2 points) was damaged on its way." in str(detail.notes)
    assert list(recording.store.incoming.iterdir()) == []


@pytest.mark.parametrize("left", [0, 5])
def test_files_that_a_power_cut_left_empty_or_short_are_told_and_cost_nothing_else(
    recording: Recording, left: int
) -> None:
    run = recording.run()
    recorder = Recorder(recording.journal.append, recording.store.incoming, recording.process, lambda: 0)
    active = ActiveRun(run, "forest", "study")
    recorder.artifact(active, b"content", "a.bin")
    recorder.log_series(active, "loss", [1.0, 2.5])
    outputs = json.dumps([{"output_type": "stream", "name": "stdout", "text": "much"}]).encode()
    for name, content in (("cell", outputs), ("older", outputs), ("notebook", b"{}" * 20)):
        (recording.store.incoming / name).write_bytes(content)
    for number, (name, checksum) in enumerate((("cell", zlib.crc32(outputs)), ("older", None))):
        recording.journal.append(
            records.CellExecuted(
                execution=new_id(),
                process=recording.process,
                time=time.time_ns() + number,
                duration=0.1,
                source=f"{name} = 1",
                outcome="ok",
                run=run,
                file=name,
                checksum=checksum,
            )
        )
    recording.journal.append(
        records.SnapshotTaken(
            snapshot=new_id(),
            run=run,
            process=recording.process,
            time=time.time_ns(),
            notebook="a.ipynb",
            file="notebook",
            checksum=zlib.crc32(b"{}" * 20),
        )
    )
    recording.journal.append(records.RunNoted(run=run, note="the end"))
    for path in recording.store.incoming.iterdir():
        os.truncate(path, left)
    recording.drain()
    assert recording.store.journals.problems() == []
    detail = recording.service.runs.get("forest-1")
    (artifact,) = detail.artifacts
    assert (artifact.digest, artifact.note) == (None, "its content was lost before it was stored")
    told = str(detail.notes)
    assert "The content of a.bin was lost before it was stored." in told
    assert "A part of loss (2 points) was lost before it was stored." in told
    assert f"The notebook's file was {'damaged on its way' if left else 'lost before it was stored'}" in told
    assert "the end" in told
    digests = recording.store.connection.execute("SELECT outputs FROM executions").fetchall()
    shown = [recording.store.blobs.get(str(digest)).decode() for (digest,) in digests]
    assert len(shown) == 2
    assert all("[nbtrack: what this cell put out was" in text for text in shown)
    assert list(recording.store.incoming.iterdir()) == []


@pytest.mark.parametrize(
    ("byte", "bit"), [(20, 4), (0, 32)], ids=["a point", "a length that becomes nothing"]
)
def test_what_stands_behind_a_damaged_frame_of_a_dead_process_is_saved_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, byte: int, bit: int
) -> None:
    identity = replace(this_process(), pid=2**22 + 5)
    monkeypatch.setattr("test_intake.this_process", lambda: identity)
    recording = Recording(tmp_path)
    run = recording.run()
    log_many(recording, run, 10)
    end = recording.journal.position
    recording.journal.prepare()
    content = bytearray(recording.journal.path.read_bytes())
    content[end - 5 * 40 + byte] ^= bit
    recording.journal.path.write_bytes(content[: end - 7])  # and the last frame was cut off by the death
    recording.drain()
    assert losses(recording) == [0, 1, 2, 3, 4]
    recording.service.intake.bury()
    assert losses(recording) == [0, 1, 2, 3, 4, 6, 7, 8]
    assert "1 record(s)" in recording.service.status.status().problems[0]
    assert recording.service.runs.get("forest-1").row.status is RunStatus.CRASHED
    recording.store.close()


def test_the_journal_of_a_dead_process_is_removed_with_what_it_had_prepared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = replace(this_process(), pid=2**22 + 5)
    monkeypatch.setattr("test_intake.this_process", lambda: identity)
    recording = Recording(tmp_path)
    run = recording.run()
    log_many(recording, run, 5_000)
    before = time.time_ns()
    recording.journal.prepare()
    assert len(files(recording)) == 2
    with recording.journal.path.open("r+b") as file:
        file.truncate(recording.journal.position - 7)
    recording.drain()
    recording.service.intake.bury()
    assert files(recording) == []
    row = recording.service.runs.get("forest-1").row
    assert row.status is RunStatus.CRASHED
    assert row.duration is not None
    started = datetime.fromisoformat(row.started).timestamp() * 1e9
    assert started + row.duration * 1e9 <= before + 1e6  # the last sign of life, not the moment of its burial
    assert recording.service.status.status().problems == []
    recording.store.close()


def test_the_end_of_a_file_that_a_power_cut_took_is_told(recording: Recording) -> None:
    run = recording.run()
    recording.drain()
    log_many(recording, run, 10_000)
    with recording.journal.path.open("r+b") as file:
        file.truncate(100_000)
        file.truncate(1 << 18)
    recording.drain()
    assert len(losses(recording)) < 10_000
    assert recording.service.status.status().problems != []


def test_the_end_of_a_file_that_is_missing_from_one_frame_on_is_told(recording: Recording) -> None:
    run = recording.run()
    log_many(recording, run, 100)
    end = recording.journal.position
    log_many(recording, run, 10_000, 100)
    with recording.journal.path.open("r+b") as file:
        file.truncate(end)
        file.truncate(1 << 18)
    recording.drain()
    assert 100 < len(losses(recording)) < 10_000
    assert "1 record(s)" in recording.service.status.status().problems[0]


def test_journals_of_the_older_form_are_taken_in(recording: Recording) -> None:
    run, process = new_id(), new_id()
    started = records.RunStarted(run=run, time=1, name="old", experiment="study", process=process)
    logged = [records.MetricsLogged(run=run, time=n, values={"loss": 0.5 * n}, step=n) for n in range(3)]
    path = recording.folder / "journal" / (process + SUFFIX)
    path.write_bytes(MAGIC_1 + b"".join(encode(record) for record in [started, *logged]))
    recording.drain()
    assert losses(recording, "old-1") == [0.0, 0.5, 1.0]


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
