"""The cells behind executions: which execution is of which cell, where that stands, and whether it was edited since."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from nbtrack.analysis.lineage import Step
from nbtrack.analysis.notebooks import source_text
from nbtrack.entities.runs import CellExecution

_MARK = re.compile(r"‹redacted[^›]*›")


@dataclass(frozen=True, slots=True)
class Document:
    """A notebook at a moment: id (None where it has none) and source of each code cell.

    ``saved`` is ISO 8601 in UTC, "" if unknown.
    """

    cells: list[tuple[str | None, str]]
    saved: str


def document(notebook: dict[str, Any], saved: str) -> Document | None:
    """The code cells of a notebook's JSON (nbformat 4); None if it is none."""
    cells = notebook.get("cells")
    if notebook.get("nbformat") != 4 or not isinstance(cells, list):
        return None
    code = [cell for cell in cells if isinstance(cell, dict) and cell.get("cell_type") == "code"]
    return Document([(cell.get("id"), source_text(cell)) for cell in code], saved)


def label(execution: CellExecution) -> str:
    """How a sentence names an execution: its count, as the notebook shows it."""
    return f"[{execution.execution_count if execution.execution_count is not None else ' '}]"


class Cells:
    """The cells of a session's steps.

    A cell is known by its id; where the front end gives none, by its source.

    Parameters
    ----------
    steps
        The executions in their order.
    current
        The notebook as it is known last, if it is known at all.
    """

    def __init__(self, steps: Sequence[Step], current: Document | None) -> None:
        self._steps = steps
        self._current = current
        self.keys = [step.execution.cell_id or step.execution.source for step in steps]
        self.last = {key: place for place, key in enumerate(self.keys)}
        """Of each cell: its last execution."""
        self._position = self._positions()

    @property
    def is_ordered(self) -> bool:
        """Whether the order of the cells in the notebook is known, and not only that of their first execution."""
        return self._current is not None

    def is_saved_since(self, places: Iterable[int]) -> bool:
        """Whether the notebook is known as it was after some steps."""
        return all(self._knows(place) for place in places)

    def position(self, place: int) -> float:
        """Where the cell of a step stands in the notebook."""
        return self._position[self.keys[place]]

    def is_deleted(self, place: int) -> bool:
        """Whether the cell of a step is gone from the notebook, as far as that was saved since."""
        step = self._steps[place].execution
        return (
            self._knows(place)
            and step.cell_id is not None
            and self._has_ids()
            and self._found(step.cell_id) is None
        )

    def is_edited(self, place: int) -> bool:
        """Whether the cell of a step holds another source by now."""
        step = self._steps[place].execution
        last = self.last[self.keys[place]]
        if self._knows(last):
            if step.cell_id is not None and self._has_ids():
                found = self._found(step.cell_id)
                return found is not None and not _same(step.source, found)
            assert self._current is not None
            return not any(_same(step.source, source) for _, source in self._current.cells)
        return not _same(step.source, self._steps[last].execution.source)

    def _knows(self, place: int) -> bool:
        """Whether the notebook was saved after a step."""
        return self._current is not None and self._current.saved > self._steps[place].execution.started

    def _has_ids(self) -> bool:
        """Whether the front end calls the cells as the file does; VS Code has names of its own."""
        executed = {step.execution.cell_id for step in self._steps}
        return self._current is not None and any(
            identity in executed for identity, _ in self._current.cells if identity
        )

    def _found(self, cell: str) -> str | None:
        assert self._current is not None
        return next((source for identity, source in self._current.cells if identity == cell), None)

    def _positions(self) -> dict[str, float]:
        """A cell that the notebook does not have (yet) stands behind the one that was executed before it."""
        known: dict[str, float] = {}
        if self._current is not None:
            for place, (identity, source) in enumerate(self._current.cells):
                known.setdefault(identity or source, float(place))
                known.setdefault(source, float(place))
        found: dict[str, float] = {}
        before = -1.0
        for place, key in enumerate(self.keys):
            if key not in found:
                source = self._steps[place].execution.source
                fallback = before + 1 / (2 + len(found)) if self._current else float(len(found))
                found[key] = known.get(key, known.get(source, fallback))
            before = found[key]
        return found


def _same(executed: str, current: str) -> bool:
    """Whether a source is what was executed; what was redacted in that may have been anything."""
    executed, current = executed.strip(), current.strip()
    if executed == current:
        return True
    parts = _MARK.split(executed)
    return len(parts) > 1 and bool(
        re.fullmatch(".*".join(re.escape(part) for part in parts), current, re.DOTALL)
    )
