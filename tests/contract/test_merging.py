"""Two stores join without a server: once however often, and neither loses a name, a deletion or a line of its audit log."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from owned_store import OwnedStore
from shared_store import SharedStore

from nbtrack.entities.models import VersionRecord
from nbtrack.entities.records import RunNoted
from nbtrack.errors import InvalidInput, NotFound, StoreTooNew
from nbtrack.service import open_service
from nbtrack.service.verification import look_at
from nbtrack.store.database import DATABASE, Store
from nbtrack.store.journal import SUFFIX
from nbtrack.store.journal_writer import JournalWriter
from nbtrack.store.models import plain_record


@pytest.fixture
def laptop(tmp_path: Path) -> SharedStore:
    return SharedStore(tmp_path, "laptop")


@pytest.fixture
def desk(tmp_path: Path) -> SharedStore:
    return SharedStore(tmp_path, "desk")


def test_merging_twice_is_merging_once(laptop: SharedStore, desk: SharedStore, tmp_path: Path) -> None:
    for store in (laptop, desk):
        for _ in range(2):
            store.register(store.full_run(), alias="champion")
    laptop.write(tmp_path / "b")
    first = desk.merge(tmp_path / "b")
    assert (first.added, first.versions, first.aliases) == (2, 2, 1)
    once = desk.dump()
    for source in (tmp_path / "b", laptop, tmp_path / "b"):
        again = desk.merge(source)
        assert (again.added, again.updated, again.unchanged, again.versions, again.aliases) == (0, 0, 2, 0, 0)
        assert again.renamed == {}
        assert desk.dump() == once


def test_the_target_keeps_its_names_and_what_comes_gets_the_mark(
    laptop: SharedStore, desk: SharedStore
) -> None:
    mine = [desk.full_run(), desk.full_run()]
    theirs = [laptop.full_run() for _ in range(3)] + [laptop.full_run("svm")]
    for store, run in ((desk, mine[1]), (laptop, theirs[0])):
        store.register(run, alias="champion")
    merge = desk.merge(laptop)
    assert [desk.service.runs.resolve(f"forest-{n}", "study") for n in (1, 2)] == mine
    assert [desk.service.runs.resolve(f"forest@laptop-{n}") for n in (1, 2, 3)] == theirs[:3]
    assert desk.service.runs.resolve("svm-1") == theirs[3]
    assert merge.renamed == {
        "study/forest-1": "study/forest@laptop-1",
        "study/forest-2": "study/forest@laptop-2",
        "study/forest-3": "study/forest@laptop-3",
        "churn/1": "churn/2",
        "churn@champion": "churn@champion@laptop",
    }
    assert desk.service.models.get("churn@champion").run_id == mine[1]
    assert desk.service.models.get("churn@champion@laptop").run_id == theirs[0]
    for run in theirs:
        assert desk.all_of(run) == laptop.all_of(run)
    assert desk.service.runs.resolve("forest-3@laptop") == theirs[2]
    assert desk.service.runs.resolve("study/svm-1@laptop") == theirs[3]
    with pytest.raises(NotFound, match="forest-9@laptop"):
        desk.service.runs.resolve("forest-9@laptop")
    row = desk.service.runs.get("svm-1").row
    assert row.origin == "laptop"
    assert desk.service.runs.get("forest-1", "study").row.origin is None


def test_numbers_never_mean_two_runs(laptop: SharedStore, desk: SharedStore) -> None:
    laptop.run()
    desk.merge(laptop)
    assert desk.names() == ["study/forest-1"]
    desk.run()  # the second of a name that the other store began
    laptop.run()
    desk.merge(laptop)
    assert sorted(desk.names()) == ["study/forest-1", "study/forest-2", "study/forest@laptop-2"]
    desk.run()
    assert "study/forest-3" in desk.names()


def test_stores_of_one_name_have_two_marks(desk: SharedStore, tmp_path: Path) -> None:
    desk.run()
    for place in ("a", "b", "desk2"):
        other = SharedStore(tmp_path / place, "desk")
        other.run()
        desk.merge(other)
    assert sorted(desk.names()) == [
        "study/forest-1", "study/forest@desk.2-1", "study/forest@desk.3-1", "study/forest@desk.4-1",
    ]  # fmt: skip


def test_what_was_deleted_here_stays_deleted(laptop: SharedStore, desk: SharedStore) -> None:
    runs = [laptop.full_run() for _ in range(3)]
    laptop.register(runs[2])
    desk.merge(laptop)
    desk.delete("forest-1")
    desk.service.trash.delete(runs=["forest-2"])
    desk.service.trash.delete(model="churn/1")
    desk.collect()
    before = desk.dump()
    merge = desk.merge(laptop)
    assert (merge.added, merge.deleted, merge.unchanged) == (0, 3, 1)
    assert desk.dump() == before
    assert desk.names() == ["study/forest-3"]
    desk.collect()
    assert desk.dump()["blobs"] == before["blobs"]


def test_a_run_in_the_trash_stays_there_and_may_come_back(laptop: SharedStore, desk: SharedStore) -> None:
    run = laptop.full_run()
    desk.merge(laptop)
    desk.service.trash.delete(runs=["forest-1"])
    assert desk.merge(laptop).deleted == 1
    assert desk.names() == []
    desk.service.trash.undo()
    assert desk.merge(laptop).unchanged == 1
    assert desk.all_of(run) == laptop.all_of(run)


def test_what_was_deleted_there_stays_here_and_is_told(laptop: SharedStore, desk: SharedStore) -> None:
    run = laptop.full_run()
    desk.merge(laptop)
    kept = desk.all_of(run)
    laptop.delete("forest-1")
    merge = desk.merge(laptop)
    assert merge.kept == ["study/forest-1"]
    assert desk.all_of(run) == kept
    assert laptop.merge(desk).deleted == 1
    assert laptop.names() == []


def test_each_origin_keeps_its_audit_log(laptop: SharedStore, desk: SharedStore, tmp_path: Path) -> None:
    laptop.full_run()
    laptop.service.trash.delete(runs=["forest-1"])
    laptop.service.trash.undo()
    own = desk.decisions()
    desk.merge(laptop)
    theirs = laptop.store.audit.lines()
    assert desk.decisions() == [*own, "store.merged"]
    chain = next(chain for chain in desk.store.origins.chains() if chain.origin == laptop.store.identity)
    assert [line.digest for line in chain.lines] == [line[5] for line in theirs]
    third = SharedStore(tmp_path, "third")
    third.merge(desk)  # the log of a store that it never saw
    assert {chain.origin for chain in third.store.origins.chains()} == {
        store.store.identity for store in (laptop, desk, third)
    }
    assert not look_at(third.store.folder).findings
    third.store.connection.execute("UPDATE origin_audit SET actor = 'somebody' WHERE sequence = 1")
    assert {finding.kind for finding in look_at(third.store.folder).findings} == {"audit"}


def test_stores_that_merge_each_other_come_to_rest(laptop: SharedStore, desk: SharedStore) -> None:
    for store in (laptop, desk):
        store.register(store.full_run(), alias="champion")
    for _ in range(2):
        desk.merge(laptop)
        laptop.merge(desk)
    before = desk.dump(), laptop.dump()
    desk.merge(laptop)
    laptop.merge(desk)
    assert (desk.dump(), laptop.dump()) == before
    ids = [sorted(row.id for row in store.service.runs.search().runs) for store in (laptop, desk)]
    assert ids[0] == ids[1]


def test_a_later_merge_brings_what_is_new_of_a_run(laptop: SharedStore, desk: SharedStore) -> None:
    run = laptop.full_run()
    desk.merge(laptop)
    with desk.store.transaction():
        desk.store.runs.add_note(run, "seen at the desk")
        desk.store.runs.set_tags(run, {"team": "changed at the desk", "desk": "yes"})
    laptop.log(run, "loss", [0.25])
    laptop.log(run, "new", [1.0, 2.0])
    laptop.artifact(run, b"late", "late.txt", "file")
    with laptop.store.transaction():
        laptop.store.runs.add_note(run, "seen at home")
        laptop.store.runs.set_tags(run, {"team": "changed at home", "empty": "no more"})
    assert desk.merge(laptop).updated == 1
    detail = desk.service.runs.get(run)
    assert desk.service.runs.metric(run, "loss").values == laptop.service.runs.metric(run, "loss").values
    assert detail.row.metrics["new"] == 2.0
    assert [item.name for item in detail.artifacts] == ["model", "table.csv", "late.txt"]
    assert detail.notes == ["looks good", "seen at the desk", "seen at home"]
    assert detail.row.tags == {"team": "changed at the desk", "empty": "no more", "desk": "yes"}
    assert laptop.merge(desk).updated == 1  # the note and tag of the desk
    assert laptop.service.runs.get(run).notes == ["looks good", "seen at home", "seen at the desk"]
    assert laptop.service.runs.get(run).row.tags["desk"] == "yes"
    desk.log(run, "loss", [9.0])
    laptop.merge(desk)  # what was recorded at home is changed by nobody else
    assert laptop.service.runs.get(run).row.metrics["loss"] == 0.25


def test_an_alias_follows_its_origin_until_it_is_moved_here(laptop: SharedStore, desk: SharedStore) -> None:
    for _ in range(3):
        laptop.full_run()
    runs = [laptop.service.runs.resolve(f"forest-{n}") for n in (1, 2, 3)]
    laptop.register(runs[0], alias="champion")
    desk.merge(laptop)
    laptop.register(runs[1], alias="champion")
    assert desk.merge(laptop).aliases == 1
    assert desk.service.models.get("churn@champion").version == 2
    with desk.store.transaction():
        desk.store.models.set_alias("churn", "champion", 1)
    laptop.register(runs[2], alias="champion")
    assert desk.merge(laptop).aliases == 0
    assert desk.service.models.get("churn@champion").version == 1


def test_a_dry_run_tells_and_writes_nothing(laptop: SharedStore, desk: SharedStore) -> None:
    desk.full_run()
    laptop.register(laptop.full_run(), alias="champion")
    before = desk.dump(), sorted(desk.store.folder.rglob("*"))
    dry = desk.merge(laptop, dry_run=True)
    assert (desk.dump(), sorted(desk.store.folder.rglob("*"))) == before
    real = desk.merge(laptop)
    assert dry.dry_run
    assert (dry.added, dry.versions, dry.aliases, dry.renamed) == (
        real.added, real.versions, real.aliases, real.renamed,
    )  # fmt: skip
    assert sorted(desk.store.incoming.iterdir()) == []


def test_an_older_store_is_read_and_left_as_it_is(desk: SharedStore, tmp_path: Path) -> None:
    old = OwnedStore(tmp_path / "old")
    old.run()
    for table in (
        "origins",
        "origin_audit",
        "run_origins",
        "merged_runs",
        "version_origins",
        "alias_origins",
    ):
        old.store.connection.execute(f"DROP TABLE {table}")
    for table, column in (("store", "name"), ("run_names", "origin"), ("models", "origin")):
        old.store.connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    old.store.connection.execute("DELETE FROM migrations WHERE name = '0007_origins'")
    old.store.close()
    before = {path: path.read_bytes() for path in old.store.folder.rglob("*") if path.is_file()}
    deferred = desk.service.merging.merge(str(old.store.folder))
    assert deferred.finish(deferred.work()).added == 1
    assert {path: path.read_bytes() for path in old.store.folder.rglob("*") if path.is_file()} == before


def test_a_newer_store_is_refused(laptop: SharedStore, desk: SharedStore) -> None:
    laptop.store.connection.execute("INSERT INTO migrations VALUES ('9999_future')")
    before = desk.dump()
    with pytest.raises(StoreTooNew, match="9999_future"):
        desk.merge(laptop)
    assert desk.dump() == before
    assert sorted(desk.store.incoming.iterdir()) == []
    assert not desk.store.held


def test_what_waits_in_the_other_journals_is_told(laptop: SharedStore, desk: SharedStore) -> None:
    laptop.run()
    assert desk.merge(laptop).waiting is False
    journal = JournalWriter(laptop.store.folder / "journal" / f"{laptop.process}{SUFFIX}")
    journal.open()
    journal.append(RunNoted(run=laptop.service.runs.resolve("forest-1"), note="waits"))
    assert desk.merge(laptop).waiting is True
    journal.close()


def test_a_merge_that_fails_anywhere_leaves_nothing(laptop: SharedStore, desk: SharedStore) -> None:
    """Its transaction is ended at one statement after the other; the next merge goes through."""
    desk.full_run()
    laptop.register(laptop.full_run(), alias="champion")
    before = desk.dump(), sorted(path for path in desk.store.folder.rglob("*") if path.is_file())
    seen, failed = 0, 0

    def interrupt(cursor: object, statement: str, bindings: object) -> bool:
        nonlocal seen
        seen += 1
        if seen == failed and not statement.startswith("ROLLBACK"):
            raise InterruptedError(statement)
        return True

    while True:
        failed += 7
        deferred = desk.service.merging.merge(str(laptop.store.folder))
        found, seen = deferred.work(), 0
        desk.store.connection.set_exec_trace(interrupt)
        try:
            merge = deferred.finish(found)
        except InterruptedError:
            desk.store.connection.set_exec_trace(None)
        else:
            break
        after = desk.dump(), sorted(path for path in desk.store.folder.rglob("*") if path.is_file())
        assert after == before
        assert not desk.store.held
    desk.store.connection.set_exec_trace(None)
    assert failed > 100
    assert (merge.added, merge.versions) == (1, 1)
    assert not look_at(desk.store.folder).findings


def test_what_is_nothing_is_said(laptop: SharedStore, desk: SharedStore, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no bundle and no store"):
        desk.merge(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFound, match="neither a store nor a bundle"):
        desk.merge(tmp_path / "empty")
    with pytest.raises(InvalidInput, match="this very store"):
        desk.merge(desk)


def test_a_copy_of_a_store_that_went_its_own_way_comes_back(desk: SharedStore, tmp_path: Path) -> None:
    desk.full_run()
    deferred = desk.service.backups.make(str(tmp_path / "copy"))
    deferred.finish(deferred.work())
    copy = Store(tmp_path / "copy")
    away = OwnedStore.__new__(OwnedStore)
    away.store, away.service, away.process = copy, open_service(copy, "test"), "p"
    there = away.run()
    desk.run()
    deferred = desk.service.merging.merge(str(tmp_path / "copy"))
    merge = deferred.finish(deferred.work())
    assert (merge.added, merge.unchanged) == (1, 1)
    assert desk.service.runs.get(there).row.name == "forest@desk-2"
    assert len(desk.names()) == 3


def test_a_damaged_store_gives_nothing(laptop: SharedStore, desk: SharedStore) -> None:
    laptop.full_run()
    laptop.store.close()
    path = laptop.store.folder / DATABASE
    content = bytearray(path.read_bytes())
    content[100:8000] = bytes(7900)
    path.write_bytes(content)
    before = desk.dump()
    with pytest.raises(Exception, match=r"cannot be read|is damaged"):
        desk.merge(laptop)
    assert desk.dump() == before


def test_the_order_of_merges_changes_who_keeps_a_plain_name_and_nothing_else(
    laptop: SharedStore, desk: SharedStore, tmp_path: Path
) -> None:
    for store in (laptop, desk):
        store.register(store.full_run(), alias="champion")
        store.full_run("svm")
    hubs = [SharedStore(tmp_path / place, "hub") for place in ("one", "two")]
    for hub, order in zip(hubs, ([laptop, desk], [desk, laptop]), strict=True):
        for store in order:
            hub.merge(store)
    runs = [sorted(row.id for row in hub.service.runs.search().runs) for hub in hubs]
    assert runs[0] == runs[1]
    assert all(hubs[0].all_of(run) == hubs[1].all_of(run) for run in runs[0])
    digests = [sorted(v.digest for v in hub.service.models.list()[0].versions) for hub in hubs]
    assert digests[0] == digests[1]
    assert "study/forest@desk-1" in hubs[0].names()
    assert "study/forest@laptop-1" in hubs[1].names()


def test_what_was_renamed_here_keeps_that_name_and_goes_on_growing(
    laptop: SharedStore, desk: SharedStore
) -> None:
    run = laptop.full_run()
    laptop.register(run, alias="champion")
    desk.merge(laptop)
    desk.service.curation.rename_runs("best", runs=["forest-1"])
    desk.service.curation.rename_model("churn", "attrition")
    before = desk.dump()
    assert desk.merge(laptop).unchanged == 1
    assert desk.dump() == before
    laptop.log(run, "loss", [0.125])
    laptop.register(run, alias="champion")
    merge = desk.merge(laptop)
    assert (merge.updated, merge.versions, merge.aliases) == (1, 1, 1)
    assert desk.service.runs.get("best-1").row.metrics["loss"] == 0.125
    assert desk.service.models.get("attrition@champion").version == 2
    assert [model.name for model in desk.service.models.list()] == ["attrition"]
    assert laptop.merge(desk).versions == 0  # known there by what it was called when it was registered
    assert [model.name for model in laptop.service.models.list()] == ["churn"]


def test_a_name_that_looks_like_a_mark_is_nobodys_but_its_owners(
    laptop: SharedStore, desk: SharedStore
) -> None:
    mine = [desk.run(), desk.run("forest@laptop")]
    theirs = laptop.run()
    desk.merge(laptop)
    assert [desk.service.runs.get(run).row.name for run in mine] == ["forest-1", "forest@laptop-1"]
    assert desk.service.runs.get(theirs).row.name == "forest@laptop.2-1"


def test_what_was_found_of_a_version_comes_along_and_a_pickle_always_runs_code(
    laptop: SharedStore, desk: SharedStore, tmp_path: Path
) -> None:
    found = VersionRecord(
        verified="equal answers", rows=20, method="predict", largest=1e-9, atol=1e-6, rtol=1e-5, inputs={"a": "int64"},
        input_type="pandas.DataFrame", output="int64 (n)", requirements=["numpy==2.1.0"], python="3.12.1",
        load_seconds=0.5, latency={"1": [0.001, 0.002]},
    )  # fmt: skip
    for form in ("skops", "pickle"):
        version = laptop.register(laptop.full_run())
        with laptop.store.transaction():
            laptop.store.connection.execute(
                "UPDATE model_versions SET record = ?, format = ? WHERE version = ?",
                (plain_record(found), form, version.version),
            )
    laptop.write(tmp_path / "b.bundle", everything=True)
    desk.merge(tmp_path / "b.bundle")
    assert desk.service.models.get("churn/1").record == found
    assert desk.service.models.get("churn/2").record == replace(found, runs_code=True)
