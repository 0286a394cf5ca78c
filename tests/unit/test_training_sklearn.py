"""What scikit-learn is seen training and measuring, and that it works and looks as before."""

from __future__ import annotations

import gc
import inspect
import pickle
import sys
import traceback
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn")

import numpy as np
import sklearn.base
import sklearn.metrics
from joblib.externals.loky import cloudpickle_wrapper
from sklearn import model_selection
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone, is_classifier
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.manifold import MDS
from sklearn.neighbors import KernelDensity, NearestNeighbors
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from nbtrack.capture.active_run import ActiveRun
from nbtrack.capture.early_calls import add_early_calls
from nbtrack.capture.estimators import class_name
from nbtrack.capture.frameworks.observers import LIBRARIES, Observers
from nbtrack.capture.trained import _named, named_after, run_name, says_metric
from nbtrack.capture.training import CellTraining, Training

X, Y = load_iris(return_X_y=True)
early_accuracy = sklearn.metrics.accuracy_score
early_scores = model_selection.cross_val_score


class Watched:
    """Scikit-learn, watched as for one cell after the other."""

    def __init__(self) -> None:
        self.names: dict[str, object] = {"X": X, "y": Y, "acc": early_accuracy, "cvs": early_scores}
        self.problems: list[BaseException] = []
        self.cell = CellTraining(lambda: None)
        self.training = Training(self.names, lambda: self.cell)
        self.observers = Observers(self.training, self.problems.append, LIBRARIES)

    def next_cell(self) -> CellTraining:
        self.cell = CellTraining(lambda: None)
        return self.cell

    def metrics(self) -> dict[str, list[float]]:
        return {name: measured.values for name, measured in _named(self.cell.measures.values())}


@pytest.fixture
def watched() -> Iterator[Watched]:
    found = Watched()
    found.observers.begin()
    yield found
    found.observers.end()
    assert found.problems == []


def test_a_fit_is_told_with_what_differs_from_the_defaults(watched: Watched) -> None:
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.5)).fit(X, Y)
    (fit,) = watched.cell.fits  # and not the fits of its steps
    assert (fit.title, fit.kind) == ("Pipeline(StandardScaler, LogisticRegression)", "LogisticRegression")
    assert fit.params == {"logisticregression__C": 0.5}
    assert fit.shape == (150, 4)
    assert fit.seconds > 0
    assert fit.model is not None
    assert fit.model() is model
    assert run_name(watched.cell) == "logistic-regression"


def test_what_only_prepares_data_trains_nothing(watched: Watched) -> None:
    class Own(TransformerMixin, BaseEstimator):
        def fit(self, data, target=None):
            return self

        def transform(self, data):
            return data

    StandardScaler().fit(X)
    Own().fit_transform(X)
    SelectKBest(k=2).fit(X, Y)
    make_pipeline(PCA(2), Own()).fit(X)
    make_union(StandardScaler(), PCA(2)).fit(X)
    assert len(watched.cell.fits) == 5
    assert not watched.cell.trains
    assert watched.cell.fitted()["StandardScaler"] == 1


def test_components_embeddings_and_densities_are_models(watched: Watched) -> None:
    class Embedding(BaseEstimator):
        def fit(self, data, target=None):
            self.embedding_ = data[:, :2]
            return self

        def transform(self, data):
            return data[:, :2]

    for model in (
        PCA(2), make_pipeline(StandardScaler(), PCA(2)), KernelDensity(), NearestNeighbors(),
        MDS(n_init=1, max_iter=5), Embedding()
    ):  # fmt: skip
        watched.next_cell()
        with warnings.catch_warnings(action="ignore"):
            model.fit(X)
        assert watched.cell.trains, model
        assert run_name(watched.cell) == named_after(class_name(model))


def test_beside_what_predicts_components_are_a_step(watched: Watched) -> None:
    DecisionTreeClassifier().fit(PCA(2).fit_transform(X), Y)
    assert run_name(watched.cell) == "decision-tree-classifier"
    assert [fit.title for fit in watched.cell.fits] == ["PCA", "DecisionTreeClassifier"]


