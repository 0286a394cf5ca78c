"""scikit-learn: what estimators are fitted on, what they predict, and what is measured.

Every class below ``BaseEstimator`` is watched, so libraries that follow scikit-learn, and the person's own estimators, are
seen as well. Functions are watched where people import them from, ``sklearn.metrics`` and ``sklearn.model_selection``.
"""

from __future__ import annotations

import weakref
from functools import partial
from types import FunctionType, ModuleType
from typing import Any, Final

from nbtrack.capture.constants import ABSENT
from nbtrack.capture.estimators import can_predict, estimator_params, only_prepares
from nbtrack.capture.fits import Fit
from nbtrack.capture.frameworks.classes import watch_classes
from nbtrack.capture.frameworks.patches import Closing, Opening, Patches, argument
from nbtrack.capture.params import jsonable, loaded
from nbtrack.capture.training import Training

MOST_CANDIDATES: Final = 10_000
"""Candidates of a search that are kept, those that it tried first."""

_FITS: Final = ("fit", "fit_predict", "fit_transform")
_MAKES: Final = ("predict", "predict_proba", "predict_log_proba", "decision_function", "score_samples")


def observe(module: ModuleType, training: Training, patches: Patches) -> None:
    """Watch ``sklearn.base``, ``sklearn.metrics`` or ``sklearn.model_selection``."""
    if module.__name__ == "sklearn.base":
        _estimators(module, training, patches)
    elif module.__name__ == "sklearn.metrics":
        _metrics(module, training, patches)
    else:
        for name in ("cross_val_score", "cross_validate"):
            opening: Opening = partial(_cross_validating, training, name)
            training.watch_function(patches, module, name, opening)
        training.describe(vars(module)["GridSearchCV"].__mro__[1], _describe_search)


def _estimators(module: ModuleType, training: Training, patches: Patches) -> None:
    def fits(args: tuple[Any, ...], named: dict[str, Any]) -> Closing | None:
        return training.fitting(args[0], argument(args, named, 1, "X"), argument(args, named, 2, "y"))

    def fits_more(args: tuple[Any, ...], named: dict[str, Any]) -> Closing | None:
        data, target = argument(args, named, 1, "X"), argument(args, named, 2, "y")
        return training.fitting(args[0], data, target, more=True)

    def makes(args: tuple[Any, ...], named: dict[str, Any]) -> Closing | None:
        return training.making(args[0], argument(args, named, 1, "X"))

    def scores(args: tuple[Any, ...], named: dict[str, Any]) -> Closing | None:
        return training.measuring("score", [*args[1:], *named.values()], args[0])

    openings: dict[str, Opening] = dict.fromkeys(_FITS, fits) | dict.fromkeys(_MAKES, makes)
    openings |= {"partial_fit": fits_more, "score": scores}
    base: type = module.BaseEstimator
    training.describe(base, _describe)
    watch_classes(base, openings, patches)


def _describe(model: Any, fit: Fit) -> None:
    fit.predicts = can_predict(model, loaded("sklearn.utils._available_if", "_AvailableIfDescriptor"))
    fit.prepares = not fit.predicts and only_prepares(model)


def _metrics(module: ModuleType, training: Training, patches: Patches) -> None:
    for name in module.__all__:
        function = vars(module).get(name)
        if type(function) is FunctionType and not name.startswith(("make_", "get_", "check_")):
            training.found_early(function, name)
            patches.around(module, name, partial(_measuring, training, name))


def _measuring(training: Training, name: str, args: tuple[Any, ...], named: dict[str, Any]) -> Closing | None:
    return training.measuring(name, [*args, *named.values()])


def _cross_validating(
    training: Training, name: str, args: tuple[Any, ...], named: dict[str, Any]
) -> Closing | None:
    scoring = named.get("scoring")
    default = scoring if type(scoring) is str else "score"

    def read(result: Any, fit: Fit) -> None:
        fit.title = f"{name}({fit.title})"
        scores = result if type(result) is dict else {"test_score": result}
        for key, values in scores.items():
            if key.startswith("test_"):
                what = key.removeprefix("test_")
                _folds(default if what == "score" else what, values, fit)

    model, data = argument(args, named, 0, "estimator"), argument(args, named, 1, "X")
    return training.fitting(model, data, argument(args, named, 2, "y"), read=read)


def _folds(what: str, values: Any, fit: Fit) -> None:
    fit.metrics[f"cv_{what}"] = float(values.mean())
    fit.metrics[f"cv_{what}_std"] = float(values.std())
    for place, value in enumerate(values):
        if place == len(fit.candidates):
            fit.candidates.append({"fold": place})
        fit.candidates[place][what] = float(value)


def _describe_search(model: Any, fit: Fit) -> None:
    """What a grid, random or halving search has tried, and what was best."""
    attributes = vars(model)
    results = attributes.get("cv_results_")
    if type(results) is not dict:
        return
    best = attributes.get("best_index_")
    tried = results["params"]
    columns = [
        key
        for key in results
        if key.startswith(("mean_test_", "std_test_", "rank_test_", "mean_train_", "mean_fit_"))
        or key in ("iter", "n_resources")
    ]
    for place, params in enumerate(tried[:MOST_CANDIDATES]):
        row = {name: _plain(value) for name, value in params.items()}
        row.update((key, _plain(results[key][place])) for key in columns)
        fit.candidates.append(row)
    if best is not None:
        for name, value in tried[int(best)].items():
            fit.params[name] = _plain(value)
        if (score := _plain(attributes.get("best_score_"))) is not None:
            fit.metrics["best_score"] = score
        for key in columns:
            if key.startswith("mean_test_") and key != "mean_test_score":
                fit.metrics[f"best_{key.removeprefix('mean_test_')}"] = float(results[key][int(best)])
    if (inner := attributes.get("best_estimator_")) is not None:
        fit.inner = weakref.ref(inner)


def _plain(value: Any) -> Any:
    plain = jsonable(value, 100)
    if plain is not ABSENT:
        return plain
    params = estimator_params(value)
    name = type(value).__name__
    return f"{name}({', '.join(f'{key}={item}' for key, item in params.items())})" if params else name
