"""CatBoost: its models, their curves, and what they predict and score."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from nbtrack.capture.constants import ABSENT
from nbtrack.capture.fits import Fit
from nbtrack.capture.frameworks.classes import watch_classes
from nbtrack.capture.frameworks.patches import Closing, Opening, Patches, argument
from nbtrack.capture.params import jsonable
from nbtrack.capture.training import Training


def observe(module: ModuleType, training: Training, patches: Patches) -> None:
    """Watch the module ``catboost.core``."""

    def fits(args: tuple[Any, ...], named: dict[str, Any]) -> Closing | None:
        return training.fitting(args[0], argument(args, named, 1, "X"), argument(args, named, 2, "y"))

    def makes(args: tuple[Any, ...], named: dict[str, Any]) -> Closing | None:
        return training.making(args[0], argument(args, named, 1, "X"))

    def scores(args: tuple[Any, ...], named: dict[str, Any]) -> Closing | None:
        return training.measuring("score", [*args[1:], *named.values()], args[0])

    openings: dict[str, Opening] = {"fit": fits, "score": scores}
    openings |= dict.fromkeys(("predict", "predict_proba", "predict_log_proba"), makes)
    training.describe(module.CatBoost, _describe)
    watch_classes(module.CatBoost, openings, patches)


def _describe(model: Any, fit: Fit) -> None:
    given = {name: jsonable(value, 100) for name, value in vars(model).get("_init_params", {}).items()}
    fit.params = {name: value for name, value in given.items() if value is not ABSENT}
    curves = model.get_evals_result()
    fit.add_curves(curves or {})
    iteration = model.get_best_iteration()
    if iteration is not None:
        fit.metrics["best_iteration"] = float(iteration)
        for data, metrics in (model.get_best_score() or {}).items():
            for metric, value in metrics.items():
                fit.metrics[f"best.{data}.{metric}"] = float(value)
