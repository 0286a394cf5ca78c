"""What differs between runs, and nothing else."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from nbtrack.analysis.directions import better_when
from nbtrack.analysis.values import same
from nbtrack.entities.datasets import Dataset
from nbtrack.entities.runs import CellExecution, Comparison, Difference, RunDetail
from nbtrack.entities.values import JSONValue

MOST_MODULES = 50
"""Modules whose sources are compared at most."""


def compare(details: Sequence[RunDetail], sources: Mapping[str, str] | None = None) -> Comparison:
    """Compare runs value by value, cell by cell.

    Only what differs is listed: a value differs where some run lacks it or has another one. Of each metric
    whose name tells its direction the best run is marked.

    Parameters
    ----------
    sources
        The sources of modules by their digests; those of `differing_modules` are needed.
    """
    return Comparison(
        runs=[detail.row for detail in details],
        params=_differences([detail.row.params for detail in details]),
        metrics=_with_best(_differences([detail.row.metrics for detail in details])),
        tags=_differences([detail.row.tags for detail in details]),
        code=[*_code(details), *_modules(details, sources or {})],
        data=_data(details),
        packages=_differences([detail.packages for detail in details]),
        environment=_differences(
            [
                {**_environment(detail), **around}
                for detail, around in zip(details, _around(details), strict=True)
            ],
            in_order=True,
        ),
    )


def _differences(columns: Sequence[Mapping[str, JSONValue]], in_order: bool = False) -> list[Difference]:
    """Rows of the names that differ: in natural order, or as first seen."""
    names = list(dict.fromkeys(name for column in columns for name in column))
    if not in_order:
        names.sort(key=_natural)
    rows = []
    for name in names:
        present = [name in column for column in columns]
        values = [column.get(name) for column in columns]
        if not all(present) or not all(same(values[0], value) for value in values[1:]):
            rows.append(Difference(name=name, values=values, present=present))
    return rows


def _natural(name: str) -> list[tuple[int, int, str]]:
    """``layer2`` before ``layer10``."""
    parts = re.split(r"([0-9]{1,18})", name[:1000])
    return [(1, int(part), "") if index % 2 else (0, 0, part) for index, part in enumerate(parts)]


def _with_best(metrics: list[Difference]) -> list[Difference]:
    return [
        Difference(name=metric.name, values=metric.values, present=metric.present, best=_best(metric))
        for metric in metrics
    ]


def _best(metric: Difference) -> int | None:
    """The index of the best value: the first of equals, None where fewer than two runs have a number."""
    wanted = better_when(metric.name)
    numbers = [
        (value, index)
        for index, value in enumerate(metric.values)
        if isinstance(value, int | float) and not math.isnan(value)
    ]
    if wanted is None or len(numbers) < 2:
        return None
    ranked = sorted(numbers, key=lambda pair: (-pair[0] if wanted == "higher" else pair[0], pair[1]))
    return ranked[0][1]


def _code(details: Sequence[RunDetail]) -> list[Difference]:
    """Cells whose source differs. Cells meet by cell id; those left over, in the order in which they ran."""
    slots: list[dict[int, CellExecution]] = []
    for run, detail in enumerate(details):
        # A cell that ran twice within a run counts as it was last; its place is that of the first time.
        cells: dict[object, CellExecution] = {}
        for position, cell in enumerate(detail.cells):
            cells[cell.cell_id or ("position", position)] = cell
        open_slots = list(range(len(slots)))
        waiting = []
        for cell in cells.values():
            match = next(
                (slot for slot in open_slots if cell.cell_id and _has(slots[slot], cell.cell_id)), None
            )
            if match is None:
                waiting.append(cell)
            else:
                slots[match][run] = cell
                open_slots.remove(match)
        for cell in waiting:
            if open_slots:
                slots[open_slots.pop(0)][run] = cell
            else:
                slots.append({run: cell})
    rows = []
    for number, slot in enumerate(slots, 1):
        sources: list[JSONValue] = [slot[run].source if run in slot else None for run in range(len(details))]
        if any(source != sources[0] for source in sources):
            present = [run in slot for run in range(len(details))]
            rows.append(Difference(name=f"cell {number}", values=sources, present=present))
    return rows


def differing_modules(details: Sequence[RunDetail]) -> list[Difference]:
    """The modules of the project that all runs had imported and whose sources differ; the values are digests."""
    columns: list[dict[str, JSONValue]] = [
        {module.name: module.digest for module in detail.surroundings.modules if module.digest}
        for detail in details
    ]
    # One that was imported by later cells only says nothing of the others.
    return [row for row in _differences(columns) if all(row.present)][:MOST_MODULES]


def _modules(details: Sequence[RunDetail], sources: Mapping[str, str]) -> list[Difference]:
    return [
        Difference(
            name=f"module {row.name}",
            values=[sources.get(str(digest)) for digest in row.values],
            present=row.present,
        )
        for row in differing_modules(details)
    ]


def _has(slot: Mapping[int, CellExecution], cell_id: str) -> bool:
    return any(cell.cell_id == cell_id for cell in slot.values())


def _data(details: Sequence[RunDetail]) -> list[Difference]:
    columns = [_comparable(details, detail) for detail in details]
    short = _differences([{name: describe_data(data) for name, data in column.items()} for column in columns])
    # Fingerprints may agree in the part that is shown, and dtypes may differ where there are none: then all of it is shown.
    full = _differences([{name: _in_full(data) for name, data in column.items()} for column in columns])
    shown = {row.name: row for row in short}
    return [shown.get(row.name, _only_what_differs(row, columns)) for row in full]


def _comparable(details: Sequence[RunDetail], detail: RunDetail) -> dict[str, Dataset]:
    """The data of a run by name, without what is not known of it in another run: nobody can tell whether that differs."""
    others = [data for other in details for data in other.datasets]
    unhashed = {data.name for data in others if data.fingerprint is None}
    untyped = {data.name for data in others if not data.schema}
    return {
        data.name: replace(
            data,
            fingerprint=None if data.name in unhashed else data.fingerprint,
            sampled=data.sampled and data.name not in unhashed,
            schema={} if data.name in untyped else data.schema,
        )
        for data in detail.datasets
    }


def _in_full(data: Dataset) -> str:
    schema = ", ".join(f"{name}: {dtype}" for name, dtype in data.schema.items())
    return f"{describe_data(data, 64)} ({schema})" if schema else describe_data(data, 64)


def _only_what_differs(row: Difference, columns: Sequence[Mapping[str, Dataset]]) -> Difference:
    """A difference that a few words do not show: of long schemas only the columns whose dtypes differ are named."""
    found = [column.get(row.name) for column in columns]
    schemas = [data.schema for data in found if data is not None]
    if not all(schemas):
        return row
    names = [
        name
        for name in dict.fromkeys(name for schema in schemas for name in schema)
        if any(schema.get(name) != schemas[0].get(name) for schema in schemas)
    ]
    if not names:
        return row
    values: list[JSONValue] = [
        None
        if data is None
        else ", ".join(f"{name}: {data.schema.get(name, 'absent')}" for name in names[:5])
        for data in found
    ]
    return Difference(name=row.name, values=values, present=row.present)


def describe_data(data: Dataset, digits: int = 6) -> str:
    """A dataset in a few words, such as ``569 × 30 a1b2c3``: its shape and the start of its fingerprint."""
    shape = " × ".join(str(length) for length in data.shape) or data.type_name
    fingerprint = (data.fingerprint or "").rpartition(":")[2][:digits]
    return " ".join(part for part in (shape, fingerprint, "(sampled)" if data.sampled else "") if part)


def _around(details: Sequence[RunDetail]) -> list[dict[str, JSONValue]]:
    """What runs ran in, part by part, as far as it is known of all of them: a quick run has not been looked at."""
    found: list[dict[str, JSONValue]] = [{} for _ in details]
    around = [detail.surroundings for detail in details]
    if all(detail.revision.commit for detail in details):
        for values, one in zip(found, around, strict=True):
            values |= {f"git remote {name}": address for name, address in one.remotes.items()}
            values |= {"uncommitted diff": one.diff.rpartition(":")[2][:8]} if one.diff else {}
    if all(one.variables for one in around):
        for values, one in zip(found, around, strict=True):
            values |= one.variables
            values |= {"arguments": one.arguments} if one.arguments else {}
    if all(one.hardware for one in around):
        for values, one in zip(found, around, strict=True):
            values |= one.hardware
    return found


def _environment(detail: RunDetail) -> dict[str, JSONValue]:
    revision = detail.revision
    values: dict[str, JSONValue] = {"notebook": detail.row.notebook, "python": detail.python}
    values |= {"git commit": revision.commit and revision.commit[:12], "uncommitted changes": revision.dirty}
    return {name: value for name, value in values.items() if value is not None}
