"""Compares what a store holds with what was acknowledged.

Every call that is certain is there once, in its order; those after it up to the one that was under way at the fault may be
there, in whole or in part, once; nothing else is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import islice

from campaigns.campaign import Tally
from campaigns.workload import Kept, calls, digest, kept
from nbtrack import Client, NbtrackError


def check_worker(
    client: Client,
    tally: Tally,
    where: str,
    *,
    seed: str,
    name: str,
    returned: int,
    begun: int | None = None,
    most: int | None = None,
) -> list[str]:
    """Check all that one worker recorded; the ids of its runs.

    Parameters
    ----------
    where
        Names the trial in the sentences of violations.
    seed, name, most
        Give the calls; the name is that of the experiment too.
    returned
        How many calls must be there.
    begun
        How many may be there; by default one more.
    """
    ends = (returned, returned + 1 if begun is None else begun)
    certain, possible = (kept(islice(calls(seed, name, most), end)) for end in ends)
    return check_runs(client, tally, where, name, certain, possible)


def check_runs(
    client: Client,
    tally: Tally,
    where: str,
    experiment: str,
    certain: dict[str, Kept],
    possible: dict[str, Kept],
) -> list[str]:
    """Check the runs of an experiment against what must and what may be in them; their ids."""
    rows = list(client.runs.search(experiment=experiment, limit=100_000))
    by_label = {row.name: row.id for row in rows}
    labels = {f"{name}-1": name for name in possible}
    for label in by_label.keys() - labels.keys():
        tally.violate("duplicated", f"{where}: the run {label} was never begun")
    for label, name in labels.items():
        if label in by_label:
            _check_run(
                client, tally, f"{where}, {label}", by_label[label], certain.get(name, Kept()), possible[name]
            )
        elif name in certain:
            tally.violate("lost", f"{where}: the run {label} is not there", _size(certain[name]))
    return list(by_label.values())


def _size(run: Kept) -> int:
    points = sum(map(len, run.series.values()))
    return 1 + points + len(run.params) + len(run.tags) + len(run.artifacts)


def _check_run(client: Client, tally: Tally, where: str, id: str, certain: Kept, possible: Kept) -> None:
    run = client.runs.get(id)
    for name in run.metrics.keys() | certain.series.keys():
        found: list[tuple[int, float]] = []
        if name in run.metrics:
            series = run.metric(name)
            found = list(zip(series.steps.tolist(), series.values.tolist(), strict=True))
        check_series(
            tally, f"{where}, {name}", found, certain.series.get(name, []), possible.series.get(name, [])
        )
    check_values(tally, f"{where}, params", run.params, certain.params, possible.params)
    check_values(tally, f"{where}, tags", run.tags, certain.tags, possible.tags)
    contents: dict[str, str] = {}
    for artifact in run.artifacts:
        try:
            contents[artifact.name] = digest(run.artifact(artifact.name))
        except NbtrackError as problem:
            # One that nothing is certain of yet may be lost with its power, but it must be said.
            if artifact.name in certain.artifacts or "was lost before it was stored" not in str(problem):
                tally.violate("lost", f"{where}: the artifact {artifact.name} has no content: {problem}")
    check_values(tally, f"{where}, artifacts", contents, certain.artifacts, possible.artifacts)
    states = {"finished"} if certain.ended else {"running", "crashed"}
    if possible.ended:
        states.add("finished")
    if str(run.status) not in states:
        tally.violate("wrong", f"{where}: is {run.status} instead of {' or '.join(sorted(states))}")


def check_series(
    tally: Tally,
    where: str,
    found: list[tuple[int, float]],
    certain: list[tuple[int, float]],
    possible: list[tuple[int, float]],
) -> None:
    """Check the points of a series: all that are certain, then some that are possible, in their order."""
    if found == possible[: len(found)] and len(found) >= len(certain):
        return
    before = len(tally.violations)
    values = Counter(value for _, value in found)
    if lost := [value for _, value in certain if value not in values]:
        tally.violate(
            "lost", f"{where}: {len(lost)} of {len(certain)} points, the first {lost[0]}", len(lost)
        )
    if twice := [value for value, times in values.items() if times > 1]:
        tally.violate("duplicated", f"{where}: {len(twice)} points, the first {twice[0]}", len(twice))
    if strange := values.keys() - {value for _, value in possible}:
        tally.violate("wrong", f"{where}: {len(strange)} points that nobody logged", len(strange))
    if len(tally.violations) == before:
        tally.violate("wrong", f"{where}: the points are in another order, have gaps or other steps")


def check_values(
    tally: Tally,
    where: str,
    found: Mapping[str, object],
    certain: Mapping[str, list[object]],
    possible: Mapping[str, list[object]],
) -> None:
    """Check values by their names: the last that is certain, or one that was possibly given after it."""
    for name in found.keys() - possible.keys():
        tally.violate("wrong", f"{where}: {name} was never given")
    for name, values in possible.items():
        sure = certain.get(name, [])
        if name not in found:
            if sure:
                tally.violate("lost", f"{where}: {name} is missing, not {sure[-1]!r:.60}")
        elif found[name] not in values[max(len(sure) - 1, 0) :]:
            kind = "lost" if found[name] in sure else "wrong"
            tally.violate(kind, f"{where}: {name} is {found[name]!r:.60}, not {values[-1]!r:.60}")
