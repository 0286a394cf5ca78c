"""Hugging Face: what a ``Trainer`` of transformers logs while it trains, and what it evaluates."""

from __future__ import annotations

import dataclasses
from types import ModuleType
from typing import Any, Final

from nbtrack.capture.constants import ABSENT
from nbtrack.capture.estimators import class_name
from nbtrack.capture.fits import Fit
from nbtrack.capture.frameworks.classes import watch_classes
from nbtrack.capture.frameworks.patches import Closing, Opening, Patches
from nbtrack.capture.params import jsonable
from nbtrack.capture.training import Training

# Where files go and what is shown changes no result.
_NO_PARAMS: Final = (
    "output_dir",
    "logging_",
    "report_to",
    "run_name",
    "disable_tqdm",
    "hub_",
    "push_",
    "save_",
)


def observe(module: ModuleType, training: Training, patches: Patches) -> None:
    """Watch the module ``transformers.trainer``."""

    def trains(args: tuple[Any, ...], named: dict[str, Any]) -> Closing | None:
        trainer = args[0]

        def read(result: Any, fit: Fit) -> None:
            _read(trainer, fit)

        return training.fitting(trainer.model, None, cut_short=True, read=read)

    def evaluates(args: tuple[Any, ...], named: dict[str, Any]) -> Closing | None:
        trainer, cell = args[0], training.own()
        if cell is None:
            return None
        thread = training.enter()

        def closing(result: Any, problem: BaseException | None) -> None:
            training.leave(thread)
            for name, value in result.items() if problem is None else ():
                if type(value) is float and name != "epoch" and not _is_speed(name):
                    training.measured(cell, name, value, (), trainer.model)

        return closing

    openings: dict[str, Opening] = {"train": trains, "evaluate": evaluates}
    watch_classes(module.Trainer, openings, patches)


def _read(trainer: Any, fit: Fit) -> None:
    settings = trainer.args
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        plain = jsonable(value, 100)
        standard = None if field.default is dataclasses.MISSING else field.default
        always = field.name in ("learning_rate", "num_train_epochs")
        if plain is ABSENT or plain is None or field.name.startswith(_NO_PARAMS):
            continue
        if always or plain != jsonable(standard, 100):
            fit.params[field.name] = plain
    fit.params["weights"] = sum(weight.numel() for weight in trainer.model.parameters())
    fit.title = f"{class_name(trainer)}({class_name(trainer.model)})"
    for entry in trainer.state.log_history:
        for name, value in entry.items():
            if name not in ("epoch", "step", "total_flos") and type(value) is float and not _is_speed(name):
                fit.series.setdefault(name, []).append(value)
                fit.steps.setdefault(name, []).append(int(entry["step"]))


def _is_speed(name: str) -> bool:
    return name.endswith(("_runtime", "_per_second"))