def test_metrics_belong_to_the_model_that_made_the_predictions(watched: Watched) -> None:
    names = watched.names
    names["a"] = a = DecisionTreeClassifier(max_depth=1).fit(X, Y)
    names["b"] = b = DecisionTreeClassifier(max_depth=2).fit(X, Y)
    run = ActiveRun("1", "a", "e")
    watched.training.runs[a] = run
    watched.next_cell()
    names["pred"] = pred = a.predict(X)
    first = sklearn.metrics.accuracy_score(Y, pred)
    names["y_few"] = few = Y[:70]
    second = sklearn.metrics.accuracy_score(few, a.predict(X[:70]))
    third = sklearn.metrics.accuracy_score(Y, b.predict(X))
    share = sklearn.metrics.roc_auc_score(Y == 1, a.predict_proba(X)[:, 1])  # a part of what it made
    measured = list(watched.cell.measures.values())
    assert [item.run for item in measured] == [run, run, None, run]
    assert [item.values for item in measured] == [[first], [second], [third], [share]]
    assert [name for name, _ in _named(measured)] == [
        "accuracy_score",
        "accuracy_score.y_few",
        "accuracy_score",  # of another run
        "roc_auc_score",
    ]


def test_two_models_of_one_cell_have_metrics_of_their_own_names(watched: Watched) -> None:
    names = watched.names
    names["a"] = a = DecisionTreeClassifier(max_depth=1).fit(X, Y)
    names["b"] = b = DecisionTreeClassifier(max_depth=2).fit(X, Y)
    scores = [a.score(X, Y), b.score(X, Y)]
    assert watched.metrics() == {"score": scores[:1], "score.b": scores[1:]}
    assert [fit.scores["score"] for fit in watched.cell.fits] == scores


def test_fits_in_a_loop_are_candidates_with_a_point_each(watched: Watched) -> None:
    scores = []
    for depth in (1, 2, 3):
        watched.names["model"] = model = DecisionTreeClassifier(max_depth=depth).fit(X, Y)
        scores.append(model.score(X, Y))
    assert [fit.params for fit in watched.cell.fits] == [{"max_depth": 1}, {"max_depth": 2}, {"max_depth": 3}]
    assert watched.metrics() == {"score": scores}


def test_going_on_with_a_fit_is_one_fit(watched: Watched) -> None:
    model = SGDClassifier()
    for _ in range(5):
        model.partial_fit(X, Y, classes=[0, 1, 2])
    (fit,) = watched.cell.fits
    assert fit.calls == 5


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_search_tells_every_candidate(watched: Watched, jobs: int) -> None:
    grid = {"max_depth": [1, 2, 3]}
    search = model_selection.GridSearchCV(DecisionTreeClassifier(random_state=0), grid, n_jobs=jobs, cv=3)
    search.fit(X, Y)
    (fit,) = watched.cell.fits
    assert fit.title == "GridSearchCV(DecisionTreeClassifier)"
    assert fit.params["max_depth"] == search.best_params_["max_depth"]
    assert fit.metrics == {"best_score": search.best_score_}
    assert [row["max_depth"] for row in fit.candidates] == [1, 2, 3]
    assert [row["mean_test_score"] for row in fit.candidates] == list(search.cv_results_["mean_test_score"])
    assert "std_test_score" in fit.candidates[0]
    assert fit.inner is not None
    assert fit.inner() is search.best_estimator_


def test_halving_tells_its_rounds(watched: Watched) -> None:
    from sklearn.experimental import enable_halving_search_cv

    assert enable_halving_search_cv
    search = model_selection.HalvingGridSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2, 3]}, cv=3)
    search.fit(X, Y)
    (fit,) = watched.cell.fits
    assert {row["iter"] for row in fit.candidates} >= {0}
    assert "n_resources" in fit.candidates[0]


def test_cross_validation_tells_mean_spread_and_folds(watched: Watched) -> None:
    model = LogisticRegression(max_iter=500)
    scores = model_selection.cross_val_score(model, X, Y, cv=3, scoring="accuracy")
    (fit,) = watched.cell.fits
    assert fit.metrics == {"cv_accuracy": scores.mean(), "cv_accuracy_std": scores.std()}
    assert [row["accuracy"] for row in fit.candidates] == list(scores)
    watched.next_cell()
    result = model_selection.cross_validate(model, X, Y, cv=3, scoring=["accuracy", "f1_macro"])
    (fit,) = watched.cell.fits
    assert fit.metrics["cv_f1_macro"] == result["test_f1_macro"].mean()
    assert set(fit.candidates[0]) == {"fold", "accuracy", "f1_macro"}


