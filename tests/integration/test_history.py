"""The history of a notebook, as a kernel records it beside a file that somebody saves."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import nbtrack
from conftest import Kernel
from nbtrack.commands import run_command
from nbtrack.errors import Conflict, NotFound


def written(*sources: str) -> bytes:
    cells: list[dict[str, Any]] = [
        {"cell_type": "markdown", "id": "title", "metadata": {}, "source": ["# Étude 📈"]}
    ]
    for index, source in enumerate(sources):
        cells.append({"cell_type": "code", "id": f"c{index}", "metadata": {}, "source": [source],
                      "outputs": [], "execution_count": None})  # fmt: skip
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=2).encode()


def until(ready: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 20
    while not (found := ready()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.1)
    return found


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    path = tmp_path / "churn.ipynb"
    path.write_bytes(written("x = 1", "x", "%load_ext nbtrack"))
    return path


@pytest.fixture
def beside(notebook: Path) -> Iterator[Kernel]:
    kernel = Kernel(notebook.parent, JPY_SESSION_NAME=str(notebook))
    yield kernel
    kernel.close()


def test_each_save_run_and_end_is_in_the_history_and_comes_back_byte_for_byte(
    beside: Kernel, notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside.run("%load_ext nbtrack", "c2")
    beside.run("x = 1", "c0")
    client = nbtrack.open(tmp_path / ".nbtrack")

    def history() -> list[str]:
        found = client._proxy.ask("snapshots.history", notebook=str(notebook)) if count() else None
        return [f"{entry.run or entry.reason}: {entry.changed}" for entry in found.entries] if found else []

    def count() -> int:
        try:
            return int(client._proxy.ask("snapshots.history", notebook=str(notebook)).total)
        except NotFound:
            return 0

    until(lambda: count() == 1)
    assert history() == ["save: "]
    saved = written("x = 1", "x + 41", "%load_ext nbtrack")
    notebook.write_bytes(saved)
    until(lambda: count() == 2)
    assert history() == ["save: 1 edited", "save: "]
    beside.run("%%track forest\nx = 5", "c0")
    until(lambda: count() == 3)
    assert history()[0] == "forest-1: 1 edited"
    shown = beside.run("%track history", "c1").displays[-1]["text/plain"]
    assert "forest-1" in shown
    assert "saved" in shown
    beside.run("y = 1", "c1")
    beside.close()
    until(lambda: count() == 4)
    assert history()[0] == "end: 1 edited"

    monkeypatch.chdir(tmp_path)
    second = client._proxy.ask("snapshots.history", notebook="churn.ipynb").entries[2].id
    said = run_command(["checkout", second[:13]], client._proxy)
    assert said.hints == ("Every byte is as it was.",)
    assert (tmp_path / f"churn-{second[:13]}.ipynb").read_bytes() == saved
    assert notebook.read_bytes() == saved
    run_command(["checkout", "forest-1", "--cell", "2", "-o", "one"], client._proxy)
    assert json.loads((tmp_path / "one.ipynb").read_text())["cells"][0]["source"][1] == "x = 5"
    with pytest.raises(Conflict, match="--force"):
        run_command(["checkout", "forest-1", "-o", "one"], client._proxy)
