"""Which files count as the cell's."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from nbtrack.capture import environment
from nbtrack.capture.lineage import files
from nbtrack.capture.lineage.places import Places


@pytest.fixture
def watch(tmp_path: Path) -> files.Watch:
    """What this test does to files in its folder."""
    return files.Watch(Places(str(tmp_path)), threading.get_ident())


def test_what_nbtrack_looks_up_while_a_cell_runs_is_not_read_by_the_cell(
    watch: files.Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "some-1.0.dist-info").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    files.begin(watch)
    try:
        found = environment.environment()
        (tmp_path / "made.txt").write_text("by the cell")
    finally:
        files.end(watch)
    assert found[2]
    assert [Path(path).name for path in (*watch.read, *watch.listed)] == []
    assert [Path(path).name for path in watch.written] == ["made.txt"]
