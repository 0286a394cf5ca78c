"""What doctor says of a store's surroundings."""

from __future__ import annotations

from pathlib import Path

import pytest

from nbtrack.service.status import about_place, about_sqlite, about_waiting
from nbtrack.store import surroundings

PLENTY = 10**12


@pytest.mark.parametrize("version", ["3.51.3", "3.54.1", "4.0"])
def test_a_sound_sqlite_is_not_mentioned(version: str) -> None:
    assert about_sqlite(version) == []


@pytest.mark.parametrize("version", ["3.40.1", "3.51.2", "3.9.0"])
def test_an_sqlite_with_the_defect_of_the_log_is_named(version: str) -> None:
    (sentence,) = about_sqlite(version)
    assert version in sentence
    assert "3.51.3" in sentence


def test_a_private_folder_on_a_disk_with_room_is_not_mentioned(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert about_place(tmp_path, "ext4", PLENTY) == []


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs", "lustre"])
def test_a_network_file_system_is_named(tmp_path: Path, kind: str) -> None:
    tmp_path.chmod(0o700)
    (sentence,) = about_place(tmp_path, kind, PLENTY)
    assert kind in sentence


def test_a_folder_that_others_can_read_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    (sentence,) = about_place(tmp_path, "ext4", PLENTY)
    assert f"chmod 700 {tmp_path}" in sentence


@pytest.mark.parametrize(("free", "says"), [(0, "full"), (100_000_000, "Little room")])
def test_a_disk_without_room_is_named(tmp_path: Path, free: int, says: str) -> None:
    tmp_path.chmod(0o700)
    (sentence,) = about_place(tmp_path, "ext4", free)
    assert says in sentence


def test_what_waits_long_and_whom_nobody_knows_is_named() -> None:
    assert about_waiting(0.2, 0) == []
    assert "90 s" in about_waiting(90.0, 0)[0]
    assert "3 recording process" in about_waiting(0.0, 3)[0]


def test_the_system_tells_about_this_machine(tmp_path: Path) -> None:
    assert surroundings.free_space(tmp_path) > 0
    assert surroundings.memory() > 1_000_000
    assert not surroundings.file_system(tmp_path / "gone")
