"""Optuna: each trial of a study, by ``optimize`` or by ``ask`` and ``tell``, and the best of them."""

from __future__ import annotations

from types import ModuleType
from typing import Any, Final

from nbtrack.capture.estimators import class_name
from nbtrack.capture.fits import Fit
from nbtrack.capture.frameworks.patches import Closing, Patches
from nbtrack.capture.training import Training
from nbtrack.capture.values import param_value

MOST_TRIALS: Final = 10_000
"""Trials of one cell that are kept, those that came first."""


def observe(module: ModuleType, training: Training, patches: Patches) -> None:
    """Watch the module ``optuna.study.study``."""

    def tries(args: tuple[Any, ...], named: dict[str, Any]) -> Closing | None:
        study = args[0]
        cell = training.own()
        if cell is None:
            return None
        known = cell.of.get(study)
        earlier: Any = len(_finished(study)) if known is None else known.details["earlier_trials"]

        def read(result: Any, fit: Fit) -> None:
            fit.details["earlier_trials"] = earlier
            _read(study, _finished(study)[earlier:], fit)

        return training.fitting(study, None, more=True, read=read)

    patches.around(module.Study, "optimize", tries)
    patches.around(module.Study, "tell", tries)


def _finished(study: Any) -> list[Any]:
    return [trial for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()]


def _read(study: Any, trials: list[Any], fit: Fit) -> None:
    fit.title, fit.kind, fit.leads = "optuna.Study", "OptunaStudy", True
    directions = [direction.name.lower() for direction in study.directions]
    fit.params = {"direction": directions[0] if len(directions) == 1 else directions}
    fit.params["sampler"] = class_name(study.sampler)
    fit.details["trials"] = len(trials)
    fit.candidates = [_row(trial) for trial in trials[:MOST_TRIALS]]
    done = [trial for trial in trials if trial.values is not None and trial.state.name == "COMPLETE"]
    if len(directions) == 1 and done:
        fit.series["value"] = [float(trial.values[0]) for trial in done]
        choose = max if directions[0] == "maximize" else min
        best = choose(done, key=lambda trial: trial.values[0])
        fit.metrics["best_value"] = float(best.values[0])
        fit.params.update((name, param_value(value)) for name, value in best.params.items())


def _row(trial: Any) -> dict[str, Any]:
    row: dict[str, Any] = {"trial": trial.number, "state": trial.state.name.lower()}
    row.update((name, param_value(value)) for name, value in trial.params.items())
    values = trial.values or ()
    row.update(
        (f"value_{place}" if len(values) > 1 else "value", float(value)) for place, value in enumerate(values)
    )
    if trial.duration is not None:
        row["seconds"] = trial.duration.total_seconds()
    return row
