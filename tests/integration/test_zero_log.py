"""Cells that train become runs without a word, in a real kernel."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import nbtrack
from nbtrack.client import Client

pytest.importorskip("sklearn", reason="needs scikit-learn")

SETUP = """
from sklearn.metrics import f1_score
%load_ext nbtrack
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
depth = 3
"""
FOREST = """model = RandomForestClassifier(n_estimators=5, max_depth=depth, random_state=0).fit(X_train, y_train)
accuracy = model.score(X_test, y_test)
alpha = float(X_train.mean())"""


def store(folder: Path) -> Client:
    return nbtrack.open(folder)


@pytest.fixture
def ready(start_kernel: Any) -> Any:
    kernel = start_kernel()
    answer = kernel.run(SETUP)
    assert answer.status == "ok", answer
    return kernel


def test_a_cell_that_fits_is_a_run_that_says_nothing(ready: Any, folder: Path) -> None:
    answer = ready.run(FOREST, "cell-a")
    assert answer.status == "ok"
    assert answer.displays == []  # the notebook looks as it does without nbtrack
    run = store(folder).runs.get("random-forest-classifier-1")
    assert run.status == "finished"
    assert run.params == {
        "depth": 3,
        "estimator": "RandomForestClassifier",
        "max_depth": 3,
        "n_estimators": 5,
        "random_state": 0,
    }
    assert set(run.metrics) == {"accuracy"}  # once, by the person's name; alpha is none
    (fits,) = run.artifacts  # the model is not saved unless asked
    assert fits.name == "fits.json"
    (row,) = json.loads(run.artifact("fits.json"))
    assert (row["estimator"], row["shape"]) == ("RandomForestClassifier", [426, 30])
    assert row["seconds"] > 0
    assert row["score"] == run.metrics["accuracy"]
    (cell,) = run.detail.cells
    assert (cell.cell_id, cell.source) == ("cell-a", FOREST)
    assert {data.name for data in run.detail.datasets} == {
        "X_train",
        "X_test",
        "y_train",
        "y_test",
        "load_breast_cancer.data",
        "load_breast_cancer.target",
    }


def test_what_a_later_cell_measures_is_the_runs_that_made_the_model(ready: Any, folder: Path) -> None:
    ready.run("a = DecisionTreeClassifier(max_depth=1).fit(X_train, y_train)")
    ready.run("b = DecisionTreeClassifier(max_depth=2).fit(X_train, y_train)")
    ready.run("pred = a.predict(X_test)")
    ready.run("print(accuracy_score(y_test, pred)); b.score(X_test, y_test)", "scores")
    ready.run("f1_score(y_test, pred)")  # imported before nbtrack was loaded
    ready.run(
        "sure = (b.predict_proba(X_test)[:, 1] > 0.6).astype(int)\nagain = accuracy_score(y_test, sure)"
    )
    runs = store(folder).runs
    first, second = runs.get("decision-tree-classifier-1"), runs.get("decision-tree-classifier-2")
    assert set(first.metrics) == {"accuracy_score", "f1_score"}
    assert set(second.metrics) == {"score", "again"}
    assert [cell.cell_id for cell in first.detail.cells if cell.cell_id] == ["scores"]
    assert first.status == second.status == "finished"
    assert len(runs.search()) == 2


def test_what_is_measured_on_no_model_of_a_run_is_a_run_of_its_cell(ready: Any, folder: Path) -> None:
    ready.run("from sklearn.metrics import adjusted_rand_score")
    answer = ready.run("for shift in (1, 2):\n    adjusted_rand_score([0, 0, 1, 1], [0, shift, 1, 1])")
    assert not answer.displays
    assert not answer.stdout
    ready.run("guess = y_test[::-1]")
    ready.run("same = adjusted_rand_score(y_test, guess)")
    runs = store(folder).runs
    first, second = runs.get("adjusted-rand-score-1"), runs.get("adjusted-rand-score-2")
    assert len(first.metric("adjusted_rand_score").values) == 2
    assert set(second.metrics) == {"same"}
    assert len(runs.search()) == 2
    ready.run("%config NbTrack.autorun = False")
    ready.run("adjusted_rand_score([0, 1], [1, 0])")
    assert len(runs.search()) == 2


def test_transformers_paused_cells_and_the_setting_make_no_run(ready: Any, folder: Path) -> None:
    answer = ready.run("scaler = StandardScaler().fit(X_train)")
    assert not answer.displays
    assert "· fitted StandardScaler" in str(ready.run("%track lineage scaler"))
    ready.run("# nbtrack: off\nDecisionTreeClassifier().fit(X_train, y_train)")
    ready.run("%track pause")
    ready.run(FOREST)
    ready.run("%track resume")
    ready.run("%config NbTrack.autorun = False")
    ready.run(FOREST)
    assert len(store(folder).runs.search()) == 0
    answer = ready.run(f"%%track asked\n{FOREST}")
    assert answer.line.startswith("asked-1")
    assert {item.name for item in store(folder).runs.get("asked-1").artifacts} == {
        "model",
        "model.rows.json",
        "fits.json",
    }


def test_a_cell_that_fails_after_its_fit_is_a_failed_run(ready: Any, folder: Path) -> None:
    ready.run("DecisionTreeClassifier().fit(X_train, y_train)\n1 / 0")
    ready.run("DecisionTreeClassifier().fit(X_train)")  # nothing was fitted
    assert len(store(folder).runs.search()) == 1
    assert store(folder).runs.get("decision-tree-classifier-1").status == "failed"


def test_unloading_leaves_the_library_as_it_was(ready: Any) -> None:
    ready.run("%unload_ext nbtrack")
    answer = ready.run("DecisionTreeClassifier.fit.__code__.co_filename.endswith('sklearn/tree/_classes.py') or "
                       "DecisionTreeClassifier.fit.__code__.co_filename")  # fmt: skip
    assert "nbtrack" not in (answer.result or "nbtrack")


def test_a_cross_validation_by_a_name_that_was_bound_before_is_a_run(start_kernel: Any, folder: Path) -> None:
    kernel = start_kernel()
    kernel.run(
        "from sklearn.datasets import load_iris\nfrom sklearn.model_selection import cross_val_score\n"
        "from sklearn.tree import DecisionTreeClassifier\nX, y = load_iris(return_X_y=True); depth = 2\n"
        "%load_ext nbtrack"
    )
    kernel.run(
        "scores = cross_val_score(DecisionTreeClassifier(max_depth=depth, random_state=0), X, y, cv=4)"
    )
    mean = float(kernel.run("print(repr(float(scores.mean())))").stdout)
    run = store(folder).runs.get("decision-tree-classifier-1")
    assert run.metrics["cv_score"] == mean
    assert (run.params["estimator"], run.params["depth"]) == ("cross_val_score(DecisionTreeClassifier)", 2)
    (row,) = json.loads(run.artifact("fits.json"))
    assert "seconds" not in row
    assert len(json.loads(run.artifact("candidates.json"))) == 4
