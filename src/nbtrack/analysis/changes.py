"""What changed from one run to the next, for the line under a tracked cell."""

from __future__ import annotations

from collections.abc import Mapping

from nbtrack.analysis.directions import better_when
from nbtrack.analysis.values import same
from nbtrack.entities.runs import Change
from nbtrack.entities.values import JSONValue


def changes(
    before: Mapping[str, JSONValue], after: Mapping[str, JSONValue], direction: bool = False
) -> list[Change]:
    """List the values that differ, in the order of `after`, then those that are gone.

    Parameters
    ----------
    before, after
        Params or last metric values of two runs, by name. An empty `before` gives every value of `after`.
    direction
        Whether to say which changes are for the better; for metrics whose name tells their direction.
    """
    names = [*after, *(name for name in before if name not in after)]
    found = []
    for name in names:
        old, new = before.get(name), after.get(name)
        if same(old, new):  # also None before and absent now: to the reader both are nothing
            continue
        found.append(
            Change(name=name, before=old, after=new, better=_better(name, old, new) if direction else None)
        )
    return found


def _better(name: str, before: JSONValue, after: JSONValue) -> bool | None:
    wanted = better_when(name)
    if wanted is None or not isinstance(before, int | float) or not isinstance(after, int | float):
        return None
    if before != before or after != after:  # NaN is neither
        return None
    return after > before if wanted == "higher" else after < before
