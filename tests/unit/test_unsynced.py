"""Files that records point at: on the disk before what promises them, and for no longer anybody's than they lie there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nbtrack.store.unsynced import Unsynced


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda file: found.append(Path(f"/proc/self/fd/{file}").readlink().name))
    return found


def test_what_lies_there_is_synced_with_its_name_and_once(tmp_path: Path, synced: list[str]) -> None:
    unsynced = Unsynced(tmp_path)
    for name in ("first", "second", "taken"):
        (tmp_path / name).write_text("content")
        unsynced.add(name)
    (tmp_path / "another's").write_text("content")
    (tmp_path / "taken").unlink()  # by the keeper, which has it on the disk
    unsynced.sync(60)
    assert synced == []
    unsynced.sync()
    assert synced == ["first", "second", tmp_path.name]
    unsynced.sync()
    assert len(synced) == 3


def test_what_the_disk_refused_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unsynced = Unsynced(tmp_path)
    (tmp_path / "first").write_text("content")
    unsynced.add("first")

    def broken(file: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", broken)
        with pytest.raises(OSError, match="Input/output"):
            unsynced.sync()
    tried: list[int] = []
    monkeypatch.setattr(os, "fsync", tried.append)
    unsynced.sync()
    assert len(tried) == 2
