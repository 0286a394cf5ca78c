"""Which cells no longer fit what they were made from.

A cell is stale if, executed again, it would see another value than it saw: a cell above it that makes one of its inputs was
executed since with another outcome, edited or deleted; a file that it read was changed; or it comes from a cell that is
stale. What cells below it did since does not count: there it is usual that a name goes on to another value.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

from nbtrack.analysis.cells import Cells, label
from nbtrack.analysis.lineage import Edge, Graph
from nbtrack.analysis.sources import only_asks
from nbtrack.entities.graphs import EdgeKind, StaleCell

_VALUES = (EdgeKind.VARIABLE, EdgeKind.MUTATION, EdgeKind.FILE)


def stale_cells(graph: Graph, cells: Cells, files: Mapping[str, bool]) -> list[StaleCell]:
    """The stale cells, in the order of the notebook.

    Parameters
    ----------
    files
        For files that cells read: whether each is still what it was; without an entry that is not known.
    """
    stale: dict[str, list[str]] = {}
    for place in computing(graph, cells):
        if cells.is_deleted(place):
            continue
        reasons = _reasons(graph, cells, place, files)
        if not reasons:
            reasons = _inherited(graph, cells, place, stale)
        if reasons:
            stale[cells.keys[place]] = reasons
    found = sorted(stale, key=lambda key: (cells.position(cells.last[key]), cells.last[key]))
    return [_cell(graph, cells.last[key], stale[key]) for key in found]


def computing(graph: Graph, cells: Cells) -> list[int]:
    """The last execution of each cell but of those that only ask nbtrack: such a one shows what held when it was asked."""
    return sorted(
        place for place in cells.last.values() if not only_asks(graph.steps[place].execution.source)
    )


def _reasons(graph: Graph, cells: Cells, place: int, files: Mapping[str, bool]) -> list[str]:
    reasons = ["it was edited since it ran"] if cells.is_edited(place) else []
    said = set()
    for edge in graph.inputs[place]:
        if edge.kind in _VALUES and edge.key not in said:
            reason = _superseded(graph, cells, place, edge.key)
            if reason is None and edge.producer is not None:
                reason = _producer_gone(graph, cells, place, edge)
            if reason is None and edge.kind is EdgeKind.FILE and files.get(edge.key[5:]) is False:
                reason = f"{shown(edge.key)} was changed since it was read"
            if reason is not None:
                said.add(edge.key)
                reasons.append(reason)
    return reasons


def _superseded(graph: Graph, cells: Cells, place: int, key: str) -> str | None:
    """Why the value that a step read is not the one that a cell above makes by now."""
    own, here = cells.keys[place], cells.position(place)
    read = graph.producer(key, place)
    makers = {cells.keys[step] for step in graph.changes(key)} - {own}
    above = [cells.last[cell] for cell in makers if cells.position(cells.last[cell]) < here]
    above = [step for step in above if step in graph.changes(key)]
    expected = max(above, key=lambda step: (cells.position(step), step), default=None)
    # Wherever it stands: the very cell whose value was read has made another one since.
    again = cells.last[cells.keys[read]] if read is not None else None
    if again is not None and cells.keys[again] != own and again > place:
        if again not in graph.changes(key):
            return f"{label(graph.steps[again].execution)} no longer makes {shown(key)}, which this cell read"
        expected = again if expected is None or expected < place else expected
    if expected is None or expected < place or _same_version(graph, key, read, expected):
        return None
    verb = "may have been" if key in graph.steps[expected].trace.unsure else "was"
    return f"{shown(key)} {verb} changed by {label(graph.steps[expected].execution)} after this cell ran"


def _same_version(graph: Graph, key: str, before: int | None, after: int) -> bool:
    if before is None:
        return False
    old, new = (graph.steps[step].trace.versions.get(key) for step in (before, after))
    return old is not None and old == new


def _producer_gone(graph: Graph, cells: Cells, place: int, edge: Edge) -> str | None:
    assert edge.producer is not None
    if cells.keys[edge.producer] == cells.keys[place]:
        return None
    name = label(graph.steps[edge.producer].execution)
    if cells.is_deleted(edge.producer):
        return f"{name}, which made {shown(edge.key)}, was deleted"
    if cells.is_edited(cells.last[cells.keys[edge.producer]]):
        return f"{name}, which made {shown(edge.key)}, was edited since it ran"
    return None


def _inherited(graph: Graph, cells: Cells, place: int, stale: Mapping[str, list[str]]) -> list[str]:
    for edge in graph.inputs[place]:
        if edge.kind in _VALUES and edge.producer is not None:
            maker = cells.keys[edge.producer]
            if maker in stale and maker != cells.keys[place]:
                name = label(graph.steps[edge.producer].execution)
                return [f"{shown(edge.key)} comes from {name}, which is stale"]
    return []


def shown(key: str) -> str:
    """How a sentence names a key: a file by its name, a variable as it is."""
    return PurePath(key[5:]).name if key.startswith("file:") else key


def _cell(graph: Graph, place: int, reasons: list[str]) -> StaleCell:
    execution = graph.steps[place].execution
    return StaleCell(
        execution=execution.id,
        source=execution.source,
        execution_count=execution.execution_count,
        cell_id=execution.cell_id,
        reasons=reasons,
    )
