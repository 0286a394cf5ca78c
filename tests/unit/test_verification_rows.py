"""Rows of input that are kept with a model, and what it predicts for them."""

from __future__ import annotations

import json
import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from nbtrack.capture.known_data import KnownData
from nbtrack.capture.verification import verification_rows

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(100, 3)), RNG.integers(0, 2, 100)
FRAME = pd.DataFrame(X, columns=["a", "b", "c"])


def rows(model: Any, count: int = 20, known: KnownData | None = None, **names: Any) -> dict[str, Any] | None:
    content = verification_rows(model, names, names, known or KnownData(), count)
    return None if content is None else json.loads(content)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (X, "numpy.ndarray"),
        (FRAME, "pandas.DataFrame"),
        (pl.DataFrame(X, schema=["a", "b", "c"]), "polars.DataFrame"),
        (csr_matrix(X), "scipy.sparse.csr_matrix"),
    ],
)
def test_twenty_rows_are_kept_with_what_is_predicted_for_them(value: Any, kind: str) -> None:
    model = RandomForestClassifier(5, random_state=0).fit(value, Y)
    found = rows(model, y=Y, data=value)
    assert found is not None
    assert (found["input"], found["type"], found["method"]) == ("data", kind, "predict")
    assert np.allclose(found["rows"], X[:20])
    assert found["predictions"] == model.predict(value[:20]).tolist()
    assert found["schema"]


def test_what_a_split_put_aside_comes_first() -> None:
    known, model = KnownData(), LogisticRegression().fit(X, Y)
    train, test = X[:50].copy(), X[50:].copy()
    known.split((X,), [train, test])
    found = rows(model, known=known, X=X, train=train, test=test)
    assert found is not None
    assert found["input"] == "test"


def test_a_step_that_only_prepares_data_is_verified_by_what_it_makes() -> None:
    found = rows(StandardScaler().fit(FRAME), X=FRAME)
    assert found is not None
    assert found["method"] == "transform"
    assert np.allclose(found["predictions"], StandardScaler().fit_transform(FRAME)[:20])


class Own(LogisticRegression):
    """A class of the person's own."""

    def predict(self, X: Any) -> Any:  # noqa: N803
        raise AssertionError("it was asked")


@pytest.mark.parametrize(
    "model",
    [
        Own(),
        make_pipeline(StandardScaler(), Own()),
        make_pipeline(FunctionTransformer(lambda data: pytest.fail("it was asked")), LogisticRegression()),
        RandomForestClassifier(2, verbose=1),
    ],
)
def test_a_model_with_code_of_the_person_is_not_asked(model: Any, capsys: pytest.CaptureFixture[str]) -> None:
    if type(model).__name__ == "Pipeline":
        steps = [step for _, step in model.steps]
        steps[-1].fit(X, Y)
        if isinstance(steps[0], StandardScaler):
            steps[0].fit(X)
    else:
        model.fit(X, Y)
    capsys.readouterr()
    assert not isinstance(model, BaseEstimator) or "predictions" not in (rows(model, X=X) or {})
    assert capsys.readouterr() == ("", "")


def test_nothing_is_kept_where_there_is_no_input_or_none_is_wanted() -> None:
    model = LogisticRegression().fit(X, Y)
    assert rows(model, X=X[:, :2], y=Y) is None
    assert rows(model, count=0, X=X) is None
    assert rows(model, count=3, X=X[:2]) is not None
    assert rows(object(), X=X) is None


def test_the_persons_warnings_and_random_numbers_stay_what_they_are() -> None:
    model = RandomForestClassifier(3).fit(FRAME, Y)
    filters, state = list(warnings.filters), np.random.get_state()[1].tolist()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows(model, X=X)  # without the names of its columns, of which scikit-learn warns
    assert (list(warnings.filters), np.random.get_state()[1].tolist()) == (filters, state)


def test_values_are_plain_or_named_by_their_class() -> None:
    frame = pd.DataFrame(
        {"when": pd.to_datetime(["2024-01-02", None]), "x": [1.5, np.nan], "o": ["a", object()]}
    )
    model = StandardScaler().fit(X)
    found = rows(model, frame=frame)
    assert found is not None
    assert found["rows"][0] == ["2024-01-02T00:00:00", 1.5, "a"]
    assert found["rows"][1][::2] == [None, "object"]
    assert "predictions" not in found
