"""Bulk that cannot be written where it belongs."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from nbtrack.capture.incoming import Incoming
from nbtrack.entities.records import ArtifactSaved


def record(target: Path) -> ArtifactSaved:
    return ArtifactSaved(run="r", time=1, name="notes", kind="file", format="bin", size=7, file=target.name)


def write(target: Path) -> str:
    target.write_bytes(b"content")
    return "answer"


def test_a_file_stands_in_its_folder_for_nobody_else_to_read(tmp_path: Path) -> None:
    found: list[ArtifactSaved] = []
    incoming = Incoming(tmp_path, found.append)
    target, answer = incoming.write(write)
    incoming.append(target, record(target))
    assert (target.parent, answer, target.stat().st_mode & 0o777) == (tmp_path, "answer", 0o600)
    assert [(tmp_path / (kept.file or "")).read_bytes() for kept in found] == [b"content"]
    assert incoming.problem is None


def test_what_cannot_be_written_waits_elsewhere_and_is_brought(tmp_path: Path) -> None:
    found: list[ArtifactSaved] = []
    incoming = Incoming(tmp_path / "incoming", found.append)
    targets = [incoming.write(write)[0] for _ in range(2)]
    for target in targets:
        incoming.append(target, record(target))
    incoming.bring()
    assert found == []
    assert incoming.problem is not None
    assert {target.stat().st_mode & 0o777 for target in targets} == {0o600}
    (tmp_path / "incoming").mkdir()
    incoming.bring()
    assert incoming.problem is None
    assert [(tmp_path / "incoming" / (kept.file or "")).read_bytes() for kept in found] == [b"content"] * 2
    assert not any(target.exists() for target in targets)
    assert incoming.close() == []
    assert not targets[0].parent.exists()


def test_what_is_never_brought_is_named_and_removed(tmp_path: Path) -> None:
    incoming = Incoming(tmp_path / "incoming", lambda record: None)
    target, _ = incoming.write(write)
    incoming.append(target, record(target))
    assert [lost.name for lost in incoming.close()] == ["notes"]
    assert not target.parent.exists()


def test_half_a_file_is_left_nowhere(tmp_path: Path) -> None:
    attempts: list[Path] = []

    def fail(target: Path) -> None:
        attempts.append(target)
        target.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space"):
        Incoming(tmp_path, lambda record: None).write(fail)
    assert len(attempts) == 2
    assert not any(target.exists() for target in attempts)
    assert list(tmp_path.iterdir()) == []
    shutil.rmtree(attempts[1].parent)
