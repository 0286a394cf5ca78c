"""A backup that is made while the store is written is whole, holds what was there before, and is a store."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from nbtrack.entities import records
from nbtrack.entities.ids import new_id
from nbtrack.entities.stores import Backup
from nbtrack.errors import Conflict, InvalidInput, StoreCorrupt, StoreNotWritable
from nbtrack.service import Service, open_service
from nbtrack.store.database import DATABASE, Store
from nbtrack.store.location import create_store


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    store = Store(create_store(tmp_path / "work" / ".nbtrack"))
    yield open_service(store, "test")
    store.close()


def add_run(store: Store, content: bytes) -> str:
    run = new_id()
    with store.transaction():
        store.runs.start(records.RunStarted(run=run, time=1, name="forest", experiment="study", process="p"))
        store.runs.set_params(run, {"size": len(content)})
        digest = store.blobs.put(content)
        artifact = records.ArtifactSaved(run=run, time=1, name="a", kind="file", format="", size=len(content))
        store.artifacts.add(artifact, digest)
    return run


def noise(seed: int, length: int) -> bytes:
    """Content that does not shrink, so that it gets a file of its own."""
    return b"".join(hashlib.blake2b(b"%d %d" % (seed, n)).digest() for n in range(length // 64))


def make(service: Service, path: Path, link: bool = False) -> Backup:
    deferred = service.backups.make(str(path), link)
    backup: Backup = deferred.finish(deferred.work())
    return backup


@pytest.mark.parametrize("link", [False, True])
def test_a_backup_is_a_store_with_everything(service: Service, tmp_path: Path, link: bool) -> None:
    runs = [add_run(service.store, noise(seed, 50_000)) for seed in range(5)]
    target = tmp_path / "copies" / "monday"
    target.parent.mkdir()
    assert make(service, target, link).runs == 5
    assert [path.name for path in target.parent.iterdir()] == ["monday"]  # nothing beside it
    manifest = json.loads((target / "backup.json").read_text())
    for file in manifest["files"]:
        content = (target / file["path"]).read_bytes()
        assert file["size"] == len(content)
        assert file["digest"] == f"blake2b-256:{hashlib.blake2b(content, digest_size=32).hexdigest()}"
    assert len(manifest["files"]) == 6
    links = {path.stat().st_nlink for path in target.glob("blobs/*/*")}
    assert links == ({2} if link else {1})

    copy = Store(target)
    assert copy.identity == service.store.identity
    for seed, run in enumerate(runs):
        (artifact,) = copy.artifacts.of_run(run)
        assert copy.blobs.get(artifact.digest or "") == noise(seed, 50_000)
    copy.close()


def test_writing_goes_on_while_a_backup_is_made(service: Service, tmp_path: Path) -> None:
    before = {add_run(service.store, noise(seed, 200_000)) for seed in range(20)}
    deferred = service.backups.make(str(tmp_path / "copy"))
    written: list[str] = []
    thread = threading.Thread(target=deferred.work)
    thread.start()
    seed = 100
    while thread.is_alive() or seed < 105:
        written.append(add_run(service.store, noise(seed, 20_000)))
        seed += 1
    thread.join()
    assert not service.store.held

    copy = Store(tmp_path / "copy")
    found = {run for (run,) in copy.connection.execute("SELECT id FROM runs")}
    assert before <= found <= before | set(written)
    inside = found - before
    assert inside == set(written[: len(inside)])  # of what was written meanwhile: a beginning, without gaps
    for run in found:
        (artifact,) = copy.artifacts.of_run(run)
        assert len(copy.blobs.get(artifact.digest or "")) == artifact.size
    assert copy.connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    with copy.transaction():  # it may be worked with
        assert copy.runs.next_number("study", "forest")[1] == len(found) + 1
    copy.close()


def test_content_is_held_while_a_backup_is_made(service: Service, tmp_path: Path) -> None:
    deferred = service.backups.make(str(tmp_path / "copy"))
    assert len(service.store.held) == 1
    deferred.work()
    assert not service.store.held


def test_damaged_content_gives_no_backup(service: Service, tmp_path: Path) -> None:
    add_run(service.store, noise(1, 50_000))
    (file,) = (service.store.folder / "blobs").glob("*/*")
    content = bytearray(file.read_bytes())
    content[1000] ^= 1
    file.write_bytes(content)
    deferred = service.backups.make(str(tmp_path / "copy"))
    with pytest.raises(StoreCorrupt, match="blake2b-256:"):
        deferred.work()
    assert [path.name for path in tmp_path.iterdir()] == ["work"]
    assert not service.store.held


def test_places_that_cannot_be_are_refused(service: Service, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(Conflict, match="exists already"):
        service.backups.make(str(tmp_path / "full"))
    with pytest.raises(InvalidInput, match="inside of the store"):
        service.backups.make(str(service.store.folder / "copy"))
    with pytest.raises(InvalidInput, match="absolute"):
        service.backups.make("copy")
    deferred = service.backups.make(str(tmp_path / "full" / "file" / "copy"))
    with pytest.raises(StoreNotWritable, match="nothing of it was left"):
        deferred.work()
    (tmp_path / "empty").mkdir()
    assert make(service, tmp_path / "empty").runs == 0
    assert (tmp_path / "empty" / DATABASE).stat().st_mode & 0o777 == 0o600
