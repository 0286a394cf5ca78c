"""Fitted estimators that a cell leaves, and the fast pickle of one."""

from __future__ import annotations

import hashlib
import io
import pickle
import sys
import time
from collections.abc import Iterator
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from nbtrack.capture.models import NotSaved, TooLarge, describe_model, fitted_estimators, save_fast
from nbtrack.capture.source import parse_cell

X, y = load_iris(return_X_y=True)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads that spin for each other make small fits slow on a busy machine."""
    with threadpool_limits(1):
        yield


def after(source: str, **namespace: Any) -> list[Any]:
    exec(source, namespace)
    return [describe_model(*one) for one in fitted_estimators(parse_cell(source), namespace)]


def test_finds_what_the_cell_fitted_and_nothing_else() -> None:
    found = after(
        "model = LogisticRegression(C=0.5, max_iter=300).fit(X, y)\nunfitted = LogisticRegression()\n"
        "kind = LogisticRegression\nscore = model.score(X, y)",
        LogisticRegression=LogisticRegression, X=X, y=y, earlier=LogisticRegression(max_iter=300).fit(X, y),
    )  # fmt: skip
    assert [model.name for model in found] == ["model"]
    assert found[0].type_name == "sklearn.linear_model._logistic.LogisticRegression"
    assert found[0].params["C"] == 0.5
    assert found[0].params["class_weight"] is None


def test_finds_models_of_earlier_cells_that_are_fitted_here() -> None:
    scaler = StandardScaler()
    found = after("Xt = scaler.fit_transform(X)", scaler=scaler, X=X)
    assert [(model.name, model.object) for model in found] == [("scaler", scaler)]


def test_one_object_with_several_names_is_found_once() -> None:
    model = LogisticRegression(max_iter=300)
    found = after("_ = clf.fit(X, y)\nbest = clf", clf=model, X=X, y=y)
    assert [model.name for model in found] == ["best"]
    assert [model.name for model in after("_ = clf.fit(X, y)", clf=model, X=X, y=y)] == ["clf"]


def test_searches_and_pipelines_are_estimators() -> None:
    search = GridSearchCV(
        make_pipeline(StandardScaler(), LogisticRegression()), {"logisticregression__C": [1, 2]}
    )
    (found,) = after("search.fit(X, y)", search=search, X=X, y=y)
    assert found.type_name == "sklearn.model_selection._search.GridSearchCV"
    assert found.params["estimator"] == "Pipeline"
    assert found.params["param_grid"] == {"logisticregression__C": [1, 2]}
    assert after("p = make()", make=lambda: make_pipeline(StandardScaler())) == []


def test_params_are_json_like() -> None:
    model = MLPClassifier(
        hidden_layer_sizes=(8, 4), alpha=np.float64(0.5), random_state=np.random.RandomState(0)
    )
    params = describe_model("m", model).params
    assert params["hidden_layer_sizes"] == [8, 4]
    assert params["alpha"] == 0.5
    assert type(params["alpha"]) is float
    assert params["random_state"] == "RandomState"
    big = LogisticRegression(class_weight=dict.fromkeys(range(1000), 1.0))
    assert describe_model("m", big).params["class_weight"] == "dict"


class Rude(BaseEstimator):
    def __init__(self) -> None:
        self.coef_ = 1

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        raise SystemExit("touched")

    def __eq__(self, other: object) -> bool:
        raise SystemExit("touched")

    def __hash__(self) -> int:
        raise SystemExit("touched")


class RudeCheck(Rude):
    def __sklearn_is_fitted__(self) -> bool:
        raise GeneratorExit


class Unfitted(BaseEstimator):
    coef_ = 1  # of the class, not of the object
    __private_ = 2


def test_rude_estimators_do_not_reach_the_cell() -> None:
    found = after(
        "a = A()\nb = B()\nc = C()\nd = D()\ne = E", A=Rude, B=RudeCheck, C=Unfitted, D=MagicMock, E=Rude
    )
    assert [(model.name, model.params) for model in found] == [("a", {})]
    assert describe_model("m", MagicMock()).type_name == "unittest.mock.MagicMock"


def test_without_scikit_learn_there_are_no_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.base", MagicMock())
    assert after("m = f()", f=lambda: LogisticRegression(max_iter=300).fit(X, y)) == []
    monkeypatch.delitem(sys.modules, "sklearn.base")
    assert after("m = f()", f=lambda: LogisticRegression(max_iter=300).fit(X, y)) == []


# ── saving ──


def test_the_file_is_a_pickle_with_its_own_hash() -> None:
    model = RandomForestClassifier(5, random_state=0).fit(X, y)
    model.extra = np.asfortranarray(np.ones((300, 400)))
    file = io.BytesIO()
    saved = save_fast(model, file, 10**9)
    content = file.getvalue()
    assert saved.size == len(content)
    assert saved.digest == f"blake2b-256:{hashlib.blake2b(content, digest_size=32).hexdigest()}"
    assert content[:2] == b"\x80\x05"
    assert (pickle.loads(content).predict(X) == model.predict(X)).all()


def test_stops_as_soon_as_it_is_too_large() -> None:
    file = io.BytesIO()
    content = [bytes([i]) * 1_000_000 for i in range(50)]
    with pytest.raises(TooLarge, match="2,500,000 bytes"):
        save_fast(content, file, 2_500_000)
    assert len(file.getvalue()) <= 2_500_000
    exact = len(pickle.dumps(content, 5))
    assert save_fast(content, io.BytesIO(), exact).size == exact
    with pytest.raises(TooLarge):
        save_fast(content, io.BytesIO(), exact - 1)


class Unpicklable:
    def __init__(self, problem: BaseException) -> None:
        self.problem = problem

    def __reduce__(self) -> Any:
        raise self.problem


class RudeError(Exception):
    def __str__(self) -> str:
        raise SystemExit("touched")


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (lambda: None, "PicklingError"),
        (Unpicklable(ValueError("one\ntwo")), "it cannot be pickled: ValueError: one"),
        (Unpicklable(ValueError("x" * 1000)), "xxx…"),
        (Unpicklable(RudeError()), "it cannot be pickled: RudeError"),
        ((i for i in range(3)), "TypeError"),
    ],
)
def test_what_cannot_be_pickled_gives_one_sentence(model: object, reason: str) -> None:
    with pytest.raises(NotSaved) as raised:
        save_fast(model, io.BytesIO(), 10**9)
    assert reason in str(raised.value)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 250
    assert not isinstance(raised.value, TooLarge)


def test_a_recursion_too_deep_gives_one_sentence_and_a_full_disk_its_own_error() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]

    class FullDisk(io.BytesIO):
        def write(self, part: object) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(NotSaved, match="RecursionError"):
        save_fast(deep, io.BytesIO(), 10**9)
    with pytest.raises(OSError, match="No space left"):
        save_fast([1], FullDisk(), 10**9)


def test_an_interrupt_passes() -> None:
    with pytest.raises(KeyboardInterrupt):
        save_fast(Unpicklable(KeyboardInterrupt()), io.BytesIO(), 10**9)


def test_saving_a_forest_costs_little_more_than_pickling_it() -> None:
    model = RandomForestClassifier(100, random_state=0).fit(X, y)
    ours = min(_elapsed(lambda: save_fast(model, io.BytesIO(), 10**9)) for _ in range(7))
    pickles = min(_elapsed(lambda: pickle.dumps(model, 5)) for _ in range(7))
    assert ours < 3 * pickles


def _elapsed(call: Any) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
