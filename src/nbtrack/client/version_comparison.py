"""Versions of models compared on data of the person's own."""

from __future__ import annotations

import dataclasses
from typing import Any

from nbtrack.analysis.versions import compare_answers, compare_versions
from nbtrack.entities.models import ModelVersion
from nbtrack.entities.significance import VersionComparison
from nbtrack.errors import InvalidInput


class Compared:
    """A comparison that shows itself in a notebook; ``detail`` has its numbers."""

    def __init__(self, detail: VersionComparison) -> None:
        self.detail = detail

    def _repr_html_(self) -> str:
        from nbtrack.render.html import to_html
        from nbtrack.render.views import View

        return to_html(View(kind="versions", content=self.detail))

    def __repr__(self) -> str:
        """The same as text."""
        from nbtrack.render.text import to_text
        from nbtrack.render.views import View

        return to_text(View(kind="versions", content=self.detail))


def compared(versions: list[ModelVersion], loaded: list[Any], rows: Any, truth: Any) -> Compared:
    """Versions side by side, and what tests say of the last against the first on rows whose truth is known.

    Raises
    ------
    InvalidInput
        If there is no truth for each of the rows.
    ModelError
        If a model does not answer.
    """
    found = compare_versions(versions)
    if not loaded:
        return Compared(found)
    import numpy as np

    from nbtrack.flavors.answers import answers, method_of

    known = np.asarray(truth).ravel()
    both = [answers(model, method_of(model), rows) for model in (loaded[0], loaded[-1])]
    if any(len(answer) != len(known) for answer in both) or len(known) < 2:
        told = f"There are {len(known)} values of truth for {len(both[0])} rows"
        raise InvalidInput(f"{told}; give one for each of two or more.")
    if any(answer.size != len(known) for answer in both):
        raise InvalidInput("The models answer with several numbers a row, which no test here compares.")
    scores = [score for model in (loaded[0], loaded[-1]) if (score := _scores(model, rows)) is not None]
    tests = compare_answers(
        known.tolist(),
        both[0].ravel().tolist(),
        both[1].ravel().tolist(),
        (scores[0], scores[1]) if len(scores) == 2 else None,
    )
    return Compared(dataclasses.replace(found, tests=tests))


def _scores(model: Any, rows: Any) -> list[float] | None:
    """How likely a classifier of two classes holds the second one for."""
    from nbtrack.errors import ModelError
    from nbtrack.flavors.answers import answers

    if not callable(getattr(type(model), "predict_proba", None)):
        return None
    try:
        shares = answers(model, "predict_proba", rows)
    except ModelError:
        return None
    return [float(value) for value in shares[:, 1]] if shares.ndim == 2 and shares.shape[1] == 2 else None
