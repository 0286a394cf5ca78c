"""What a run ran in, recorded by a real kernel and its keeper."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import nbtrack


def wait_for(found: Callable[[], Any]) -> Any:
    """What `found` gives as soon as it gives something: the keeper looks by itself, soon."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if answer := found():
            return answer
        time.sleep(0.05)
    raise AssertionError("it never came")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")
def test_show_says_what_a_run_took(kernel: Any, folder: Path) -> None:
    kernel.run("%track start heavy")
    kernel.run("block = bytearray(80_000_000)")
    runs = nbtrack.open(folder).runs
    wait_for(lambda: runs.get("heavy-1").detail.surroundings.hardware)  # the keeper follows it
    kernel.run("%track end")
    use = wait_for(lambda: runs.get("heavy-1").detail.surroundings.use)
    assert use.memory > 80_000_000
    shown = kernel.run("%track show heavy-1").displays[-1]["text/plain"]
    assert "of memory at most" in shown
    assert "cores on average" in shown
    assert runs.get("heavy-1").metrics == {}
    assert min(runs.get("heavy-1").metric("system/memory_bytes").values) > 10_000_000


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(folder: Path) -> Path:
    """The notebook's folder as a repository with a commit."""
    git(folder, "init", "-q", "-b", "main")
    (folder / "features.py").write_text("A = 1\n", encoding="utf-8")
    (folder / "other.ipynb").write_text("{}", encoding="utf-8")
    git(folder, "add", ".")
    git(folder, "-c", "user.name=me", "-c", "user.email=me@example.org", "commit", "-qm", "first")
    return folder


def test_remotes_and_what_was_not_committed_are_kept_without_secrets(
    repository: Path, start_kernel: Any
) -> None:
    git(repository, "remote", "add", "origin", "https://me:pass-Xk29fLq7@example.org/team/study.git?key=q1")
    git(repository, "remote", "add", "backup", "git@example.org:team/study.git")
    (repository / "features.py").write_text("A = 2\nB = 'sv-Kq7Xz2Lw9Pd3'\n", encoding="utf-8")
    (repository / "other.ipynb").write_text('{"cells": []}', encoding="utf-8")
    kernel = start_kernel(SERVICE_TOKEN="sv-Kq7Xz2Lw9Pd3")
    kernel.run("%load_ext nbtrack")
    kernel.run("%%track study\nx = 1")
    client = nbtrack.open(repository)
    found = wait_for(lambda: (run := client.runs.get("study-1")).detail.surroundings.diff and run)
    around = found.detail.surroundings
    assert around.remotes == {
        "origin": "https://example.org/team/study.git",
        "backup": "git@example.org:team/study.git",
    }
    assert found.detail.revision.dirty
    diff = found.uncommitted()
    assert "-A = 1\n+A = 2\n+B = '‹redacted: value of SERVICE_TOKEN›'" in diff
    assert "ipynb" not in diff
    shown = kernel.run("%track show study-1").displays[-1]["text/plain"]
    assert "origin https://example.org/team/study.git" in shown


def test_the_sources_of_imported_modules_belong_to_the_run(repository: Path, start_kernel: Any) -> None:
    kernel = start_kernel(SERVICE_TOKEN="sv-Kq7Xz2Lw9Pd3", OMP_NUM_THREADS="2", UNRELATED="sv-unrelated")
    kernel.run("%load_ext nbtrack")
    (repository / "features.py").write_text("A = 1\nB = 'sv-Kq7Xz2Lw9Pd3'\n", encoding="utf-8")
    kernel.run("%%track study\nfrom features import A\nx = A")
    kernel.run("import nbtrack\nnbtrack.flush()")
    client = nbtrack.open(repository)
    first = client.runs.get("study-1")
    assert first.modules() == {"features": "A = 1\nB = '‹redacted: value of SERVICE_TOKEN›'\n"}
    assert first.detail.surroundings.variables["OMP_NUM_THREADS"] == "2"
    assert "UNRELATED" not in first.detail.surroundings.variables
    (repository / "features.py").write_text("A = 22\n", encoding="utf-8")
    kernel.run("import importlib, features\nimportlib.reload(features)")
    kernel.run("%%track study\nfrom features import A\nx = A")
    kernel.run("nbtrack.flush()")
    assert client.runs.get("study-2").modules() == {"features": "A = 22\n"}
    assert client.runs.get("study-1").modules() == first.modules()
    changed = kernel.run("%track compare study-1 study-2").displays[-1]["text/plain"]
    assert "module features" in changed
    diff = kernel.run("%track diff study-1 study-2").displays[-1]["text/plain"]
    assert "features.py" in diff
    assert "+ A = 22" in diff or "+A = 22" in diff


def test_an_install_without_a_version_is_noted(kernel: Any, folder: Path) -> None:
    kernel.run("def pip(line): pass\nget_ipython().register_magic_function(pip)")
    kernel.run("%%track study\n%pip install seaborn tqdm==4.1 'rich>=1'")
    notes = nbtrack.open(folder).runs.get("study-1").notes
    assert "It installs without naming a version: seaborn, rich>=1." in notes
