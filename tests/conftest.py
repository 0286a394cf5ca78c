"""Fixtures of all tests: nothing outside a temporary folder is read or written."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def own_surroundings() -> Iterator[None]:
    """A runtime folder, an IPython folder and short-lived keepers of this test session alone."""
    folder = Path(tempfile.mkdtemp(prefix="nbt-"))  # short: a socket's path has 108 bytes
    folder.chmod(0o700)
    changes = {
        "XDG_RUNTIME_DIR": str(folder),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_PLATFORM_DIRS": "1",
        "NBTRACK_KEEPER_IDLE": "20",
        "NBTRACK_LINE_WAIT": "20",  # what the line says is tested on busy machines too
    }
    removed = {
        name: os.environ.pop(name) for name in list(os.environ) if name.startswith(("NBTRACK_", "JPY_"))
    }
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    yield
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    os.environ.update(removed)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def surroundings_are_left(own_surroundings: None) -> Iterator[None]:
    """What a test sets for its own processes must not be there for those of the next: it fails where it does, not they."""
    before = _surroundings()
    yield
    after = _surroundings()
    for name in {*before, *after}:
        if before.get(name) != after.get(name):
            os.environ.pop(name, None)
            os.environ.update({name: before[name]} if name in before else {})
    assert after == before


def _surroundings() -> dict[str, str]:
    return {
        name: value for name, value in os.environ.items() if name.startswith(("NBTRACK_", "XDG_", "JPY_"))
    }


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
