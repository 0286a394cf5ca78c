"""Keras 3: the history of ``fit``, what ``evaluate`` gives, and what ``predict`` makes."""

from __future__ import annotations

from types import ModuleType
from typing import Any, Final

from nbtrack.capture.constants import ABSENT
from nbtrack.capture.estimators import class_name, shape_of
from nbtrack.capture.fits import Fit
from nbtrack.capture.frameworks.classes import watch_classes
from nbtrack.capture.frameworks.patches import Closing, Opening, Patches, argument
from nbtrack.capture.params import jsonable, scalar
from nbtrack.capture.training import Training

MOST_LAYERS: Final = 500


def observe(module: ModuleType, training: Training, patches: Patches) -> None:
    """Watch the module ``keras.src.models.model``."""

    def fits(args: tuple[Any, ...], named: dict[str, Any]) -> Closing | None:
        model = args[0]

        def read(history: Any, fit: Fit) -> None:
            _describe(model, args, named, fit)
            history = history if history is not None else vars(model).get("history")  # it was interrupted
            for name, values in getattr(history, "history", {}).items():
                points = [float(value) for value in values if scalar(value) is not ABSENT]
                if points:
                    fit.series[name] = points

        return training.fitting(model, None, cut_short=True, read=read)

    def evaluates(args: tuple[Any, ...], named: dict[str, Any]) -> Closing | None:
        model, cell = args[0], training.own()
        if cell is None:
            return None
        thread = training.enter()

        def closing(result: Any, problem: BaseException | None) -> None:
            training.leave(thread)
            if problem is None:
                for name, value in model.get_metrics_result().items():
                    training.measured(cell, f"eval_{name}", float(value), args[1:3], model)

        return closing

    def makes(args: tuple[Any, ...], named: dict[str, Any]) -> Closing | None:
        return training.making(args[0], argument(args, named, 1, "x"))

    openings: dict[str, Opening] = {"fit": fits, "evaluate": evaluates, "predict": makes}
    watch_classes(module.Model, openings, patches)


def _describe(model: Any, args: tuple[Any, ...], named: dict[str, Any], fit: Fit) -> None:
    fit.shape = shape_of(argument(args, named, 1, "x"))
    optimizer = model.optimizer
    fit.params["optimizer"] = class_name(optimizer)
    given = {"loss": model.loss, **optimizer.get_config()}
    for name in ("loss", "learning_rate", "weight_decay", "momentum"):
        value = jsonable(given.get(name), 100)
        if value is not ABSENT and value is not None and value != 0.0:
            fit.params[name] = value
    for place, name in ((3, "batch_size"), (4, "epochs")):
        value = jsonable(argument(args, named, place, name))
        if value is not ABSENT and value is not None:
            fit.params[name] = value
    fit.params["weights"] = int(model.count_params())
    fit.details["layers"] = [
        [layer.name, class_name(layer), int(layer.count_params())] for layer in model.layers[:MOST_LAYERS]
    ]
