"""XGBoost: ``xgboost.train`` and ``cv``, and what its estimators in scikit-learn's manner tell beyond others."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from nbtrack.capture.constants import ABSENT
from nbtrack.capture.fits import Fit, Unseen
from nbtrack.capture.frameworks.patches import Closing, Opening, Patches, argument
from nbtrack.capture.params import jsonable
from nbtrack.capture.training import Training


def observe(module: ModuleType, training: Training, patches: Patches) -> None:
    """Watch the module ``xgboost``."""

    def train(args: tuple[Any, ...], named: dict[str, Any]) -> Closing | None:
        curves: Any = named.get("evals_result")
        if curves is None and named.get("evals") and training.own() is not None:
            curves = named["evals_result"] = {}  # XGBoost fills it and does nothing else with it

        def read(booster: Any, fit: Fit) -> None:
            _native(args, named, fit)
            fit.add_curves(curves or {})
            _best(booster, fit)

        return training.fitting(None, None, read=read)

    def cross_validate(args: tuple[Any, ...], named: dict[str, Any]) -> Closing | None:
        def read(table: Any, fit: Fit) -> None:
            _native(args, named, fit)
            fit.title = "xgboost.cv"
            fit.add_curves({"cv": {name: list(table[name]) for name in table}})

        return training.fitting(None, None, read=read)

    def predict(args: tuple[Any, ...], named: dict[str, Any]) -> Closing | None:
        return training.making(args[0], argument(args, named, 1, "data"))

    openings: dict[str, Opening] = {"train": train, "cv": cross_validate}
    for name, opening in openings.items():
        training.watch_function(patches, module, name, opening)
    patches.around(module.Booster, "predict", predict)
    patches.around(module.Booster, "inplace_predict", predict)
    if isinstance(vars(module).get("XGBModel"), type):  # without scikit-learn there is none
        training.describe(module.XGBModel, _describe)


def _describe(model: Any, fit: Fit) -> None:
    fit.add_curves(vars(model).get("evals_result_") or {})
    booster = vars(model).get("_Booster")
    if booster is not None:
        _best(booster, fit)


def _native(args: tuple[Any, ...], named: dict[str, Any], fit: Fit) -> None:
    fit.title, fit.kind = "xgboost.train", "xgboost"
    params = argument(args, named, 0, "params")
    rounds = argument(args, named, 2, "num_boost_round", 10)
    given = {**dict(params or {}), "num_boost_round": rounds}
    plain = {str(name): jsonable(value, 100) for name, value in given.items()}
    fit.params = {name: value for name, value in plain.items() if value is not ABSENT}
    data = argument(args, named, 1, "dtrain")
    if not isinstance(data, Unseen):
        fit.shape = (int(data.num_row()), int(data.num_col()))


def _best(booster: Any, fit: Fit) -> None:
    """What early stopping found."""
    for name in ("best_iteration", "best_score"):
        text = booster.attr(name)
        if text is not None:
            fit.metrics[name] = float(text)
