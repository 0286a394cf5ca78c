"""From a tracked cell to a registered model and back, and what is refused on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sklearn.datasets import load_iris

import nbtrack
from nbtrack.errors import InvalidInput, NotFound, StoreCorrupt, UnsafeModel

FIT = """%%track fit
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
X, y = load_iris(return_X_y=True)
model = LogisticRegression(C=0.5, max_iter=500).fit(X, y)
accuracy = model.score(X, y)
"""

OWN = """%%track own
from sklearn.base import BaseEstimator, ClassifierMixin
class Majority(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.answer_ = max(set(y.tolist()), key=y.tolist().count)
        return self
majority = Majority().fit(X, y)
"""


def test_register_move_the_alias_and_load(kernel: Any, folder: Path) -> None:
    kernel.run(FIT)
    kernel.run(FIT.replace("0.5", "2.0"))
    shown = kernel.run("%track register fit-1 iris --alias champion --describe 'the first'")
    assert shown.status == "ok", shown
    kernel.run("%track register fit-2 iris --alias champion")
    models = nbtrack.open(folder).models
    assert models.get("iris@champion").version == 2
    assert models.get("iris/1").detail.description == "the first"
    loaded = models.get("iris/1").load()
    assert loaded.C == 0.5
    assert loaded.predict([[5.1, 3.5, 1.4, 0.2]]).tolist() == [0]
    assert kernel.run("float(nbtrack.open().models.get('iris@champion').load().C)").ename == "NameError"
    assert (
        kernel.run("import nbtrack; float(nbtrack.open().models.get('iris@champion').load().C)").result
        == "2.0"
    )
    with pytest.raises(NotFound, match="no alias challenger"):
        models.get("iris@challenger")
    with pytest.raises(NotFound, match="no version 9"):
        models.get("iris/9")


def test_a_model_that_no_safe_format_holds_is_refused_by_the_names_of_its_types(
    kernel: Any, folder: Path
) -> None:
    kernel.run(FIT)
    kernel.run(OWN)
    answer = kernel.run("%track register own-1 majority")
    assert "__main__.Majority" in answer.stderr
    client = nbtrack.open(folder)
    with pytest.raises(UnsafeModel, match=r"__main__\.Majority"):
        client.runs.get("own-1").model()
    assert client.models.list() == []


def test_what_cannot_be_registered_is_said_in_a_sentence(kernel: Any, folder: Path) -> None:
    kernel.run(FIT)
    kernel.run("%%track none\nx = 1")
    kernel.run(FIT.replace("%%track fit", "%%track unsaved --no-model"))
    models = nbtrack.open(folder).models
    with pytest.raises(NotFound, match="has no model: its cell left no fitted estimator"):
        models.register("none-1", "iris")
    with pytest.raises(NotFound, match="has no model"):
        models.register("unsaved-1", "iris")
    with pytest.raises(NotFound, match="has no model forest; it has model"):
        models.register("fit-1", "iris", artifact="forest")
    for name in ("", "a/b", "a@b", " a", "nul\0", "x" * 201):
        with pytest.raises(InvalidInput, match="cannot be the name of a model"):
            models.register("fit-1", name)


def test_a_registered_model_that_was_tampered_with_is_not_loaded(kernel: Any, folder: Path) -> None:
    kernel.run(
        FIT.replace(
            "LogisticRegression(C=0.5, max_iter=500)", "RandomForestClassifier(100, random_state=0)"
        ).replace(
            "sklearn.linear_model import LogisticRegression", "sklearn.ensemble import RandomForestClassifier"
        )
    )
    models = nbtrack.open(folder).models
    version = models.register("fit-1", "iris")
    digest = version.detail.digest.partition(":")[2]
    path = folder / ".nbtrack" / "blobs" / digest[:2] / digest
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(StoreCorrupt):
        models.get("iris").load()


def test_a_model_is_logged_explicitly(kernel: Any, folder: Path) -> None:
    kernel.run(FIT)
    kernel.run("import nbtrack\nnbtrack.model(model, 'by hand')")
    run = nbtrack.open(folder).runs.get("run-1")
    assert [item.name for item in run.artifacts] == ["by hand"]
    assert run.model().C == 0.5
    answer = kernel.run("nbtrack.model(lambda x: x)")
    assert answer.status == "error"
    assert "was not saved" in (answer.evalue or "")


OWN_MODEL = """from sklearn.base import BaseEstimator, ClassifierMixin
import numpy as np
FIRST = 0
class Majority(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.answer_ = max(set(y.tolist()), key=y.tolist().count)
        self.n_features_in_ = X.shape[1]
        return self
    def predict(self, X):
        return np.full(len(X), self.answer_ + FIRST)
majority = Majority().fit(X, y)
"""


def test_a_variable_is_registered_and_verified_by_its_answers(kernel: Any, folder: Path) -> None:
    kernel.run(FIT)
    shown = kernel.run("%track register model iris --alias champion")
    assert "equal answers for 20 rows" in str(shown.displays), shown
    version = nbtrack.open(folder).models.get("iris@champion")
    assert version.detail.run == "fit-1"  # the run that made it
    record = version.detail.record
    assert (record.verified, record.rows, record.runs_code) == ("equal answers", 20, False)
    assert record.inputs == {"values": "float64"}
    assert record.output == "int64 (n)"
    assert any(line.startswith("scikit-learn==") for line in record.requirements)
    assert record.load_seconds > 0
    assert len(record.latency["1000"]) == 2


def test_a_class_of_the_notebook_is_registered_as_a_pickle_that_asks_for_trust(
    kernel: Any, folder: Path
) -> None:
    kernel.run(FIT)
    assert kernel.run(OWN_MODEL).status == "ok"
    assert "--format pickle" in kernel.run("%track register majority most").stderr
    shown = kernel.run("%track register majority most --format pickle --rows X")
    assert "runs code when loaded" in str(shown.displays), shown
    version = nbtrack.open(folder).models.get("most")
    assert version.detail.record.verified == "equal answers"
    with pytest.raises(UnsafeModel, match="runs code"):
        version.load()
    loaded = version.load(trust=version.detail.digest)  # this process has no such class
    assert loaded.predict([[0.0] * 4] * 2).tolist() == [0, 0]
    assert "runs code" in str(kernel.run("%track models").displays)
    models = nbtrack.open(folder).models
    kernel.run("%track register fit-1 most")
    data = load_iris()
    with pytest.raises(UnsafeModel):
        models.compare("most/1", "most/2", rows=data.data, truth=data.target)
    compared = models.compare(
        "most/1", "most/2", rows=data.data, truth=data.target, trust=(version.detail.digest,)
    )
    assert [test.test for test in compared.detail.tests] == ["McNemar", "paired bootstrap"]
    assert compared.detail.tests[0].difference > 0.5
    assert not compared.detail.tests[0].inside_the_noise
    assert "McNemar" in repr(compared)
    with pytest.raises(InvalidInput, match="give one for each"):
        models.compare("most/2", "most/2", rows=data.data, truth=[1, 2])
