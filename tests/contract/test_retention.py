"""Collecting: what every store must free, must never touch, and how it may be cut off anywhere."""

from __future__ import annotations

import json
import os
import re
import time
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest
from owned_store import DAY, OwnedStore

from nbtrack.entities import records
from nbtrack.entities.ids import new_id
from nbtrack.entities.ownership import Collection
from nbtrack.entities.reviews import ReviewEvent, ReviewEventKind
from nbtrack.entities.surroundings import Fact
from nbtrack.errors import InvalidInput, NotFound
from nbtrack.store.references import REFERENCES


@pytest.fixture
def owned(tmp_path: Path) -> Iterator[OwnedStore]:
    opened = OwnedStore(tmp_path)
    yield opened
    opened.store.close()


def collect(owned: OwnedStore, **rules: Any) -> Collection:
    collection: Collection = owned.service.retention.collect(**rules).result()
    return collection


def blob_files(owned: OwnedStore) -> set[str]:
    return {path.name for path in (owned.store.folder / "blobs").rglob("*") if path.is_file()}


def test_old_trash_is_deleted_for_good_with_its_rows_and_files(owned: OwnedStore) -> None:
    run, kept = owned.run(), owned.run()
    big = owned.artifact(run, os.urandom(40_000))
    shared = owned.artifact(run, b"shared" * 9, "shared")
    assert owned.artifact(kept, b"shared" * 9, "shared") == shared
    owned.execute("x = 1", run, cell="one", text="many words")
    with owned.store.transaction():
        owned.store.runs.set_params(run, {"lr": 0.1})
        owned.store.runs.add_note(run, "a note")
    owned.service.trash.delete(runs=["forest-1"])
    assert collect(owned).runs == 0
    planned = collect(owned, trash_days=0, dry_run=True)
    assert blob_files(owned)
    done = collect(owned, trash_days=0)
    assert (done.runs, done.executions, done.blobs) == (1, 1, 3)
    assert done.size > 40_000
    assert (planned.runs, planned.executions, planned.blobs, planned.size) == (1, 1, 3, done.size)
    assert blob_files(owned) == set()
    assert not owned.store.blobs.has(big)
    assert owned.store.blobs.has(shared)
    counts = [
        next(owned.store.connection.execute(f"SELECT count(*) FROM {table}"))[0]
        for table in ("notes", "artifacts", "executions", "metrics")
    ]
    assert counts == [0, 1, 0, 0]
    assert owned.store.trash.is_entombed("run", run)
    with pytest.raises(NotFound, match="nothing to take back"):
        owned.service.trash.undo()
    with pytest.raises(NotFound, match="study/forest-1 was deleted for good"):
        owned.service.runs.get("study/forest-1")
    owned.run()
    assert owned.names() == ["study/forest-2", "study/forest-3"]
    assert {"runs.purged", "store.collected"} <= set(owned.decisions())


