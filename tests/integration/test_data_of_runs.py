"""Data of runs in a real kernel: from the file to the model."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import nbtrack

READ = """
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
df = pd.read_csv("people.csv")
X_train, X_test, y_train, y_test = train_test_split(df[["age"]], df["label"], random_state=0)
"""
FIT = """%%track logistic
model = LogisticRegression().fit(X_train, y_train)
accuracy = model.score(X_test, y_test)
"""


def test_a_model_is_linked_to_the_file_that_it_was_trained_on(start_kernel: Any, folder: Path) -> None:
    rng = np.random.default_rng(0)
    people = pd.DataFrame({"age": rng.integers(18, 90, 400), "label": rng.integers(0, 2, 400)})
    people.to_csv(folder / "people.csv", index=False)
    kernel = start_kernel()
    kernel.run("from sklearn.datasets import load_wine")  # before: its calls are seen by their results
    kernel.run("%load_ext nbtrack")
    for code in (READ, FIT):
        assert kernel.run(code).status == "ok"

    run = nbtrack.open(folder).runs.get("logistic-1")
    found = {data.name: data for data in run.datasets}
    assert {name: data.role for name, data in found.items()} == {
        "X_train": "train",
        "y_train": "train",
        "X_test": "test",
        "y_test": "test",
        "people.csv": "source",
    }
    for name in ("X_train", "y_train", "X_test", "y_test"):
        (source,) = found[name].sources
        assert (source.kind, source.place) == ("file", str((folder / "people.csv").resolve()))
    assert found["X_train"].schema == {"age": "int64"}

    deadline = time.monotonic() + 60
    while (profiles := run.profiles())["people.csv"].read < 400 or profiles["people.csv"].sampled:
        assert time.monotonic() < deadline, "the keeper has not looked at the whole file"
        time.sleep(0.2)
    age, label = profiles["people.csv"].columns
    assert (age.minimum, age.maximum, age.distinct) == (18, 89, people["age"].nunique())
    assert label.top == {str(value): count for value, count in people["label"].value_counts().items()}

    rows = next(item for item in run.artifacts if item.kind == "verification")
    assert rows.name == "model.rows.json"
    assert b'"input": "X_test"' in run.artifact(rows.name)

    text = kernel.run("%track data logistic-1").stdout or str(kernel.run("%track data logistic-1").displays)
    assert "people.csv by pandas.read_csv" in text

    kernel.run("wine = load_wine()")
    kernel.run(
        "%%track tree\nfrom sklearn.tree import DecisionTreeClassifier\nDecisionTreeClassifier().fit(wine.data, wine.target)"
    )
    tree = {data.name: data for data in nbtrack.open(folder).runs.get("tree-1").datasets}
    assert tree["X"].sources[0].function == "sklearn.datasets.load_wine"
    assert tree["load_wine.data"].shape == [178, 13]


def test_watching_what_is_read_can_be_turned_off(start_kernel: Any, folder: Path) -> None:
    pd.DataFrame({"a": [1, 2]}).to_csv(folder / "t.csv")
    kernel = start_kernel(NBTRACK_DATA="off", NBTRACK_VERIFICATION_ROWS="0")
    kernel.run("%load_ext nbtrack")
    kernel.run("import pandas as pd\ndf = pd.read_csv('t.csv')")
    assert kernel.run(
        "%%track t\nn = len(df)\ntype(pd.read_csv).__name__, pd.read_csv.__code__.co_filename"
    ).result
    (data,) = nbtrack.open(folder).runs.get("t-1").datasets
    assert (data.name, data.role, data.sources) == ("df", "read", [])
