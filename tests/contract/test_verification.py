"""Every kind of damage is found, a healthy store has none, and what repair has put right is right."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import time
from array import array
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nbtrack.entities import records
from nbtrack.entities.health import Repair, Verification
from nbtrack.entities.ids import new_id
from nbtrack.errors import InvalidInput, StoreCorrupt
from nbtrack.service import Service, open_service
from nbtrack.service.verification import look_at
from nbtrack.store import journal_check
from nbtrack.store.blob_check import damage
from nbtrack.store.checks import blobs
from nbtrack.store.database import DATABASE, Store
from nbtrack.store.journal import MAGIC_1, SUFFIX, encode, tell_drained
from nbtrack.store.journal_writer import JournalWriter
from nbtrack.store.location import create_store
from nbtrack.store.processes import this_process

LARGE = random.Random(1).randbytes(40_000)
SOURCE = "model.fit(X, y)  # " + "and so on " * 100


def started(process: str) -> records.ProcessStarted:
    here = this_process()
    return records.ProcessStarted(
        process=process, time=time.time_ns(), pid=here.pid, boot_id="another", start_time="1",
        pid_namespace=here.pid_namespace, host=here.host, user="somebody", executable="python", nbtrack="0.1.0",
    )  # fmt: skip


def run_started(run: str, process: str) -> records.RunStarted:
    return records.RunStarted(
        run=run, time=time.time_ns(), name="forest", experiment="study", process=process
    )


def logged(run: str, value: float) -> records.MetricsLogged:
    return records.MetricsLogged(run=run, time=time.time_ns(), values={"loss": value})


class Filled:
    """A store with something of every kind, and its service."""

    def __init__(self, folder: Path) -> None:
        self.folder = create_store(folder)
        self.store = Store(self.folder)
        self.service: Service = open_service(self.store, "test")
        self.process, self.run = new_id(), new_id()
        (self.store.incoming / "file").write_bytes(LARGE)
        artifact = records.ArtifactSaved(
            run=self.run, time=1, name="weights", kind="file", format="bin", size=len(LARGE), file="file"
        )
        cell = records.CellExecuted(
            execution=new_id(), process=self.process, time=1, duration=1.0, source=SOURCE, outcome="ok",
            run=self.run, outputs=[{"output_type": "stream", "name": "stdout", "text": "done"}],
        )  # fmt: skip
        points = [logged(self.run, 1 / (step + 1)) for step in range(50)]
        environment = records.EnvironmentSeen(
            environment="e", interpreter={"version": "3.11"}, packages={"a": "1"}
        )
        params = records.ParamsSet(run=self.run, params={"lr": 0.1})
        end = records.RunEnded(run=self.run, time=2, duration=1.0, status="finished")
        self.write(
            [
                started(self.process),
                environment,
                run_started(self.run, self.process),
                params,
                *points,
                artifact,
                cell,
                end,
            ]
        )
        self.service.intake.drain()
        with self.store.transaction():
            for decision in ("one", "two", "three"):
                self.store.audit.append(1, "somebody", decision, {"a": decision})

    @property
    def journal(self) -> Path:
        return self.folder / "journal" / (self.process + SUFFIX)

    def write(self, what: list[records.Record], magic: bytes = MAGIC_1) -> None:
        self.journal.write_bytes(magic + b"".join(map(encode, what)))

    def verify(self, **arguments: Any) -> Verification:
        answer = self.service.verification.make(**arguments)
        found: Verification = answer.finish(answer.work())
        return found

    def repair(self, *, apply: bool = True) -> Repair:
        answer = self.service.repairs.make(apply=apply)
        made: Repair = answer.finish(answer.work())
        return made

    def kinds(self) -> set[str]:
        return {finding.kind for finding in self.verify().findings if finding.error}

    def sql(self, query: str, *bound: object) -> list[Any]:
        found: list[Any] = self.store.connection.execute(query, bound).fetchall()  # type: ignore[arg-type]
        return found

    def digest(self, inline: bool) -> str:
        ((digest, *_), *_) = self.sql(
            f"SELECT digest FROM blobs WHERE content IS {'NOT' if inline else ''} NULL"
        )
        return str(digest)


@pytest.fixture
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Filled]:
    monkeypatch.setattr("nbtrack.service.verification.SETTLES", 0.0)
    opened = Filled(tmp_path / "store")
    yield opened
    opened.store.close()


def flipped(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_a_healthy_store_has_nothing_to_tell(filled: Filled) -> None:
    found = filled.verify()
    assert found.findings == []
    assert found.checked == {
        "series": 1, "points": 50, "journals": 1, "frames": 57, "blobs": 5, "bytes": found.checked["bytes"],
    }  # fmt: skip
    assert found.checked["bytes"] > len(LARGE)
    assert filled.repair() == Repair(path=str(filled.folder), applied=True, errors=0)
    assert not filled.store.quarantine.exists()


def test_every_flipped_bit_of_a_blobs_file_is_found(filled: Filled) -> None:
    path = filled.store.blobs.path(filled.digest(inline=False))
    content = path.read_bytes()
    for bit in random.Random(2).sample(range(len(content) * 8), 60):
        path.write_bytes(flipped(content, bit))
        assert filled.kinds() == {"blob"}, bit


def test_every_flipped_bit_of_a_blob_in_a_row_is_found(filled: Filled) -> None:
    rows = [row for row in blobs(filled.store.connection) if row.codec == "zlib" and row.content is not None]
    assert rows
    for row in rows:
        content, digest = row.content or b"", row.digest
        for bit in range(len(content) * 8):
            assert damage(replace(row, content=flipped(content, bit)), Path("none")), bit
    with filled.store.transaction():
        filled.sql("UPDATE blobs SET content = ? WHERE digest = ?", flipped(content, 100), digest)
    assert filled.kinds() == {"blob"}


@pytest.mark.parametrize("change", ["size = size + 1", "codec = 'zlib?'", "checksum = 1", "stored_size = 3"])
def test_a_changed_row_of_a_blob_is_found_and_put_right(filled: Filled, change: str) -> None:
    with filled.store.transaction():
        filled.sql(f"UPDATE blobs SET {change} WHERE digest = ?", filled.digest(inline=False))
    assert filled.kinds() == {"blob"}
    assert filled.repair().left == []
    assert filled.verify().errors == 0
    assert filled.store.blobs.get(filled.digest(inline=False)) == LARGE


def test_every_flipped_bit_of_a_mapped_journal_is_found(tmp_path: Path) -> None:
    path, process, run = tmp_path / "a.journal", new_id(), new_id()
    writer = JournalWriter(path)
    writer.open()
    for record in (started(process), run_started(run, process)):
        writer.append(record)
    numbers: dict[str, int] = {}
    for step in range(20):
        writer.log(run, numbers, {"loss": 1.0, "accuracy": 0.5}, step)
    writer.log_series(run, numbers, "many", None, array("d", range(100)))
    end = writer.position
    tell_drained(path, end)
    content = path.read_bytes()
    assert len(content) > end + 1000  # allocated, not yet written
    assert journal_check.scan(content, end).damage == []
    bits = [*range(8 * 32), *random.Random(4).sample(range(8 * len(content)), 400)]
    bits += random.Random(5).sample(range(8 * end), 800)
    for bit in bits:
        assert journal_check.scan(flipped(content, bit), end).damage, bit
    writer.close()


def test_every_flipped_bit_of_a_journal_is_found(filled: Filled) -> None:
    content = filled.journal.read_bytes()
    position = filled.store.journals.position(filled.process)
    assert journal_check.scan(content, position).damage == []
    for bit in random.Random(3).sample(range(len(content) * 8), 1500):
        assert journal_check.scan(flipped(content, bit), position).damage, bit
    for byte in range(len(content)):
        assert journal_check.scan(content[:byte], position).damage, byte
    filled.journal.write_bytes(flipped(content, 8 * 200))
    assert filled.kinds() == {"journal"}


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ("UPDATE metrics SET count = count + 1", "series"),
        ("UPDATE metrics SET highest = 7.0", "series"),
        ("UPDATE metric_chunks SET points = substr(points, 1, 30)", "series"),
        ("UPDATE metric_chunks SET points = x'00'", "series"),
        ("DELETE FROM metric_chunks", "series"),
        ("UPDATE run_names SET last = 0", "number"),
        ("UPDATE audit SET detail = '{}' WHERE sequence = 2", "audit"),
        ("DELETE FROM audit WHERE sequence = 2", "audit"),
        ("DELETE FROM blobs WHERE digest IN (SELECT digest FROM artifacts)", "reference"),
        ("DELETE FROM blobs WHERE digest IN (SELECT source FROM executions)", "reference"),
        ("DELETE FROM blobs WHERE digest IN (SELECT outputs FROM executions)", "reference"),
        ("DELETE FROM blobs WHERE digest IN (SELECT packages FROM environments)", "reference"),
        ("PRAGMA foreign_keys = OFF; UPDATE runs SET name = 99", "database"),
    ],
)
def test_what_does_not_fit_together_is_found(filled: Filled, change: str, kind: str) -> None:
    filled.store.connection.execute(change).fetchall()
    assert kind in filled.kinds()
    made = filled.repair()
    if kind in ("audit", "database"):
        assert made.left  # evidence, and what only a backup has
        assert kind in filled.kinds()
    else:
        assert made.left == []
        assert made.done
        assert filled.kinds() == set()
        assert filled.service.runs.get(filled.run).row.params == {"lr": 0.1}


def test_a_flipped_bit_in_the_database_is_found_or_leaves_every_hash_right(
    filled: Filled, tmp_path: Path
) -> None:
    filled.store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    content = (filled.folder / DATABASE).read_bytes()
    index = content.find(b"blake2b-256")
    copy = tmp_path / "copy"
    shutil.copytree(filled.folder, copy)
    (copy / DATABASE).write_bytes(flipped(content, 8 * (index + 20)))
    for name in ("-wal", "-shm"):
        (copy / (DATABASE + name)).unlink(missing_ok=True)
    assert look_at(copy).errors


def test_one_flipped_bit_of_a_blob_is_put_back(filled: Filled) -> None:
    digest = filled.digest(inline=False)
    path = filled.store.blobs.path(digest)
    path.write_bytes(flipped(path.read_bytes(), 123_456))
    dry = filled.repair(apply=False)
    assert dry.errors == 1
    assert not dry.applied
    assert not filled.store.quarantine.exists()
    with pytest.raises(StoreCorrupt):
        filled.store.blobs.get(digest)
    made = filled.repair()
    assert (made.done, made.left) == (dry.done, [])
    assert filled.store.blobs.get(digest) == LARGE
    assert filled.verify().errors == 0
    assert len(list(filled.store.quarantine.rglob("blobs/*"))) == 2  # what was there, and what its row said


def test_a_lost_blob_is_noted_where_it_was_used_and_nothing_is_deleted(filled: Filled) -> None:
    path = filled.store.blobs.path(filled.digest(inline=False))
    path.write_bytes(b"something else")
    made = filled.repair()
    assert (made.errors, made.left) == (1, [])
    assert made.quarantine is not None
    assert (Path(made.quarantine) / "blobs" / path.name).read_bytes() == b"something else"
    assert filled.verify().errors == 0
    (artifact,) = filled.service.runs.get(filled.run).artifacts
    assert artifact.digest is None
    assert "quarantine" in (artifact.note or "")
    assert "store.repaired" in [line[3] for line in filled.store.audit.lines()]


def test_a_missing_blob_is_made_again_from_a_copy_on_its_way(filled: Filled) -> None:
    path = filled.store.blobs.path(filled.digest(inline=False))
    path.unlink()
    (filled.store.incoming / "left").write_bytes(LARGE)
    assert filled.repair().left == []
    assert filled.store.blobs.get(filled.digest(inline=False)) == LARGE


def test_lost_sources_and_packages_say_so(filled: Filled) -> None:
    with filled.store.transaction():
        filled.sql("UPDATE blobs SET content = x'00' WHERE content IS NOT NULL")
    assert filled.repair().left == []
    assert filled.verify().errors == 0
    (cell,) = filled.service.runs.get(filled.run).cells
    assert cell.source == "# The source of this cell was damaged in the store."


def test_points_that_can_be_read_are_kept_and_the_lost_ones_counted(filled: Filled) -> None:
    with filled.store.transaction():
        filled.sql("UPDATE metric_chunks SET points = x'0102'")
    assert filled.repair().left == []
    assert filled.verify().errors == 0
    detail = filled.service.runs.get(filled.run)
    assert detail.row.metrics == {}
    assert detail.notes == ["50 points of loss were damaged in the store and are lost."]


def test_whole_records_around_a_damaged_one_are_taken_in(filled: Filled) -> None:
    process, run = new_id(), new_id()
    filled.process = process
    middle = encode(logged(run, 2.0))
    before = [started(process), run_started(run, process), logged(run, 1.0)]
    after = [logged(run, 3.0), records.RunEnded(run=run, time=2, duration=1.0, status="finished")]
    filled.journal.write_bytes(
        MAGIC_1 + b"".join(map(encode, before)) + flipped(middle, 8 * 20) + b"".join(map(encode, after))
    )
    filled.service.intake.drain()
    filled.service.intake.bury()  # as the keeper does before it answers
    assert "journal" in filled.kinds()
    assert filled.repair(apply=False).done
    assert filled.journal.exists()
    assert filled.repair().left == []
    assert not filled.journal.exists()
    assert filled.verify().errors == 0
    assert filled.store.metrics.series(run, "loss")[1] == [1.0, 3.0]  # type: ignore[index]
    assert str(filled.service.runs.get(run).row.status) == "finished"
    assert [path.name for path in filled.store.quarantine.rglob("*.journal")] == [process + SUFFIX]


def test_a_journal_without_its_beginning_is_read_all_the_same(filled: Filled) -> None:
    process, run = new_id(), new_id()
    filled.process = process
    filled.write([started(process), run_started(run, process), logged(run, 1.0)], b"nbtrack jrnm v1\n")
    os.utime(filled.journal, (1, 1))
    assert "journal" in filled.kinds()
    assert filled.repair().left == []
    assert filled.verify().errors == 0
    assert filled.store.metrics.series(run, "loss")[1] == [1.0]  # type: ignore[index]


def test_a_journal_that_is_still_written_is_left(filled: Filled) -> None:
    here = this_process()
    filled.sql(
        "UPDATE processes SET boot_id = ?, start_time = ?, ended = NULL", here.boot_id, here.start_time
    )
    filled.journal.write_bytes(flipped(filled.journal.read_bytes(), 8 * 200))
    made = filled.repair()
    assert made.done == []
    assert "end it, then repair again" in made.left[0]
    assert filled.journal.exists()


def test_a_quick_look_reads_no_content_but_misses_no_file(filled: Filled) -> None:
    path = filled.store.blobs.path(filled.digest(inline=False))
    path.write_bytes(b"something else")
    assert filled.verify(quick=True).errors == 0
    path.unlink()
    assert filled.verify(quick=True).errors == 1


def test_a_subset_is_a_part_and_another_one_each_time(filled: Filled) -> None:
    with filled.store.transaction():
        for number in range(400):
            filled.store.blobs.put(b"%d" % number)
    counts = [filled.verify(subset=10.0).checked["blobs"] for _ in range(8)]
    assert all(10 < count < 90 for count in counts)
    assert len(set(counts)) > 1
    with pytest.raises(InvalidInput, match="percent"):
        filled.verify(subset=0.0)


def test_a_file_that_nothing_refers_to_is_told_and_no_error(filled: Filled) -> None:
    stray = filled.folder / "blobs" / "ab" / hashlib.blake2b(b"x", digest_size=32).hexdigest()
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"x")
    assert filled.verify().notes == 0  # it may be one that is just being written
    os.utime(stray, (1, 1))
    found = filled.verify()
    assert (found.errors, found.notes) == (0, 1)
    assert filled.repair().done == []
    assert stray.exists()


def test_older_blobs_have_no_checksum_and_are_right(filled: Filled) -> None:
    with filled.store.transaction():
        filled.sql("UPDATE blobs SET checksum = NULL")
    assert filled.verify().errors == 0
