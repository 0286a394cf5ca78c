"""A run table as a grid of cells, for text and HTML alike: only what varies, in an order that reads well."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from nbtrack.analysis.values import same
from nbtrack.entities.runs import RunRow, RunStatus, RunTable
from nbtrack.entities.values import JSONValue
from nbtrack.render.characters import NAME_LIMIT, visible
from nbtrack.render.numbers import column, counted, duration_text, values, when

MARKS = {
    RunStatus.RUNNING: "● running",
    RunStatus.FINISHED: "finished",
    RunStatus.FAILED: "✗ failed",
    RunStatus.INTERRUPTED: "✗ interrupted",
    RunStatus.CRASHED: "✗ crashed",
}
_MOST_FOLDED = 8


@dataclass(frozen=True, slots=True)
class Column:
    """One column: ``cells[i]`` belongs to row i.

    ``group`` is ``run``, ``metric``, ``param``, ``tag`` or ``time``.
    """

    title: str
    cells: list[str]
    group: str
    right: bool = False


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of runs: ``columns`` vary, ``folded`` are the values that all runs share."""

    columns: list[Column]
    folded: list[tuple[str, str]]
    summary: str


def grid(table: RunTable, now: datetime | None = None) -> Grid:
    """Lay out a table of runs.

    The name comes first, then metrics, params and tags that vary, then when and how long. With one run there
    is nothing to vary from, and all is shown.
    """
    runs = table.runs
    folded: list[tuple[str, str]] = []
    columns = [Column("run", [visible(run.name, NAME_LIMIT) for run in runs], "run")]
    statuses = [MARKS[run.status] for run in runs]
    if any(run.status is not RunStatus.FINISHED for run in runs):
        columns.append(Column("status", statuses, "run"))
    experiments = [visible(run.experiment, NAME_LIMIT) for run in runs]
    if len(set(experiments)) > 1:
        columns.append(Column("experiment", experiments, "run"))
    if any(run.origin for run in runs):
        columns.append(Column("from", [visible(run.origin or "", NAME_LIMIT) for run in runs], "run"))
    if any(run.pinned for run in runs):
        columns.append(Column("pinned", ["pinned" if run.pinned else "" for run in runs], "run"))
    columns += _varying(runs, "metric", lambda run: run.metrics, folded)
    columns += _varying(runs, "param", lambda run: run.params, folded)
    columns += _varying(runs, "tag", lambda run: run.tags, folded)
    columns.append(Column("started", [when(run.started, now) for run in runs], "time", right=True))
    columns.append(Column("took", [duration_text(run.duration) for run in runs], "time", right=True))
    return Grid(columns, folded, _summary(table, experiments))


def _varying(
    runs: Sequence[RunRow],
    group: str,
    of: Callable[[RunRow], dict[str, JSONValue] | dict[str, float] | dict[str, str]],
    folded: list[tuple[str, str]],
) -> list[Column]:
    columns = []
    names = dict.fromkeys(name for run in runs for name in of(run))
    for name in names:
        given: list[JSONValue] = [of(run).get(name) for run in runs]
        title = visible(name, NAME_LIMIT)
        if len(runs) > 1 and all(name in of(run) and same(given[0], of(run)[name]) for run in runs):
            folded.append((title, _cells(given[:1], group)[0]))
        else:
            cells = [
                cell if name in of(run) else "" for cell, run in zip(_cells(given, group), runs, strict=True)
            ]
            right = all(_is_number(v) or v is None for v in given)
            columns.append(Column(title, cells, group, right=right))
    return columns


def _cells(given: Sequence[JSONValue], group: str) -> list[str]:
    if group == "metric":
        return column([v if isinstance(v, int | float) else None for v in given])
    if group == "tag":  # one without a value says all by being there
        return [visible(str(v), NAME_LIMIT) if v else "" if v is None else "✓" for v in given]
    return values(given)


def _is_number(given: JSONValue) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool)


def _summary(table: RunTable, experiments: Sequence[str]) -> str:
    if not table.runs:
        return "No runs." if not table.total else f"No runs on this page; {table.total:,} in all."
    count = len(table.runs)
    text = f"{count:,} of {table.total:,} runs" if count < table.total else counted(count, "run")
    return f"{text} · experiment {experiments[0]}" if len(set(experiments)) == 1 else text


def folded_line(found: Grid, most: int = _MOST_FOLDED) -> str:
    """The values that all runs share in one line, or nothing."""
    if not found.folded:
        return ""
    items = [f"{name} {shown}" for name, shown in found.folded[:most]]
    if len(found.folded) > most:
        items.append(f"+ {len(found.folded) - most:,} more")
    return "same in all: " + " · ".join(items)
