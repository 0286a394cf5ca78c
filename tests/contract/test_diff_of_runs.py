"""The difference of two runs: their notebooks, and beside the cells what else differs."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from owned_store import OwnedStore

from nbtrack.cli.terminal import shell_tree
from nbtrack.commands import run_command
from nbtrack.entities import records
from nbtrack.entities.snapshots import NotebookDiff
from nbtrack.errors import Conflict, InvalidInput, NotFound
from nbtrack.operations import dispatch, to_entity, to_plain
from nbtrack.render.html import to_html
from nbtrack.render.text import to_text
from nbtrack.service import completed
from nbtrack.service.points import Points


class Asked:
    """Asks a service as a surface does."""

    def __init__(self, owned: OwnedStore) -> None:
        self._owned = owned

    def call(self, operation: str, /, **arguments: Any) -> Any:
        """The answer as plain values."""
        return to_plain(completed(dispatch(self._owned.service, operation, arguments)))

    def ask(self, operation: str, /, **arguments: Any) -> Any:
        """The answer as its entity."""
        return to_entity(operation, self.call(operation, **arguments))


@pytest.fixture
def owned(tmp_path: Path) -> Iterator[OwnedStore]:
    opened = OwnedStore(tmp_path)
    yield opened
    opened.store.close()


def written(*sources: str) -> bytes:
    cells = [
        {
            "cell_type": "code",
            "id": f"c{i}",
            "metadata": {},
            "source": source,
            "outputs": [],
            "execution_count": None,
        }
        for i, source in enumerate(sources)
    ]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def run_of(owned: OwnedStore, depth: int, accuracy: float, *sources: str) -> str:
    run = owned.run()
    owned.take(records.ParamsSet(run=run, params={"max_depth": depth, "trees": 10 * depth, "fixed": 1}))
    points = Points(owned.store.metrics)
    with owned.store.transaction():
        points.add(records.MetricsLogged(run=run, time=1, values={"accuracy": accuracy}))
        points.flush(lambda series, write: write())
    owned.execute(sources[1], run, cell="c1")
    owned.snapshot(run, written(*sources))
    return run


@pytest.fixture
def two_runs(owned: OwnedStore) -> OwnedStore:
    run_of(owned, 3, 0.9, "import x", "max_depth = 3\nfit(30)\naccuracy = 1", "print(accuracy)")
    run_of(owned, 5, 0.8, "import x", "max_depth = 5\nfit(50)\naccuracy = 1", "print(accuracy)")
    return owned


def test_each_number_stands_beside_the_cell_responsible(two_runs: OwnedStore) -> None:
    found: NotebookDiff = Asked(two_runs).ask("snapshots.diff", base="forest-1", head="forest-2")
    numbers = {(number.name, number.before, number.after, number.better) for number in found.cells[1].numbers}
    assert numbers == {("max_depth", 3, 5, None), ("trees", 30, 50, None), ("accuracy", 0.9, 0.8, False)}
    assert found.numbers == found.cells[0].numbers == found.cells[2].numbers == []
    view = run_command(["diff", "forest-1", "forest-2"], Asked(two_runs))
    text = to_text(view)
    assert text.index("fit(50)") < text.index("param max_depth 3 → 5")
    assert '<div class="nbtrack-i nbtrack-b">metric accuracy' in to_html(view)


def test_what_no_cell_names_stands_at_the_end(owned: OwnedStore) -> None:
    run_of(owned, 3, 0.9, "import x", "train()", "print(1)")
    run_of(owned, 3, 0.9, "import x", "train()", "print(1)")
    owned.take(records.ParamsSet(run=owned.service.runs.resolve("forest-2"), params={"elsewhere": 2}))
    found: NotebookDiff = Asked(owned).ask("snapshots.diff", base="forest-1", head="forest-2")
    assert [number.name for number in found.numbers] == ["elsewhere"]
    assert "param elsewhere none → 2" in to_text(run_command(["diff", "forest-1", "forest-2"], Asked(owned)))


def test_files_and_revisions_are_compared_too(
    two_runs: OwnedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "project" / "inside"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    file = folder / "a.ipynb"
    file.write_bytes(written("import x", "max_depth = 3\nfit(30)\naccuracy = 1", "print(accuracy)"))
    git = ["git", "-c", "user.name=n", "-c", "user.email=e@example.org"]
    subprocess.run(["git", "init", "-q", ".."], check=True)
    subprocess.run([*git, "add", "a.ipynb"], check=True)
    subprocess.run([*git, "commit", "-qm", "first"], check=True)
    file.write_bytes(written("import y", "max_depth = 3\nfit(30)\naccuracy = 1", "print(accuracy)"))

    def said(*words: str) -> str:
        return to_text(run_command(["diff", *words], Asked(two_runs)))

    for base in ("HEAD:a.ipynb", "HEAD:inside/a.ipynb", "forest-1"):
        assert "1 changed of 3 cells" in said(base, "a.ipynb")
    assert "3 added of 3 cells" in said("/dev/null", str(file))
    for word, reason in (
        ("HEAD~7:a.ipynb", "no HEAD~7:a.ipynb"),
        ("no.ipynb", "no file"),
        ("HEAD:b", "HEAD:b"),
    ):
        with pytest.raises(NotFound, match=reason):
            said(word, "a.ipynb")
    file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(InvalidInput, match=r"a.ipynb cannot be read as a notebook: .*line 1"):
        said("forest-1", "a.ipynb")
    file.write_bytes(b"{\n\xff}")
    with pytest.raises(InvalidInput, match="line 2 has bytes that are no UTF-8"):
        said("a.ipynb", "forest-1")


def test_git_diff_shows_notebooks_until_it_is_taken_out(
    two_runs: OwnedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with pytest.raises(InvalidInput, match="git cannot do it here"):
        run_command(["difftool", "--setup"], Asked(two_runs), tree=shell_tree())
    subprocess.run(["git", "init", "-q", "."], check=True)
    (folder / "a.ipynb").write_bytes(written("a = 1", "b"))
    subprocess.run(["git", "add", "a.ipynb"], check=True)
    (folder / "a.ipynb").write_bytes(written("a = 2", "b"))
    (folder / ".git" / "info").mkdir(exist_ok=True)
    (folder / ".git" / "info" / "attributes").write_text("*.csv binary\n")

    def shown() -> str:
        return subprocess.run(["git", "diff"], check=True, capture_output=True, text=True).stdout

    plain = shown()
    for _ in range(2):
        run_command(["difftool", "--setup"], Asked(two_runs), tree=shell_tree())
    assert "a/a.ipynb → b/a.ipynb" in shown()
    assert "1 changed of 2 cells" in shown()
    (folder / "a.ipynb").write_text("no notebook")
    assert "cannot be read as a notebook" in shown()
    (folder / "a.ipynb").write_bytes(written("a = 2", "b"))
    run_command(["difftool", "--remove"], Asked(two_runs), tree=shell_tree())
    assert shown() == plain
    assert (folder / ".git" / "info" / "attributes").read_text() == "*.csv binary\n"
    assert "nbtrack" not in (folder / ".git" / "config").read_text()


def test_two_versions_are_joined_and_conflicts_are_told(
    owned: OwnedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for sources in (("a = 1", "b = 1", "c = 1"), ("a = 2", "b = 1", "c = 1"), ("a = 1", "b = 1", "c = 3")):
        owned.snapshot(owned.run(), written(*sources))
    words = ["merge-notebooks", "forest-1", "forest-2", "forest-3", "-o", "joined"]
    assert "without conflicts" in to_text(run_command(words, Asked(owned)))
    joined = json.loads((tmp_path / "joined.ipynb").read_text())
    assert ["".join(cell["source"]) for cell in joined["cells"]] == ["a = 2", "b = 1", "c = 3"]
    with pytest.raises(Conflict, match="--force"):
        run_command(words, Asked(owned))
    (tmp_path / "d.ipynb").write_bytes(written("a = 4", "b = 1", "c = 1"))
    words = ["merge-notebooks", "forest-1", "forest-2", "d.ipynb", "-o", "joined", "--force", "--json"]
    assert json.loads(to_text(run_command(words, Asked(owned))))["conflicts"] == 1
    text = (tmp_path / "joined.ipynb").read_text()
    assert "a = 2" in text
    assert "a = 4" in text
