"""Which cell of a notebook diff the numbers of two runs changed with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from nbtrack.analysis.alignment import source_of
from nbtrack.analysis.directions import better_when
from nbtrack.entities.runs import Comparison, Difference
from nbtrack.entities.snapshots import CellChange, CellChangeKind, NotebookDiff, NumberChange

_WORD = re.compile(r"[^\W\d]\w*")


def with_numbers(diff: NotebookDiff, comparison: Comparison, run_cells: Sequence[str]) -> NotebookDiff:
    """The diff with what else differs between its two runs, each beside the cell responsible.

    That is the cell whose source changed and names it; else one whose source changed and that the run was made of; else the
    first that names it. A package, or what no cell names, stands at the end.

    Parameters
    ----------
    comparison
        Of the two runs, the base first.
    run_cells
        The sources that the head's run executed, in their order.
    """
    numbers = _numbers(comparison)
    found: dict[int, list[NumberChange]] = {}
    rest: list[NumberChange] = []
    words = [_words(change) for change in diff.cells]
    executed = set(run_cells)
    for number in numbers:
        place = (
            None if number.kind in ("package", "environment") else _place(number, diff.cells, words, executed)
        )
        (rest if place is None else found.setdefault(place, [])).append(number)
    cells = [
        replace(change, numbers=found[index]) if index in found else change
        for index, change in enumerate(diff.cells)
    ]
    return replace(diff, cells=cells, numbers=rest)


def _numbers(comparison: Comparison) -> list[NumberChange]:
    groups: tuple[tuple[str, Iterable[Difference]], ...] = (
        ("param", comparison.params),
        ("metric", comparison.metrics),
        ("data", comparison.data),
        ("package", comparison.packages),
        ("environment", comparison.environment),
    )
    return [
        NumberChange(
            kind=kind, name=row.name, before=row.values[0], after=row.values[1],
            better=_better(row) if kind == "metric" else None,
        )
        for kind, rows in groups
        for row in rows
    ]  # fmt: skip


def _better(row: Difference) -> bool | None:
    before, after = row.values
    wanted = better_when(row.name)
    if wanted is None or not isinstance(before, int | float) or not isinstance(after, int | float):
        return None
    if before != before or after != after:  # NaN is neither
        return None
    return after > before if wanted == "higher" else after < before


def _words(change: CellChange) -> set[str]:
    cells = [cell for cell in (change.before, change.after) if cell and cell.get("cell_type") == "code"]
    return {word for cell in cells for word in _WORD.findall(source_of(cell))}


def _place(
    number: NumberChange, changes: Sequence[CellChange], words: Sequence[set[str]], executed: set[str]
) -> int | None:
    """The row of the cell that is responsible, if one is."""
    names = set(_WORD.findall(number.name)) or {number.name}
    touched = [i for i, change in enumerate(changes) if _is_touched(change) and words[i]]
    own = [i for i, change in enumerate(changes) if change.after and source_of(change.after) in executed]
    if number.kind == "metric":  # what a model reaches is an effect: shown where it was measured
        order = [*(i for i in own if names <= words[i]), *own, *(i for i in touched if names <= words[i])]
    else:
        order = [i for i in touched if names <= words[i]]
        order += [i for i in own if names <= words[i]] + [
            i for i, found in enumerate(words) if names <= found
        ]
        if number.kind == "param":  # given by its place: nobody else can have changed it
            order += [i for i in touched if i in own]
    return order[0] if order else None


def _is_touched(change: CellChange) -> bool:
    return change.source_changed or change.kind in (CellChangeKind.ADDED, CellChangeKind.REMOVED)
