"""Whether a notebook still shows how a run came about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import PurePath

from nbtrack.analysis.cells import Cells, label
from nbtrack.analysis.lineage import Graph
from nbtrack.analysis.sources import loose_installs, may_seed
from nbtrack.entities.graphs import Answer, EdgeKind, VerdictLine

NOT_SAVED = "the notebook was not saved since, or is not where it was"

_MOST = 5


def verdict(
    graph: Graph, cells: Cells, targets: Sequence[int], files: Mapping[str, bool]
) -> list[VerdictLine]:
    """The questions about a run, each with its answer.

    Parameters
    ----------
    targets
        The steps of the run.
    files
        As for `stale_cells`.
    """
    needed = graph.backward(targets)
    return [
        _order(graph, cells, needed),
        _edited(graph, cells, needed),
        _deleted(graph, cells, needed),
        _files(graph, needed, files),
        _installs(graph, targets),
        _seeded(graph, needed),
    ]


def _order(graph: Graph, cells: Cells, needed: Sequence[int]) -> VerdictLine:
    question = "executed in order"
    last = {cells.keys[place]: place for place in needed}
    twice = [place for place in needed if last[cells.keys[place]] != place]
    if twice:
        return _line(question, Answer.NO, f"it needs more than one execution of {_names(graph, twice)}")
    for before, after in pairwise(needed):
        if cells.position(before) > cells.position(after):
            first, second = (label(graph.steps[place].execution) for place in (before, after))
            return _line(question, Answer.NO, f"{first} stands below {second} and ran before it")
    if not cells.is_ordered:
        return _line(question, Answer.UNKNOWN, "the notebook was never saved where nbtrack could read it")
    return _line(
        question,
        Answer.OK,
        _count(len(needed), "the cell that it needs", "the {} cells that it needs")
        + " ran from top to bottom",
    )


def _edited(graph: Graph, cells: Cells, needed: Sequence[int]) -> VerdictLine:
    question = "cells unchanged since"
    edited = [place for place in needed if not cells.is_deleted(place) and cells.is_edited(place)]
    if edited:
        return _line(question, Answer.NO, f"{_names(graph, edited)} {_were(edited)} edited since")
    if not cells.is_saved_since(needed):
        return _line(question, Answer.UNKNOWN, NOT_SAVED)
    return _line(question, Answer.OK, "the notebook has the sources that were executed")


def _deleted(graph: Graph, cells: Cells, needed: Sequence[int]) -> VerdictLine:
    question = "no names of deleted cells"
    if deleted := [place for place in needed if cells.is_deleted(place)]:
        return _line(question, Answer.NO, f"{_names(graph, deleted)} {_were(deleted)} deleted since")
    if unknown := graph.unknown(needed):
        return _line(question, Answer.UNKNOWN, f"no remembered cell made {_listed(unknown)}")
    if not cells.is_saved_since(needed):
        return _line(question, Answer.UNKNOWN, NOT_SAVED)
    return _line(question, Answer.OK, "every name that it used is made by a cell that is there")


def _files(graph: Graph, needed: Sequence[int], files: Mapping[str, bool]) -> VerdictLine:
    question = "files unchanged since"
    read = graph.files(needed)
    if changed := [path for path in read if files.get(path) is False]:
        return _line(question, Answer.NO, f"{_listed(PurePath(path).name for path in changed)} changed since")
    if unknown := [path for path in read if path not in files]:
        return _line(
            question,
            Answer.UNKNOWN,
            f"nothing was noted of {_listed(PurePath(path).name for path in unknown)}",
        )
    return _line(question, Answer.OK, "what it read is as it was" if read else "it read no file")


def _installs(graph: Graph, targets: Sequence[int]) -> VerdictLine:
    question = "installs name versions"
    until = max(targets, default=-1)
    loose = dict.fromkeys(
        name
        for step in graph.steps[: until + 1]
        for text in (step.execution.source, *step.trace.commands)
        for name in loose_installs(text)
    )
    if loose:
        return _line(question, Answer.NO, f"cells install {_listed(loose)} without a version")
    return _line(question, Answer.OK, "no cell installs anything without a version")


def _seeded(graph: Graph, needed: Sequence[int]) -> VerdictLine:
    question = "random numbers seeded"
    last = {
        edge.key: place
        for place in needed
        if not _only_imports(graph, place)
        for edge in graph.inputs[place]
        if edge.kind is EdgeKind.RANDOM and edge.key not in graph.steps[place].trace.unsure  # an import drew
    }
    if loose := [key[7:] for key, place in last.items() if not _is_seeded(graph, place, key)]:
        return _line(question, Answer.NO, f"it drew from {_listed(loose)}, which no cell had seeded")
    return _line(question, Answer.OK, "every draw follows a seed" if last else "it drew none")


def _is_seeded(graph: Graph, place: int | None, key: str) -> bool:
    """Whether there is a seed on the way back from a draw."""
    while place is not None:
        if may_seed(graph.steps[place].execution.source, key):
            return True
        place = next((edge.producer for edge in graph.inputs[place] if edge.key == key), None)
    return False


def _only_imports(graph: Graph, place: int) -> bool:
    """Whether a cell left nothing but modules, functions and classes: libraries draw while they are imported."""
    kinds = graph.steps[place].trace.defined
    return bool(kinds) and all(kind in ("module", "function", "class", "type") for kind in kinds.values())


def _line(question: str, answer: Answer, reason: str) -> VerdictLine:
    return VerdictLine(question=question, answer=answer, reason=reason)


def _names(graph: Graph, places: Sequence[int]) -> str:
    return _listed(label(graph.steps[place].execution) for place in places)


def _were(places: Sequence[int]) -> str:
    return "was" if len(places) == 1 else "were"


def _count(number: int, one: str, many: str) -> str:
    return one if number == 1 else many.format(number)


def _listed(names: Iterable[str]) -> str:
    found = list(dict.fromkeys(names))
    more = f" and {len(found) - _MOST:,} more" if len(found) > _MOST else ""
    return ", ".join(found[:_MOST]) + more