def test_counts_and_curves_are_no_metrics(watched: Watched) -> None:
    sklearn.metrics.pair_confusion_matrix(Y, Y)
    sklearn.metrics.confusion_matrix(Y, Y)
    sklearn.metrics.roc_curve(Y == 1, Y)
    sklearn.metrics.make_scorer(sklearn.metrics.f1_score)
    assert watched.metrics() == {}


def test_names_bound_before_stay_what_they_were_and_are_read_from_the_cell(watched: Watched) -> None:
    names = watched.names
    assert names["acc"] is early_accuracy is not sklearn.metrics.accuracy_score
    names["model"] = model = DecisionTreeClassifier(max_depth=1).fit(X, Y)
    run = ActiveRun("1", "a", "e")
    watched.training.runs[model] = run
    cell = watched.next_cell()
    names["a"] = acc = early_accuracy(Y, model.predict(X))
    add_early_calls(watched.training, cell, "a = acc(y, model.predict(X))\nacc(y, y)", names, 1.0)
    assert [(item.values, item.run) for item in cell.measures.values()] == [([acc], run), ([1.0], None)]


def test_estimators_look_and_pickle_as_before(watched: Watched) -> None:
    kind = DecisionTreeClassifier
    assert list(inspect.signature(kind.fit).parameters)[:3] == ["self", "X", "y"]
    assert (kind.fit.__name__, kind.fit.__qualname__) == ("fit", "DecisionTreeClassifier.fit")
    assert inspect.isfunction(kind.fit)
    assert "nbtrack" not in inspect.getsource(kind.fit)
    assert kind.fit.__doc__
    assert pickle.loads(pickle.dumps(kind.fit)) is kind.fit
    assert pickle.loads(pickle.dumps(sklearn.metrics.accuracy_score)) is sklearn.metrics.accuracy_score
    assert pickle.loads(pickle.dumps(early_accuracy)) is early_accuracy
    model = kind(max_depth=2).fit(X, Y)
    assert b"nbtrack" not in pickle.dumps(model)
    assert is_classifier(model)
    assert clone(model).max_depth == 2


def test_the_persons_own_estimators_are_seen_and_leave_nothing_of_nbtrack_in_a_pickle(
    watched: Watched,
) -> None:
    source = """
class Most(ClassifierMixin, BaseEstimator):
    def __init__(self, value=0): self.value = value
    def fit(self, X, y): self.classes_ = [0, 1, 2]; return self
    def predict(self, X): return np.full(len(X), self.value)
"""
    place: dict[str, Any] = {
        "__name__": "__main__",
        "np": np,
        "BaseEstimator": BaseEstimator,
        "ClassifierMixin": ClassifierMixin,
    }
    exec(source, place)
    model = place["Most"](value=2).fit(X, Y)
    (fit,) = watched.cell.fits
    assert (fit.title, fit.params) == ("Most", {"value": 2})
    score = model.score(X, Y)
    assert watched.metrics() == {"score": [score]}
    content = cloudpickle_wrapper.dumps(model)  # as joblib sends it to its workers
    assert b"nbtrack.capture" not in content
    assert pickle.loads(content).fit(X, Y).score(X, Y) == score


def test_tracebacks_and_warnings_are_those_of_the_plain_call(watched: Watched) -> None:
    class Warns(BaseEstimator):
        def fit(self, data: Any) -> Warns:
            warnings.warn("look", stacklevel=2)
            raise ValueError("no")

    estimator = Warns()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with pytest.raises(ValueError, match="no") as raised:
            estimator.fit(X)
    assert told[0].filename == __file__
    frames = [frame.name for frame in traceback.extract_tb(raised.tb)]
    assert frames == ["test_tracebacks_and_warnings_are_those_of_the_plain_call", "fit"]
    assert watched.cell.fits == []
    DecisionTreeClassifier().fit(X, Y)  # what comes after a call that failed is seen again
    assert len(watched.cell.fits) == 1


