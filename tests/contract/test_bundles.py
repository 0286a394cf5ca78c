"""A bundle holds runs with all that they need, and another store makes the same runs of it."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from shared_store import SharedStore

from nbtrack.errors import Conflict, InvalidInput, NotFound, StoreNotWritable
from nbtrack.service.verification import look_at
from nbtrack.store import bundle_writer


@pytest.fixture
def laptop(tmp_path: Path) -> SharedStore:
    return SharedStore(tmp_path, "laptop")


@pytest.fixture
def desk(tmp_path: Path) -> SharedStore:
    return SharedStore(tmp_path, "desk")


def test_a_run_arrives_with_every_bit(laptop: SharedStore, desk: SharedStore, tmp_path: Path) -> None:
    run = laptop.full_run()
    bundle = tmp_path / "runs.bundle"
    export = laptop.write(bundle, runs=["forest-1"])
    assert (export.runs, export.store, export.size) == (1, "laptop", bundle.stat().st_size)
    merge = desk.merge(bundle)
    assert (merge.store, merge.added, merge.renamed) == ("laptop", 1, {})
    assert desk.all_of(run) == laptop.all_of(run)
    assert desk.names() == ["study/forest-1"]
    assert not look_at(desk.store.folder).findings
    desk.collect()  # everything that came is referred to
    assert desk.all_of(run) == laptop.all_of(run)


def test_the_same_runs_give_the_same_bytes(laptop: SharedStore, tmp_path: Path) -> None:
    for _ in range(3):
        laptop.full_run()
    first, second = tmp_path / "1", tmp_path / "2"
    assert laptop.write(first).digest == laptop.write(second).digest
    assert first.read_bytes() == second.read_bytes()
    assert zipfile.ZipFile(first).testzip() is None
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] in (["1", "2"], ["2", "1"])


def test_runs_are_chosen_as_elsewhere(laptop: SharedStore, desk: SharedStore, tmp_path: Path) -> None:
    runs = [laptop.run(name, experiment) for name in ("forest", "svm") for experiment in ("a", "b")]
    with laptop.store.transaction():
        laptop.store.runs.set_params(runs[0], {"depth": 3})
    bundle = tmp_path / "b"
    assert laptop.write(bundle, filter="depth = 3").runs == 1
    assert laptop.write(bundle, experiment="a", force=True).runs == 2
    assert laptop.write(bundle, filter="name = 'svm-1'", experiment="b", force=True).runs == 1
    assert (
        laptop.write(
            bundle, runs=[runs[3][:13]] if runs[2][:13] != runs[3][:13] else [runs[3]], force=True
        ).runs
        == 1
    )
    assert laptop.write(bundle, force=True).runs == 4
    laptop.service.trash.delete(runs=["a/svm-1"])
    assert laptop.write(bundle, force=True).runs == 3
    assert desk.merge(bundle).added == 3


def test_a_registered_model_comes_with_its_runs(
    laptop: SharedStore, desk: SharedStore, tmp_path: Path
) -> None:
    for _ in range(3):
        laptop.full_run()
    for run in ("forest-1", "forest-2"):
        laptop.register(laptop.service.runs.resolve(run), alias="champion")
    assert laptop.write(tmp_path / "one", model="churn/1").runs == 1
    assert laptop.write(tmp_path / "champion", model="churn@champion").versions == 1
    export = laptop.write(tmp_path / "all", model="churn")
    assert (export.runs, export.versions) == (2, 2)
    merge = desk.merge(tmp_path / "all")
    assert (merge.added, merge.versions, merge.aliases) == (2, 2, 1)
    here, there = desk.service.models.get("churn@champion"), laptop.service.models.get("churn@champion")
    assert here == there
    assert desk.store.blobs.get(here.digest) == laptop.store.blobs.get(there.digest)
    with pytest.raises(NotFound, match="no registered model x"):
        laptop.write(tmp_path / "x", model="x")


def test_a_run_that_goes_on_stays_at_home(laptop: SharedStore, desk: SharedStore, tmp_path: Path) -> None:
    laptop.run()
    laptop.run(end=False)
    with pytest.raises(Conflict, match="study/forest-2 is still running"):
        laptop.write(tmp_path / "b", runs=["forest-1", "forest-2"])
    export = laptop.write(tmp_path / "b")
    assert (export.runs, export.running) == (1, ["study/forest-2"])
    merge = desk.merge(laptop)
    assert (merge.added, merge.running) == (1, ["study/forest-2"])


def test_a_file_is_written_whole_or_not_at_all(
    laptop: SharedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    laptop.full_run()
    target = tmp_path / "b"
    target.write_text("mine")
    with pytest.raises(Conflict, match="--force"):
        laptop.write(target)
    deferred = laptop.service.bundles.write(str(tmp_path / "c"), everything=True)
    (tmp_path / "c").write_text("came meanwhile")
    with pytest.raises(Conflict, match="exists already"):
        deferred.work()
    assert (target.read_text(), (tmp_path / "c").read_text()) == ("mine", "came meanwhile")
    for path in (laptop.store.blobs.path(digest) for digest, _ in laptop.store.blobs.files()):
        path.unlink()
    with pytest.raises(Exception, match="cannot be read"):
        laptop.write(target, force=True)
    assert target.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "c", "laptop"]
    assert not laptop.store.held


@pytest.mark.parametrize("name", ["MOST_DOCUMENT", "MOST_POINTS"])
def test_nothing_is_written_that_no_merge_would_take(
    laptop: SharedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    laptop.full_run()
    monkeypatch.setattr(bundle_writer, name, 100)
    with pytest.raises(Conflict, match="Export fewer runs"):
        laptop.write(tmp_path / "b")
    assert [path.name for path in tmp_path.iterdir()] == ["laptop"]


def test_a_bundle_is_its_owners_alone(laptop: SharedStore, tmp_path: Path) -> None:
    laptop.run()
    laptop.write(tmp_path / "b")
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o600


def test_where_a_bundle_cannot_be_is_said(laptop: SharedStore, tmp_path: Path) -> None:
    laptop.run()
    with pytest.raises(StoreNotWritable, match="does not exist"):
        laptop.write(tmp_path / "no" / "b")
    with pytest.raises(Conflict, match="is a folder"):
        laptop.write(tmp_path)
    with pytest.raises(InvalidInput, match="inside of the store"):
        laptop.write(laptop.store.folder / "b")
    with pytest.raises(NotFound, match="nothing was written"):
        laptop.write(tmp_path / "b", filter="status = 'failed'")
    with pytest.raises(InvalidInput, match="such as my-laptop"):
        laptop.write(tmp_path / "b", name="my laptop")


def test_a_store_keeps_the_name_that_others_have_seen(laptop: SharedStore, tmp_path: Path) -> None:
    laptop.run()
    assert laptop.write(tmp_path / "1", name="home").store == "home"
    assert laptop.write(tmp_path / "2").store == "home"
