"""The sentence about runs that a process left open when it died."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from nbtrack.entities.deaths import LeftRun
from nbtrack.render.characters import visible
from nbtrack.render.numbers import counted

MOST_NAMES = 3


def left_text(runs: Sequence[LeftRun], now: datetime) -> str:
    """One sentence about all of them; `now` decides whether a date is worth saying, and in which time zone."""
    names = [visible(run.name, 60) for run in runs[:MOST_NAMES]]
    if rest := len(runs) - len(names):
        names.append(f"{rest} more")
    listed = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
    died = datetime.fromisoformat(runs[0].died).astimezone(now.tzinfo)
    moment = f"at {died:%H:%M}" if died.date() == now.date() else f"on {died:%Y-%m-%d} at {died:%H:%M}"
    points = sum(run.points for run in runs)
    kept = f"{counted(points, 'point')} kept"
    if len(runs) == 1:
        return f"{listed} was left running by a process that died {moment}; shown as crashed; {kept}"
    return f"{listed} were left running by processes that died, the last {moment}; shown as crashed; {kept}"
