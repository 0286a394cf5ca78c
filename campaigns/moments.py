"""Whether an answer that was given while others wrote is what the store held at a moment.

The calls of a run are taken in in their order, so that each answer must show all that some number of them have left, and of
the next one a part at most.
"""

from __future__ import annotations

import nbtrack
from campaigns.campaign import Tally
from campaigns.checker import check_series, check_values
from campaigns.workload import Artifact, Begin, Call, Kept, Log, Params, Tag, kept


def runs_of(made: list[Call]) -> dict[str, list[Call]]:
    """The calls of each run, from its beginning on, by its label."""
    runs: dict[str, list[Call]] = {}
    for call in made:
        if isinstance(call, Begin):
            runs[f"{call.name}-1"] = current = []
        current.append(call)
    return runs


def look(
    client: nbtrack.Client,
    id: str,
    name: str,
    runs: dict[str, list[Call]],
    progress: dict[str, int],
    tally: Tally,
    who: str,
) -> None:
    """Read one run and its content."""
    detail = client.runs.get(id)
    label = detail.name
    made = runs.get(label)
    if made is None:
        tally.violate("duplicated", f"{who}: the run {name}/{label} was never begun")
        return
    told = Kept(
        params={key: [value] for key, value in detail.params.items()},
        tags={key: [value] for key, value in detail.tags.items()},
        artifacts={artifact.name: [""] for artifact in detail.artifacts},
        series={key: [(0, value)] for key, value in detail.metrics.items()},
        ended=str(detail.status) == "finished",
    )
    where = f"{who}, {name}/{label}"
    if str(detail.status) not in ("running", "finished"):
        tally.violate("wrong", f"{where}: is {detail.status}, though its process lives")
    moment = check_moment(told, made, tally, where)
    if moment < progress.get(id, 0):
        tally.violate(
            "wrong", f"{where}: is as it was after {moment} calls, and was read after {progress[id]}"
        )
    progress[id] = moment
    before, all_of_it = _kept(made[:moment]), _kept(made)
    for metric in detail.metrics:
        series = detail.metric(metric)
        points = list(zip(series.steps.tolist(), series.values.tolist(), strict=True))
        check_series(
            tally, f"{where}, {metric}", points, before.series.get(metric, []), all_of_it.series[metric]
        )
    given = {call.name: call.content for call in made if isinstance(call, Artifact)}
    for artifact in detail.artifacts[-1:]:
        if detail.artifact(artifact.name) != given[artifact.name]:
            tally.violate("wrong", f"{where}: {artifact.name} has other bytes than it was given")


def check_moment(told: Kept, made: list[Call], tally: Tally, where: str) -> int:
    """Check that a run is told as it was after some of its calls, the last of which may be there in part; after how many.

    In `told` stands the last value of each name, of a series as its only point.
    """
    moment = len(made)
    while moment > 1 and not told.ended and not _shows(told, made[moment - 1]):
        moment -= 1
    after = _kept(made[:moment])
    before = after if told.ended else _kept(made[: moment - 1])
    for kind in ("params", "tags", "artifacts", "series"):
        found = {name: values[-1] for name, values in getattr(told, kind).items()}
        check_values(tally, f"{where}, {kind}", found, *(_values(each, kind) for each in (before, after)))
    return moment


def _kept(made: list[Call]) -> Kept:
    return next(iter(kept(made).values()), Kept())


def _values(run: Kept, kind: str) -> dict[str, list[object]]:
    if kind == "series":
        return {name: [(0, value) for _, value in points] for name, points in run.series.items()}
    if kind == "artifacts":
        return {name: [""] for name in run.artifacts}
    values: dict[str, list[object]] = getattr(run, kind)
    return values


def _shows(told: Kept, call: Call) -> bool:
    """Whether a call has left something that no later one has written over."""
    match call:
        case Log(values):
            return any(told.series.get(name) == [(0, value)] for name, value in values.items())
        case Params(values):
            return any(told.params.get(name) == [value] for name, value in values.items())
        case Tag(name, value):
            return told.tags.get(name) == [value]
        case Artifact(name):
            return name in told.artifacts
    return False
