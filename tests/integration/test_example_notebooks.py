"""The example notebooks, as their reader runs them: without an error, and giving the same again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

EXAMPLES = sorted((Path(__file__).parents[2] / "example_notebooks").glob("*.ipynb"))

SANITIZERS = r"""
[sizes]
regex: \d+(\.\d+)? [kM]?B\b
replace: SIZE

[times]
regex: \d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?Z?
replace: TIME

[durations]
regex: \d+(\.\d+)?&?(nbsp;)? ?(ms|s|µs)\b
replace: DURATION

[ids]
regex: [0-9a-f]{8}-[0-9a-f]{4}(-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})?
replace: ID

[digests]
regex: blake2b-256:[0-9a-f]{64}
replace: DIGEST

[stores]
regex: /\S*/\.nbtrack
replace: STORE

[folders]
regex: /(first|second)/example
replace: /FOLDER

[spaces]
regex: [ ─]{2,}
replace: GAP

[names without a number yet]
regex: (forest|logistic|ridge|boosting|lasso)(-\d+| \(ID\))
replace: RUN
"""


def execute(path: Path, folder: Path) -> Any:
    """The executed notebook; the kernel sees cell ids and the file's path as in JupyterLab."""
    target = folder / path.name
    notebook = nbformat.read(path, as_version=4)
    nbformat.write(notebook, target)
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}})

    def name_cell(cell: Any, cell_index: int) -> None:
        assert client.kc is not None
        client.kc.session.metadata = {"cellId": cell["id"]}

    client.on_cell_execute = name_cell
    client.execute(env={**os.environ, "JPY_SESSION_NAME": str(target)})
    nbformat.write(notebook, target)
    return notebook


def texts(notebook: Any) -> str:
    found = []
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            found.append(output.get("text") or output.get("data", {}).get("text/plain") or "")
    return "\n".join(found)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs_and_gives_the_same_again(path: Path, tmp_path: Path) -> None:
    assert all(not cell.get("outputs") for cell in nbformat.read(path, as_version=4).cells), (
        "committed without outputs"
    )
    first, second = tmp_path / "first" / "example", tmp_path / "second" / "example"  # it names the experiment
    first.mkdir(parents=True)
    second.mkdir(parents=True)
    execute(path, first)
    (second / path.name).write_bytes((first / path.name).read_bytes())
    sanitizers = tmp_path / "sanitize.cfg"
    sanitizers.write_text(SANITIZERS, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval", "--nbval-current-env"]
        + ["--nbval-sanitize-with", str(sanitizers), path.name],
        cwd=second,
        env={**os.environ, "JPY_SESSION_NAME": str(second / path.name)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-6000:]


def test_the_quickstart_says_what_it_promises(tmp_path: Path) -> None:
    (path,) = (path for path in EXAMPLES if path.stem == "quickstart")
    shown = texts(execute(path, tmp_path))
    assert "max_depth 1 → 3" in shown or "forest-2" in shown
    assert "champion" in shown
    assert "RandomForestClassifier" in shown


def test_the_example_of_comparisons_leads_a_number_back_to_the_data(tmp_path: Path) -> None:
    """Where a machine is busy a lineage may say that something is only assumed, so its cells are not compared."""
    (path,) = (path for path in EXAMPLES if path.stem == "compare_and_diff")
    shown = {cell["id"]: texts({"cells": [cell]}) for cell in execute(path, tmp_path).cells}
    assert shown["lasso"].startswith("0.")
    assert "lasso-1" in shown["lasso-runs"]
    assert "r2 = model.score(X_test[columns], y_test)" in shown["lineage"]
    assert "] X_train, X_test, y_train, y_test = train_test_split(X, y" in shown["lineage"]
    assert "] X, y = load_diabetes(" in shown["lineage"]
    assert "Lasso" not in shown["slice"]
    assert "stale" in shown["stale"]
    assert "executed in order: ok" in shown["verdict"]


def test_there_are_three_examples() -> None:
    assert {path.stem for path in EXAMPLES} >= {"quickstart", "compare_and_diff", "register_and_load"}
