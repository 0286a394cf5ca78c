"""What a cell trained and measured, given to the runs that it belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from nbtrack.capture.active_run import ActiveRun
from nbtrack.capture.fits import Fit, Measured
from nbtrack.capture.recorder import Recorder
from nbtrack.capture.training import CellTraining, Training

if TYPE_CHECKING:
    from nbtrack.entities.values import JSONValue

FITS: Final = "fits.json"
"""The artifact that lists what a cell has fitted."""

CANDIDATES: Final = "candidates.json"
"""The artifact with what a search has tried."""

MOST_CURVES: Final = 50
"""Fits of one cell whose own metrics and curves are the run's; those of further ones are in the list of fits."""

# A name in a cell without a header counts as a metric only if it says so: many a float is none.
_SAYS_METRIC: Final = (
    r"(?:^|[^a-z])(?:acc|accuracy|score|scores|loss|auc|auroc|auprc|f1|precision|recall|rmse|rmsle|mse|mae|mape|r2|r_squared|"
    r"error|err|perplexity|ppl|bleu|rouge|iou|dice|mcc|kappa|logloss|ndcg|map|wer|cer|silhouette|ap|brier)(?:$|[^a-z])"
)


def says_metric(name: str) -> bool:
    """Whether a variable's name says that it measures something: ``test_acc``, ``rmse2``, not ``alpha``."""
    return re.search(_SAYS_METRIC, name.lower()) is not None


def is_metric(cell: CellTraining, name: str, value: float) -> bool:
    """Whether a float that a cell without a header left is a metric: it was measured, or its name says so."""
    return (
        says_metric(name.rpartition(".")[2])
        or any(value == measured.values[-1] for measured in cell.measures.values())
        or any(value in fit.metrics.values() for fit in cell.fits)
    )


def run_name(cell: CellTraining) -> str:
    """The name of the run of a cell without a header: its estimator's class as ``random-forest-classifier``.

    A cell that trains several kinds is called by the first one.
    """
    first = _leading(cell)[0]
    return named_after(first.kind)


def named_after(kind: str) -> str:
    """A class as the name of a run."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", kind)
    name = re.sub(r"[^a-z0-9-]+", "-", words.lower()).strip("-")
    return name if re.match("[a-z]", name) else "run"


def run_name_of_measures(cell: CellTraining) -> str | None:
    """The name of the run of a cell that only measures, after the first function whose value is of no earlier run's model.

    None where all of them are of such models.
    """
    name = next((measured.name for measured in cell.measures.values() if measured.run is None), None)
    return None if name is None else named_after(name)


def earlier_run(cell: CellTraining) -> ActiveRun | None:
    """The earlier run whose model the cell has measured; of several, the first."""
    return next((measured.run for measured in cell.measures.values() if measured.run is not None), None)


def give_training(
    recorder: Recorder,
    training: Training,
    cell: CellTraining,
    run: ActiveRun | None,
    left: Mapping[str, float],
    *,
    asked: bool,
) -> None:
    """Record what a cell has trained into its run, and what it measured into the run of each model.

    Parameters
    ----------
    run
        The cell's own run, if it has one.
    left
        The metrics that variables of the cell hold: one that is measured here too keeps the variable's name.
    asked
        Whether the person asked for the run: then everything that the cell measures is the run's.
    """
    if run is not None and cell.fits:
        for fit in cell.fits:
            for reference in (fit.model, fit.inner):
                model = reference() if reference is not None else None
                if model is not None:
                    training.runs[model] = run
        _give_fits(recorder, cell, run, left)
    for name, measured in _named(cell.measures.values()):
        target = run if measured.run is None or (asked and run is not None) else measured.run
        if target is None:
            continue
        names = [held for held, value in left.items() if value == measured.values[-1]]
        if len(measured.values) > 1:
            recorder.log_series(target, name, measured.values)
        elif not names:
            recorder.log(target, {name: measured.values[0]})
        elif target is not run:
            recorder.log(target, {names[0]: measured.values[0]})


def _give_fits(recorder: Recorder, cell: CellTraining, run: ActiveRun, left: Mapping[str, float]) -> None:
    trained = _leading(cell)
    if trained:
        recorder.params(run, _shared([{"estimator": fit.title, **fit.params} for fit in trained]))
    single = len(trained) == 1
    for place, fit in enumerate(trained):
        before = "" if single else f"{fit.kind}." if _distinct(trained) else f"{place}."
        if place >= MOST_CURVES:
            break
        held = left.values()
        recorder.log(
            run, {f"{before}{name}": value for name, value in fit.metrics.items() if value not in held}
        )
        for name, values in fit.series.items():
            recorder.log_series(run, f"{before}{name}", values, fit.steps.get(name))
    rows = [_row(fit) for fit in cell.fits]
    if cell.uncounted:
        rows.append({"more": cell.uncounted})
    recorder.document(run, rows, FITS)
    for fit in trained:
        if fit.candidates:
            name = CANDIDATES if single else f"{fit.kind}-{CANDIDATES}"
            recorder.document(run, fit.candidates, name)


def _leading(cell: CellTraining) -> list[Fit]:
    """The fits that the run is about: beside what predicts, components of the data are a step towards that."""
    return (
        [fit for fit in cell.fits if fit.leads]
        or [fit for fit in cell.fits if fit.predicts]
        or [fit for fit in cell.fits if not fit.prepares]
    )


def _row(fit: Fit) -> dict[str, JSONValue]:
    row: dict[str, JSONValue] = {"estimator": fit.title}
    if fit.seconds is not None:
        row["seconds"] = round(fit.seconds, 6)
    if fit.shape is not None:
        row["shape"] = list(fit.shape)
    if fit.calls > 1:
        row["calls"] = fit.calls
    return {**row, **fit.details, "params": fit.params, **fit.metrics, **fit.scores}


def _shared(params: list[dict[str, JSONValue]]) -> dict[str, JSONValue]:
    """What all fits have in common: what differs between candidates is in their table."""
    first, *others = params
    return {
        name: value
        for name, value in first.items()
        if all(name in other and other[name] == value for other in others)
    }


def _distinct(fits: list[Fit]) -> bool:
    return len({fit.kind for fit in fits}) == len(fits)


def _named(measures: Iterable[Measured]) -> list[tuple[str, Measured]]:
    """Each thing that was measured with its name: the first by the function, others with what tells them apart."""
    taken: dict[tuple[int, str], Measured] = {}
    found = []
    for measured in measures:
        run = id(measured.run)
        first = taken.get((run, measured.name))
        choices = [measured.name]
        if first is not None:
            apart = measured.label if measured.label != first.label else measured.data
            choices = [f"{measured.name}.{part}" for part in (apart, measured.data, measured.label) if part]
        name = next((choice for choice in choices if (run, choice) not in taken), None)
        if name is None:
            name = next(
                choice
                for number in range(2, len(taken) + 3)
                if (run, choice := f"{measured.name}.{number}") not in taken
            )
        taken[run, name] = measured
        found.append((name, measured))
    return found
