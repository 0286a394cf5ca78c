"""Lightning: what modules log, by epoch, while a ``Trainer`` fits, and what ``validate`` and ``test`` give."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from nbtrack.capture.constants import ABSENT
from nbtrack.capture.estimators import class_name
from nbtrack.capture.fits import Fit
from nbtrack.capture.frameworks.classes import watch_classes
from nbtrack.capture.frameworks.patches import Closing, Opening, Patches, argument
from nbtrack.capture.frameworks.torch import module_layers
from nbtrack.capture.params import jsonable
from nbtrack.capture.training import Training


def observe(module: ModuleType, training: Training, patches: Patches) -> None:
    """Watch the module with ``Trainer``, of ``lightning`` or ``pytorch_lightning``."""

    def fits(args: tuple[Any, ...], named: dict[str, Any]) -> Closing | None:
        if training.own() is None:
            return None
        trainer, model = args[0], argument(args, named, 1, "model")
        epochs = _epochs(module)
        trainer.callbacks.append(epochs)

        def read(result: Any, fit: Fit) -> None:
            _read(trainer, model, epochs.seen, fit)

        told = training.fitting(model, None, cut_short=True, read=read)

        def closing(result: Any, problem: BaseException | None) -> None:
            if epochs in trainer.callbacks:
                trainer.callbacks.remove(epochs)
            if told is not None:
                told(result, problem)

        return closing

    def tests(args: tuple[Any, ...], named: dict[str, Any]) -> Closing | None:
        trainer, cell = args[0], training.own()
        if cell is None:
            return None
        model = argument(args, named, 1, "model") or trainer.lightning_module
        thread = training.enter()

        def closing(result: Any, problem: BaseException | None) -> None:
            training.leave(thread)
            for metrics in result if problem is None and type(result) is list else ():
                for name, value in metrics.items():
                    training.measured(cell, name, float(value), (), model)

        return closing

    openings: dict[str, Opening] = {"fit": fits, "validate": tests, "test": tests}
    watch_classes(module.Trainer, openings, patches)


def _epochs(module: ModuleType) -> Any:
    """A callback that notes what is logged at the end of each epoch."""

    class Epochs(module.Callback):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            self.seen: dict[str, dict[int, float]] = {}

            self.epoch: int | None = None

        def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
            self.note(trainer)  # only now all of the epoch before is there
            self.epoch = int(trainer.current_epoch)

        def on_train_end(self, trainer: Any, pl_module: Any) -> None:
            self.note(trainer)

        def note(self, trainer: Any) -> None:
            if self.epoch is not None:
                for name, value in trainer.callback_metrics.items():
                    self.seen.setdefault(name, {})[self.epoch] = float(value)

    return Epochs()


def _read(trainer: Any, model: Any, seen: dict[str, dict[int, float]], fit: Fit) -> None:
    fit.title = f"Trainer({class_name(model)})"
    fit.params["max_epochs"] = trainer.max_epochs
    for name, value in dict(model.hparams).items():
        plain = jsonable(value, 100)
        if plain is not ABSENT:
            fit.params[str(name)] = plain
    for optimizer in trainer.optimizers[:1]:
        fit.params["optimizer"] = class_name(optimizer)
        fit.params["lr"] = jsonable(optimizer.defaults.get("lr"))
    fit.params["weights"] = sum(weight.numel() for weight in model.parameters())
    fit.details["layers"] = module_layers(model)
    for name, points in seen.items():
        fit.series[name] = list(points.values())
        fit.steps[name] = list(points)
