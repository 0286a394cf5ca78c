"""What was seen of one fit, and of one thing that was measured."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbtrack.capture.active_run import ActiveRun
    from nbtrack.entities.values import JSONValue


class Unseen:
    """Stands for what a call was given and only its source tells of; its class is called as what made it."""

    @classmethod
    def made_by(cls, name: str) -> Unseen:
        """What a call of `name` made."""
        made: Unseen = type(name, (cls,), {})()
        return made


@dataclass(slots=True)
class Fit:
    """One fit: what was fitted, on data of which shape, and for how long.

    Attributes
    ----------
    title : str
        The class and, in brackets, the classes of what it is made of.
    kind : str
        The class of what predicts in the end: that of a pipeline's last step, of what a search tries.
    params : dict
        What differs from the library's defaults.
    seconds : float or None
        None where the call was seen by its source only.
    predicts : bool
        Whether it can predict, or find groups.
    prepares : bool
        Whether it is only a step that prepares data, as a scaler.
    leads : bool
        Whether other fits of the cell are its candidates, as those of a study with ``ask`` and ``tell``.
    metrics : dict
        What the fit itself tells: a search's best score, a booster's last evaluation.
    scores : dict
        What was measured on the model afterwards, in the same cell.
    series : dict
        Curves, from their first step on where `steps` has no other ones.
    candidates : list of dict
        What a search has tried, or the folds of a cross-validation, a row for each.
    details : dict
        What else the list of fits shall tell.
    inner : weak reference or None
        The model inside that people take out of it, such as a search's best one.
    """

    title: str
    kind: str
    params: dict[str, JSONValue]
    shape: tuple[int, ...] | None
    seconds: float | None
    predicts: bool = True
    prepares: bool = False
    leads: bool = False
    calls: int = 1
    metrics: dict[str, float] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    series: dict[str, list[float]] = field(default_factory=dict)
    steps: dict[str, list[int]] = field(default_factory=dict)
    candidates: list[dict[str, JSONValue]] = field(default_factory=list)
    details: dict[str, JSONValue] = field(default_factory=dict)
    model: weakref.ref[Any] | None = None
    inner: weakref.ref[Any] | None = None

    def add_curves(self, curves: Mapping[str, Mapping[str, Iterable[Any]]]) -> None:
        """Add evaluations during a training, by data and then by metric: ``{"valid": {"rmse": [0.4, 0.3]}}``."""
        for data, metrics in curves.items():
            for metric, values in metrics.items():
                points = [float(value[0] if type(value) is tuple else value) for value in values]
                if points:
                    self.series[f"{data}.{metric}"] = points


@dataclass(slots=True)
class Measured:
    """What one function gave for one model and one set of data.

    Attributes
    ----------
    label : str
        The model's name, or its class where no variable names it.
    data : str
        The name of the first argument.
    run : ActiveRun or None
        The earlier run that made the model.
    unknown : bool
        Whether nobody was seen making the model.
    """

    name: str
    label: str = ""
    data: str = ""
    values: list[float] = field(default_factory=list)
    run: ActiveRun | None = None
    unknown: bool = False
