"""LightGBM: ``lightgbm.train`` and ``cv``, and what its estimators in scikit-learn's manner tell beyond others."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from nbtrack.capture.constants import ABSENT
from nbtrack.capture.fits import Fit, Unseen
from nbtrack.capture.frameworks.patches import Closing, Opening, Patches, argument
from nbtrack.capture.params import jsonable
from nbtrack.capture.training import Training


def observe(module: ModuleType, training: Training, patches: Patches) -> None:
    """Watch the module ``lightgbm``."""

    def train(args: tuple[Any, ...], named: dict[str, Any]) -> Closing | None:
        curves: dict[str, dict[str, list[float]]] = {}
        if argument(args, named, 3, "valid_sets") and len(args) <= 8 and training.own() is not None:
            named["callbacks"] = [*(named.get("callbacks") or ()), module.record_evaluation(curves)]

        def read(booster: Any, fit: Fit) -> None:
            _native(args, named, fit)
            fit.add_curves(curves)
            _best(booster.best_iteration, booster.best_score, fit)

        return training.fitting(None, None, read=read)

    def cross_validate(args: tuple[Any, ...], named: dict[str, Any]) -> Closing | None:
        def read(result: Any, fit: Fit) -> None:
            _native(args, named, fit)
            fit.title = "lightgbm.cv"
            fit.add_curves({"cv": {name: values for name, values in result.items() if type(values) is list}})

        return training.fitting(None, None, read=read)

    def predict(args: tuple[Any, ...], named: dict[str, Any]) -> Closing | None:
        return training.making(args[0], argument(args, named, 1, "data"))

    openings: dict[str, Opening] = {"train": train, "cv": cross_validate}
    for name, opening in openings.items():
        training.watch_function(patches, module, name, opening)
    patches.around(module.Booster, "predict", predict)
    if isinstance(vars(module).get("LGBMModel"), type):  # without scikit-learn there is none
        training.describe(module.LGBMModel, _describe)


def _describe(model: Any, fit: Fit) -> None:
    attributes = vars(model)
    fit.add_curves(attributes.get("_evals_result") or {})
    _best(attributes.get("_best_iteration"), attributes.get("_best_score"), fit)


def _native(args: tuple[Any, ...], named: dict[str, Any], fit: Fit) -> None:
    fit.title, fit.kind = "lightgbm.train", "lightgbm"
    given = {
        **(argument(args, named, 0, "params") or {}),
        "num_boost_round": argument(args, named, 2, "num_boost_round", 100),
    }
    plain = {str(name): jsonable(value, 100) for name, value in given.items()}
    fit.params = {name: value for name, value in plain.items() if value is not ABSENT}
    data = argument(args, named, 1, "train_set")
    if not isinstance(data, Unseen):
        fit.shape = (int(data.num_data()), int(data.num_feature()))


def _best(iteration: Any, scores: Any, fit: Fit) -> None:
    """What early stopping found; without it the iteration is 0 or -1."""
    if type(iteration) is int and iteration > 0:
        fit.metrics["best_iteration"] = float(iteration)
        for data, metrics in (scores or {}).items():
            for metric, value in metrics.items():
                fit.metrics[f"best.{data}.{metric}"] = float(value)
