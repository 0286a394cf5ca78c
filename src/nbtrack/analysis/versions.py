"""What differs between versions of registered models, and what tests say of two models on the same rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from nbtrack.analysis.directions import better_when
from nbtrack.analysis.significance import delong, mcnemar, paired_bootstrap
from nbtrack.entities.models import ModelVersion
from nbtrack.entities.runs import Difference
from nbtrack.entities.significance import Significance, VersionComparison
from nbtrack.entities.values import JSONValue


def compare_versions(versions: Sequence[ModelVersion]) -> VersionComparison:
    """Versions side by side; what is the same in all of them is left out, but for metrics."""
    records = [version.record for version in versions]
    files: list[Mapping[str, JSONValue]] = [
        {
            "format": version.format,
            "type": (version.type_name or "").rpartition(".")[2],
            "runs code": version.record.runs_code,
            "verified": version.record.verified or None,
            "bytes": version.size,
            "load, ms": _milliseconds(version.record.load_seconds or None),
            **{
                f"answer for {rows} row(s), ms": _milliseconds(taken[0] if taken else None)
                for rows, taken in version.record.latency.items()
            },
        }
        for version in versions
    ]
    needed = [dict(line.split("==", 1) for line in record.requirements if "==" in line) for record in records]
    return VersionComparison(
        versions=list(versions),
        metrics=_differences([version.metrics for version in versions], same=True, best=True),
        file=_differences(files),
        inputs=_differences([record.inputs for record in records]),
        requirements=_differences(
            [{**each, "python": record.python} for each, record in zip(needed, records, strict=True)]
        ),
    )


def compare_answers(
    truth: Sequence[object],
    first: Sequence[object],
    second: Sequence[object],
    scores: tuple[Sequence[float], Sequence[float]] | None = None,
) -> list[Significance]:
    """What tests say of two models on the same rows.

    Parameters
    ----------
    truth
        What is right for each row: classes, or (where all are floats) numbers to come near to.
    first, second
        What each model answers.
    scores
        Of a classifier of two classes, how likely each model holds the second class (in sorted order) for.

    Returns
    -------
    list
        For classes, McNemar's test and the bootstrap of the accuracies, with `scores` DeLong's test too. For numbers, the
        bootstrap of the absolute errors.
    """
    if all(isinstance(value, float) for value in truth):
        errors = [
            [
                abs(float(str(answer)) - float(str(right)))
                for answer, right in zip(answers, truth, strict=True)
            ]
            for answers in (first, second)
        ]
        return [dataclasses.replace(paired_bootstrap(*errors), measure="mean absolute error")]
    right = [
        [answer == known for answer, known in zip(answers, truth, strict=True)] for answers in (first, second)
    ]
    found = [mcnemar(*right), paired_bootstrap(*([float(value) for value in one] for one in right))]
    found = [dataclasses.replace(test, measure="accuracy") for test in found]
    classes = sorted({str(value) for value in truth})
    if scores is not None and len(classes) == 2:
        positives = [str(value) == classes[1] for value in truth]
        if min(sum(positives), len(positives) - sum(positives)) >= 2:
            found.append(dataclasses.replace(delong(positives, *scores), measure="area under the ROC curve"))
    return found


def _differences(
    values: Sequence[Mapping[str, JSONValue]] | Sequence[Mapping[str, str]] | Sequence[Mapping[str, float]],
    *,
    same: bool = False,
    best: bool = False,
) -> list[Difference]:
    found = []
    for name in dict.fromkeys(name for each in values for name in each):
        row: list[JSONValue] = [each.get(name) for each in values]
        present = [name in each for each in values]
        if same or any(value != row[0] for value in row) or not all(present):
            found.append(
                Difference(name=name, values=row, present=present, best=_best(name, row) if best else None)
            )
    return found


def _best(name: str, row: Sequence[JSONValue]) -> int | None:
    direction = better_when(name)
    known = [(value, place) for place, value in enumerate(row) if isinstance(value, float) and value == value]
    if direction is None or len(known) < 2 or len({value for value, _ in known}) == 1:
        return None
    return (max if direction == "higher" else min)(known)[1]


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else float(f"{seconds * 1000:.3g}")