def test_all_is_as_it_was_after_the_end() -> None:
    def state() -> dict[str, object]:
        kinds = [*sklearn.base.BaseEstimator.__subclasses__(), BaseEstimator, ClassifierMixin]
        found: dict[str, object] = {
            f"{kind}.{name}": value for kind in kinds for name, value in vars(kind).items()
        }
        for module in (sklearn.metrics, model_selection):
            found |= {f"{module.__name__}.{name}": value for name, value in vars(module).items()}
        return {name: value for name, value in found.items() if "__abc" not in name and "_abc_" not in name}

    gc.collect()  # classes that earlier tests made
    before = state()
    watched = Watched()
    watched.observers.begin()
    assert state() != before
    watched.observers.end()
    after = state()
    assert {name for name in before.keys() | after.keys() if before.get(name) is not after.get(name)} == set()


def test_nothing_is_held(watched: Watched) -> None:
    import weakref

    model = DecisionTreeClassifier().fit(X, Y)
    prediction = model.predict(X)
    sklearn.metrics.accuracy_score(Y, prediction)
    gone = [weakref.ref(model), weakref.ref(prediction)]
    del model, prediction
    gc.collect()
    assert [reference() for reference in gone] == [None, None]


def test_no_class_of_the_person_is_held(watched: Watched) -> None:
    import weakref

    class Own(BaseEstimator):
        def fit(self, data: Any) -> Any:
            return self

    Own().fit(X)
    assert len(watched.cell.fits) == 1
    gone = weakref.ref(Own)
    del Own
    watched.next_cell()
    gc.collect()
    assert gone() is None


def test_threads_of_a_fit_are_part_of_it(watched: Watched) -> None:
    from sklearn.ensemble import VotingClassifier

    voting = VotingClassifier([("a", DecisionTreeClassifier()), ("b", LogisticRegression())], n_jobs=2)
    import joblib

    with joblib.parallel_backend("threading"):
        voting.fit(X, Y)
    assert [fit.title for fit in watched.cell.fits] == [
        "VotingClassifier(DecisionTreeClassifier, LogisticRegression)"
    ]


@pytest.mark.parametrize("name", ["acc", "test_accuracy", "rmse", "val_loss", "r2", "f1_macro", "AUC"])
def test_names_that_say_that_they_measure(name: str) -> None:
    assert says_metric(name)


@pytest.mark.parametrize("name", ["alpha", "bandwidth", "mean_X", "account", "mapping", "terror", "x"])
def test_names_that_do_not(name: str) -> None:
    assert not says_metric(name)


def test_scikit_learn_is_not_imported_for_it() -> None:
    assert "nbtrack.capture.frameworks.sklearn" in sys.modules  # by its own import
    source = inspect.getsource(sys.modules["nbtrack.capture.frameworks.sklearn"])
    assert "import sklearn" not in source
    assert "from sklearn" not in source


def test_what_early_names_trained_is_told_by_source_and_result(watched: Watched) -> None:
    names = watched.names
    assert names["cvs"] is early_scores is not model_selection.cross_val_score
    names["model"] = model = LogisticRegression(C=0.5, max_iter=500)
    names["scores"] = early_scores(model, X, Y, cv=3)
    assert [fit.kind for fit in watched.cell.fits] == ["LogisticRegression"] * 3  # all that can be watched
    assert watched.training.trains_early("scores = cvs(model, X, y, cv=3)")
    assert not watched.training.trains_early("a = acc(y, y)")
    add_early_calls(watched.training, watched.cell, "scores = cvs(model, X, y, cv=3)", names, None)
    (fit,) = watched.cell.fits
    assert (fit.title, fit.kind, fit.params, fit.shape, fit.seconds) == (
        "cross_val_score(LogisticRegression)",
        "LogisticRegression",
        {"C": 0.5, "max_iter": 500},
        X.shape,
        None,
    )
    assert fit.metrics["cv_score"] == names["scores"].mean()
    assert watched.metrics() == {}
    for code, title in {
        "cvs(linear_model.LogisticRegression(C=2), X[:99], y[:99])": "cross_val_score(LogisticRegression)",
        "cvs(*everything)": None,
        "cvs(estimators['a'], X, y, **more)": "cross_val_score(Unseen)",
    }.items():
        cell = watched.next_cell()
        add_early_calls(watched.training, cell, code, names, names["scores"])
        assert [fit.title for fit in cell.fits] == ([title] if title else [])
    cell = watched.next_cell()
    add_early_calls(watched.training, cell, "gone = cvs(model, X, y)", names, None)
    assert cell.fits == []