def test_trash_is_kept_as_long_as_the_rule_says(owned: OwnedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    owned.run()
    owned.service.trash.delete(runs=["forest-1"])
    now = time.time_ns()
    monkeypatch.setattr("time.time_ns", lambda: now + 29 * DAY)
    assert collect(owned, trash_days=30).runs == 0
    monkeypatch.setattr("time.time_ns", lambda: now + 31 * DAY)
    assert collect(owned, trash_days=30).runs == 1


def test_a_purged_model_frees_its_name_and_its_numbers_go_on(owned: OwnedStore) -> None:
    run = owned.run()
    version = owned.register(run, alias="champion")
    owned.service.trash.delete(model="churn")
    assert collect(owned, trash_days=0).versions == 1
    assert not owned.store.blobs.has(version.digest)
    assert owned.store.trash.is_entombed("model_version", f"{owned.store.identity}/churn/1")
    again = owned.register(run)
    assert (again.version, again.aliases) == (2, [])


def test_nothing_that_a_registered_models_lineage_needs_is_touched(owned: OwnedStore) -> None:
    """Everything else of its process is deleted, thinned out and forgotten around it."""
    before, run, after = owned.run("early"), owned.run("forest"), owned.run("late")
    for index, name in enumerate((before, None, run, None)):
        owned.execute(f"cell {index}", name, cell=f"c{index}", text=os.urandom(20).hex())
        owned.execute(f"cell {index} again", name, cell=f"c{index}", text=os.urandom(20).hex())
    owned.execute("only displaced by position", before, text="no cell id")
    owned.artifact(run, os.urandom(50_000))
    owned.snapshot(run, json.dumps({"cells": [], "nbformat": 4}).encode())
    owned.execute("after", after, cell="c9", text="gone")
    owned.artifact(after, os.urandom(100))
    owned.register(run)
    whole = owned.service.runs.get("forest-1"), owned.service.snapshots.get("forest-1")
    model = owned.service.models.get("churn")
    owned.service.trash.delete(runs=["early-1", "late-1"])
    done = collect(owned, trash_days=0, grace_days=0, executions_days=1, keep_models=1)
    assert done.runs == 2
    assert done.executions == 1
    assert (owned.service.runs.get("forest-1"), owned.service.snapshots.get("forest-1")) == whole
    assert owned.service.models.get("churn") == model
    for digest in (model.digest, whole[0].artifacts[0].digest or ""):
        owned.store.blobs.get(digest)


def test_superseded_outputs_of_deleted_runs_are_freed_and_the_snapshot_stays_the_same(
    owned: OwnedStore,
) -> None:
    first, second = owned.run("a"), owned.run("b")
    old = owned.execute("plot()", first, cell="plot", text=os.urandom(30_000).hex())
    owned.execute("plot()", second, cell="plot", text="new")
    owned.snapshot(second)
    whole = owned.service.snapshots.get("b-1")
    owned.service.trash.delete(runs=["a-1"])
    done = collect(owned, trash_days=0)
    assert (done.executions, done.blobs) == (0, 1)
    assert done.size > 25_000
    assert owned.service.snapshots.get("b-1") == whole
    owned.service.trash.delete(runs=["b-1"])
    assert collect(owned, trash_days=0).executions == 2
    rows = owned.store.connection.execute("SELECT count(*) FROM executions WHERE id = ?", (old,))
    assert next(rows) == (0,)


def test_executions_that_a_run_came_from_are_kept_with_what_they_showed(owned: OwnedStore) -> None:
    then = time.time_ns() - 40 * DAY
    gone, kept = owned.run("gone"), owned.run("kept")
    first = owned.execute("data = load()", gone, when=then, text=os.urandom(20_000).hex(), cell="a")
    inside = owned.execute("inside()", gone, when=then + 1, cell="b")
    other = owned.execute("junk = 1", gone, when=then + 2, cell="c")
    last = owned.execute("fit(data)", kept, when=then + 3, cell="d")
    owned.trace(first, writes=["data"])
    owned.trace(inside, place=first)
    owned.trace(other, writes=["junk"])
    owned.trace(last, reads=["data"])
    owned.service.trash.delete(runs=["gone-1"])
    assert collect(owned, trash_days=0, grace_days=0).executions == 1
    assert [execution.id for execution, _ in owned.store.executions.traces(owned.process)] == [
        first,
        inside,
        last,
    ]
    assert owned.service.lineage.slice("kept-1").outputs[0]
    owned.service.trash.delete(runs=["kept-1"])
    assert collect(owned, trash_days=0, grace_days=0).executions == 3


def test_executions_of_no_run_are_kept_for_good_unless_a_rule_says_otherwise(owned: OwnedStore) -> None:
    old = owned.execute("old", when=time.time_ns() - 40 * DAY, text="words")
    owned.execute("new")
    assert collect(owned, grace_days=0).executions == 0
    assert collect(owned, executions_days=50).executions == 0
    assert collect(owned, executions_days=30).executions == 1
    assert owned.store.trash.is_entombed("execution", old)
    assert owned.store.executions.count() == 1


def test_models_beyond_the_newest_and_the_best_are_let_go(owned: OwnedStore) -> None:
    digests = {}
    for number, accuracy in enumerate((0.9, 0.5, 0.6, 0.7, 0.8), 1):
        run = owned.run()
        digests[number] = owned.artifact(run, os.urandom(100))
        with owned.store.transaction():
            owned.store.metrics.append(run, "accuracy", [0], array("d", [accuracy]), array("q", [1]))
        if number == 2:
            owned.store.connection.execute("UPDATE runs SET pinned = 1 WHERE id = ?", (run,))
    other = owned.artifact(owned.run(experiment="other"), os.urandom(100))
    with pytest.raises(NotFound, match="No run has the metric acuracy; there are accuracy"):
        collect(owned, keep_models=1, best="acuracy")
    done = collect(owned, keep_models=1, best="accuracy")
    assert (done.models, done.blobs) == (2, 2)
    left = {number for number, digest in digests.items() if owned.store.blobs.has(digest)}
    assert left == {1, 2, 5}  # the best, the pinned one, the newest
    assert owned.store.blobs.has(other)
    artifact = owned.service.runs.get("study/forest-3").artifacts[0]
    assert (artifact.digest, artifact.name) == (None, "model")
    assert "kept the models of 1 runs" in (artifact.note or "")
    assert collect(owned, keep_models=1).models == 1


@pytest.mark.parametrize(
    "rules", [{"trash_days": -1}, {"grace_days": -1}, {"keep_models": 0}, {"best": "accuracy"}]
)
def test_rules_that_cannot_be_right_are_refused(owned: OwnedStore, rules: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        collect(owned, **rules)


def test_content_that_nothing_refers_to_has_its_time_of_grace(
    owned: OwnedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with owned.store.transaction():
        lost, found = owned.store.blobs.put(os.urandom(20_000)), owned.store.blobs.put(b"found again")
    collect(owned)
    now = time.time_ns()
    monkeypatch.setattr("time.time_ns", lambda: now + 10 * DAY)
    with owned.store.transaction():
        assert owned.store.blobs.put(b"found again") == found
    assert collect(owned).blobs == 0
    monkeypatch.setattr("time.time_ns", lambda: now + 15 * DAY)
    assert collect(owned).blobs == 1
    assert not owned.store.blobs.has(lost)
    assert owned.store.blobs.has(found)


def test_files_of_writes_that_were_cut_off_go_when_they_are_old(owned: OwnedStore) -> None:
    digest = owned.artifact(owned.run(), os.urandom(40_000))
    folder = owned.store.blobs.path(digest).parent
    old, new = folder / ".0190-temporary", folder / ".0190-being-written"
    stray = folder / ("a" * 64)
    incoming = owned.store.incoming / "left"
    for path in (old, new, stray, incoming):
        path.write_bytes(b"12345")
    for path in (old, stray, incoming):
        os.utime(path, (1, 1))
    planned = collect(owned, dry_run=True)
    done = collect(owned)
    assert (done.files, done.size, planned.size) == (3, 15, 10)
    assert not any(path.exists() for path in (old, stray, incoming))
    assert new.exists()
    owned.store.blobs.get(digest)


def test_a_file_that_a_waiting_record_may_name_stays(
    owned: OwnedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    incoming = owned.store.incoming / "left"
    incoming.write_bytes(b"12345")
    os.utime(incoming, (1, 1))
    monkeypatch.setattr(owned.store.journals, "waiting", lambda: 100)
    assert collect(owned).files == 0
    assert incoming.exists()


def filled(folder: Path) -> OwnedStore:
    owned = OwnedStore(folder)
    for index in range(4):
        run = owned.run()
        owned.artifact(run, bytes([index]) * 40_000 + os.urandom(30_000))
        owned.execute(f"cell {index}", run, cell="one", text=f"words {index}")
        owned.snapshot(run, b"{}")
    owned.register(owned.run("kept"))
    owned.register(owned.run("kept"), "other")
    owned.execute("old", when=5)
    owned.service.trash.delete(filter="number >= 2 and name = 'forest'")
    owned.service.trash.delete(model="other")
    return owned


def state(owned: OwnedStore) -> list[Any]:
    """What the store holds, but for the audit log and what it is about to collect."""
    connection = owned.store.connection
    tables = [
        name
        for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        if name not in ("audit", "store", "tombstones") and not name.startswith("sqlite")
    ]
    counts = [(name, next(connection.execute(f"SELECT count(*) FROM {name}"))) for name in tables]
    tombs = connection.execute("SELECT kind, count(*) FROM tombstones GROUP BY 1").fetchall()
    return [*counts, tombs, len(blob_files(owned))]


def test_collecting_that_is_cut_off_at_any_statement_is_completed_by_the_next(tmp_path: Path) -> None:
    rules = {"trash_days": 0, "executions_days": 1, "keep_models": 1}
    reference = filled(tmp_path / "reference")
    collect(reference, **rules)
    expected, at = state(reference), 0
    reference.store.close()
    while True:
        owned = filled(tmp_path / f"s{at}")
        seen = 0

        def interrupt(cursor: object, statement: str, bindings: object, at: int = at) -> bool:
            nonlocal seen
            seen += 1
            if seen == at + 1:
                raise InterruptedError(statement)
            return True

        owned.store.connection.set_exec_trace(interrupt)
        try:
            collect(owned, **rules)
        except InterruptedError:
            owned.store.connection.set_exec_trace(None)
            if (
                owned.store.connection.in_transaction
            ):  # ROLLBACK itself was cut off: as if the process had died
                owned.store.connection.execute("ROLLBACK")
        else:
            owned.store.close()
            break
        # Files whose rows are gone are as old as their content in life; here they were written just now.
        for path in (owned.store.folder / "blobs").rglob("*"):
            os.utime(path, (1, 1))
        collect(owned, **rules)
        assert state(owned) == expected
        assert owned.store.connection.execute("PRAGMA foreign_key_check").fetchall() == []
        for (digest,) in owned.store.connection.execute("SELECT digest FROM blobs").fetchall():
            owned.store.blobs.get(digest)
        owned.store.close()
        at += 5
    assert at > 50


def test_others_are_answered_between_slices_and_what_they_take_back_stays(
    owned: OwnedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nbtrack.service.retention._RUNS", 1)
    for _ in range(3):
        owned.artifact(owned.run(), os.urandom(20_000))
    owned.service.trash.delete(filter="")
    sliced = owned.service.retention.collect(trash_days=0)
    steps = iter(sliced.steps)
    next(steps)
    next(steps)  # one run is gone
    assert owned.service.trash.undo().runs == ["study/forest-2", "study/forest-3"]
    for _ in steps:
        pass
    assert sliced.finish().runs == 1
    for name in ("forest-2", "forest-3"):
        owned.store.blobs.get(owned.service.runs.get(name).artifacts[0].digest or "")


def test_no_content_goes_while_a_copy_is_made_of_it(owned: OwnedStore) -> None:
    digest = owned.artifact(owned.run(), os.urandom(20_000))
    owned.service.trash.delete(filter="")
    release = owned.store.hold("backup")
    done = collect(owned, trash_days=0)
    assert (done.runs, done.blobs, len(done.kept)) == (1, 0, 1)
    owned.store.blobs.get(digest)
    release()
    assert collect(owned).blobs == 1


def test_a_late_record_brings_no_purged_run_back(owned: OwnedStore) -> None:
    run = owned.run()
    recorded = owned.service.intake._recorded
    with owned.store.transaction():
        recorded.take("j", records.ParamsSet(run=run, params={"lr": 1}))
    owned.service.trash.delete(runs=["forest-1"])
    collect(owned, trash_days=0)
    start = records.RunStarted(run=run, time=1, name="forest", experiment="study", process=owned.process)
    with owned.store.transaction():
        for record in (start, records.ParamsSet(run=run, params={"lr": 2})):
            recorded.take("j", record)
        assert not recorded.check_run(run)
        owned.store.metrics.append(run, "loss", None, array("d", [1.0]), array("q", [1]))
    assert not owned.store.runs.has(run)


def test_room_in_the_database_is_given_back_on_request(owned: OwnedStore) -> None:
    for index in range(100):
        owned.artifact(owned.run(), os.urandom(10_000), f"m{index}")
    owned.service.trash.delete(filter="")
    unused = collect(owned, trash_days=0).unused
    assert unused > 500_000
    assert collect(owned, compact=True).unused < unused / 10


def test_sources_of_modules_stay_as_long_as_a_run_names_them(owned: OwnedStore) -> None:
    runs = [owned.run(), owned.run()]
    with owned.store.transaction():
        digest = owned.store.blobs.put(b"A = 1")
        owned.store.facts.set(runs, "process", [Fact(kind="module", name="m", text="m.py", digest=digest)])
    for run in runs:
        collect(owned, grace_days=0)
        assert owned.store.blobs.get(digest) == b"A = 1"
        owned.service.trash.delete(runs=[run])
        collect(owned, trash_days=0)
    assert next(owned.store.connection.execute("SELECT count(*) FROM facts")) == (0,)
    assert digest not in {row for (row,) in owned.store.connection.execute("SELECT digest FROM blobs")}


def test_every_column_that_names_content_is_known(owned: OwnedStore) -> None:
    """A new column that holds digests must be told to the collector, or it would remove what the column names."""
    run = owned.run(environment="e")
    owned.artifact(run, b"content")
    owned.execute("x", run, cell="c", text="t")
    owned.snapshot(run, b"{}")
    owned.register(run)
    with owned.store.transaction():
        seen = records.EnvironmentSeen(environment="e", interpreter={}, packages={})
        digests = owned.store.blobs.put(b"i"), owned.store.blobs.put(b"p")
        owned.store.runs.add_environment(seen, *digests)
        module = Fact(kind="module", name="m", text="m.py", digest=owned.store.blobs.put(b"source"))
        owned.store.facts.set([run], "process", [module])
        kept = owned.store.blobs.put_notebook(b"".join(b" {\n%d" % line * 30 for line in range(20_000)))
        saved = records.NotebookSaved(
            snapshot=new_id(), process="p", time=1, notebook="a.ipynb", file="f", checksum=1, saved=1
        )
        owned.store.saves.add(saved, kept)
        review = new_id()
        event = ReviewEvent(
            id=review, review=review, time=1, author="ada", kind=ReviewEventKind.OPENED, base=kept, head=kept
        )
        owned.store.reviews.add(event)
    known = {(reference.table, reference.column) for reference in REFERENCES} | {
        ("blobs", "digest"),
        ("orphans", "digest"),
        ("audit", "detail"),
        ("blob_pieces", "digest"),  # of the whole, which is collected when nothing else names it
    }
    named = set()
    connection = owned.store.connection
    for (table,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
        try:
            cursor = connection.execute(f'SELECT * FROM "{table}"')
            columns = [name for name, *_ in cursor.get_description()]
        except apsw.ExecutionCompleteError:
            continue  # empty
        for row in cursor:
            for column, value in zip(columns, row, strict=True):
                if isinstance(value, str) and re.search("blake2b-256:[0-9a-f]{64}", value):
                    named.add((table, column))
    assert named <= known
    assert len(named) >= len(REFERENCES)
