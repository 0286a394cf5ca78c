"""Lineage, slices, stale cells and verdicts of a real kernel: cells out of order, edited and deleted."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

import nbtrack
from nbtrack.entities.graphs import Answer, EdgeKind

CELLS = {
    "imports": "import pandas as pd",
    "data": "df = pd.read_csv('churn.csv')\nprint(df['y'].sum())",
    "junk": "unrelated = [1, 2, 3]",
    "clean": "df.drop(columns='id', inplace=True)",
    "sklearn": "from sklearn.linear_model import LogisticRegression",
    "fit": """%%track churn
model = LogisticRegression().fit(df[["x"]], df["y"])
accuracy = model.score(df[["x"]], df["y"])
print(accuracy)""",
}


def write_data(folder: Path, shift: int = 0, rows: int = 100) -> None:
    lines = [f"{number},{number % 10},{int((number + shift) % 10 > 6)}" for number in range(rows)]
    (folder / "churn.csv").write_text("\n".join(["id,x,y", *lines]) + "\n")


def save(folder: Path, cells: dict[str, str]) -> None:
    """The notebook's file as the front end would save it."""
    code = [
        {
            "cell_type": "code",
            "id": name,
            "source": source,
            "metadata": {},
            "outputs": [],
            "execution_count": None,
        }
        for name, source in cells.items()
    ]
    (folder / "a.ipynb").write_text(
        json.dumps({"cells": code, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    )
    later = time.time() + 5  # saved after all that ran, however coarse the file system's clock
    os.utime(folder / "a.ipynb", (later, later))


def executed(kernel: Any) -> Any:
    """The kernel when `CELLS` were executed from top to bottom in a notebook of its folder."""
    write_data(kernel.folder)
    save(kernel.folder, CELLS)
    kernel.run(f"import os\nos.environ['JPY_SESSION_NAME'] = {str(kernel.folder / 'a.ipynb')!r}")
    for name, source in {"load": "%load_ext nbtrack", **CELLS}.items():
        answer = kernel.run(source, name)
        assert answer.status == "ok", answer
    return kernel


@pytest.fixture
def notebook(start_kernel: Any) -> Any:
    """A kernel of a test's own."""
    return executed(start_kernel())


@pytest.fixture(scope="module")
def shared(module_kernel: Any) -> Any:
    """A kernel for tests that add to it and change nothing."""
    return executed(module_kernel)


def cells_of(graph: Any) -> list[str | None]:
    return [node.cell_id for node in graph.nodes]


def test_the_lineage_of_a_run_leads_to_the_file(shared: Any) -> None:
    folder = shared.folder
    graph = nbtrack.open(folder).lineage("churn-1").graph
    assert [cell for cell in cells_of(graph) if cell != "load"] == [
        "imports",
        "data",
        "clean",
        "sklearn",
        "fit",
    ]
    executions = {node.execution: node.cell_id for node in graph.nodes}
    edges = {
        (executions[edge.reader], executions.get(edge.producer or ""), edge.key, edge.kind)
        for edge in graph.edges
    }
    assert ("fit", "clean", "df", EdgeKind.VARIABLE) in edges
    assert ("clean", "data", "df", EdgeKind.MUTATION) in edges
    assert ("data", None, f"file:{(folder / 'churn.csv').resolve()}", EdgeKind.FILE) in edges
    shown = shared.run("%track lineage df").displays[-1]
    assert "df (changed) ←" in shown["text/plain"]
    assert "churn.csv" in shown["text/html"]


def test_cells_that_are_run_again_edited_or_deleted_make_others_stale(notebook: Any, folder: Path) -> None:
    stale = notebook.run("%track stale").displays[-1]["text/plain"]
    assert stale.startswith("No cell is stale"), stale

    write_data(folder, shift=3)
    notebook.run(CELLS["data"], "data")
    stale = notebook.run("%track stale").displays[-1]["text/plain"]
    assert "df was changed by" in stale or "df may have been changed by" in stale
    assert {cell.cell_id for cell in nbtrack.open(folder).stale().cells} >= {"clean"}

    save(folder, {**CELLS, "clean": "df = df.drop(columns='id')"})
    reasons = {cell.cell_id: cell.reasons for cell in nbtrack.open(folder).stale().cells}
    assert "it was edited since it ran" in reasons["clean"]

    save(folder, {name: source for name, source in CELLS.items() if name != "data"})
    lines = {line.question: line for line in nbtrack.open(folder).runs.get("churn-1").verdict().lines}
    assert lines["no names of deleted cells"].answer is Answer.NO
    assert lines["files unchanged since"].answer is Answer.NO


def test_an_honest_run_is_told_so_and_one_out_of_order_too(shared: Any) -> None:
    notebook, folder = shared, shared.folder
    save(folder, CELLS)
    verdict = nbtrack.open(folder).runs.get("churn-1").verdict()
    assert {line.question: line.answer for line in verdict.lines if line.answer is Answer.NO} == {}
    notebook.run("scale = 3", "below")
    notebook.run("%%track out\nscore = scale / 2 + float(accuracy)", "above")
    save(folder, {**CELLS, "above": "%%track out\nscore = scale / 2 + float(accuracy)", "below": "scale = 3"})
    lines = {line.question: line for line in nbtrack.open(folder).runs.get("out-1").verdict().lines}
    assert lines["executed in order"].answer is Answer.NO
    assert "honesty" in notebook.run("%track show out-1").displays[-1]["text/plain"]


def test_what_an_import_does_is_not_the_doing_of_the_cell(shared: Any) -> None:
    folder = shared.folder
    (folder / "draws.py").write_text("import random\nrandom.random()\n")
    source = "%%track quiet\nimport draws\nimport importlib.metadata as m\nlimit = len(m.version('numpy'))"
    answer = shared.run(source, "import")
    assert answer.status == "ok", answer
    client = nbtrack.open(folder)
    run = client.runs.get("quiet-1")
    files = [edge.key for edge in client.lineage("quiet-1").graph.edges if edge.kind is EdgeKind.FILE]
    assert files == [f"file:{(folder / 'draws.py').resolve()}"]
    lines = {line.question: line.answer for line in run.verdict().lines}
    assert lines["random numbers seeded"] is Answer.OK
    shared.run("%%track loud\nimport random, draws as d, json.tool\nvalue = random.random()", "draw")
    lines = {line.question: line.answer for line in nbtrack.open(folder).runs.get("loud-1").verdict().lines}
    assert lines["random numbers seeded"] is Answer.NO


def test_a_slice_gives_the_same_again_in_a_clean_kernel(shared: Any) -> None:
    notebook, folder = shared, shared.folder
    pytest.importorskip("nbclient")
    written = notebook.run("%track slice churn-1 -o slice").displays[-1]["text/plain"]
    assert "written: slice.ipynb" in written
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir() if path.is_file()}
    client = nbtrack.open(folder)
    done = client.slice("churn-1").verify()
    assert done.same, done
    assert [(metric.name, metric.same) for metric in done.metrics] == [("accuracy", True)]
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir() if path.is_file()} == before

    found = client.slice("df", within=folder / "a.ipynb")
    write_data(folder, shift=4, rows=50)
    done = found.verify()
    assert not done.same
    assert [cell.source for cell in done.cells if cell.answer == "differs"] == [CELLS["data"]]
