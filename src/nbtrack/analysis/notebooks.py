"""The notebook as it was, put together from its saved file and from what was executed.

JupyterLab saves every two minutes, so the file seldom holds the cell that runs; and some front ends have no file at all.
"""

from __future__ import annotations

import copy
import hashlib
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from nbtrack.entities.runs import CellExecution

Executed = tuple[CellExecution, list[dict[str, Any]]]
"""An execution with its outputs (nbformat 4)."""

FROM_SAVE = "file"
FROM_FILE = "file+executions"
FROM_EXECUTIONS = "executions"


def source_text(cell: dict[str, Any]) -> str:
    """The source of a cell; nbformat allows a text or a list of lines."""
    source = cell.get("source", "")
    return "".join(map(str, source)) if isinstance(source, list) else str(source)


def lay_over(saved: dict[str, Any] | None, executions: Sequence[Executed]) -> tuple[dict[str, Any], str]:
    """The saved notebook with the executed sources and outputs laid over it, and which of the two ways it was made.

    A cell is found by its id; where the front end names no cells, by its source. What is not in the file is placed
    behind the cell that was executed before it. Of a cell that was executed several times the last execution counts.

    Parameters
    ----------
    saved
        The notebook's JSON, nbformat 4; anything else is passed over.
    executions
        In the order of their start.

    Returns
    -------
    tuple
        An nbformat 4.5 notebook, and ``file+executions`` or ``executions``.
    """
    usable = saved is not None and saved.get("nbformat") == 4 and isinstance(saved.get("cells"), list)
    notebook = copy.deepcopy(saved) if usable and saved is not None else _empty()
    notebook["cells"] = cells = [joined(cell) for cell in notebook["cells"] if isinstance(cell, dict)]
    lay_cells(cells, executions)
    _name_cells(notebook)
    return notebook, FROM_FILE if usable else FROM_EXECUTIONS


def lay_cells(cells: list[dict[str, Any]], executions: Sequence[Executed]) -> None:
    """Write what was executed into `cells`, whose texts are `joined`; a cell that is not among them is put in."""
    claimed: set[int] = set()
    place = -1
    for execution, outputs in executions:
        place = _place(cells, execution, claimed, place)
        cell = cells[place]
        claimed.add(id(cell))
        cell["source"] = execution.source
        cell["outputs"] = outputs
        cell["execution_count"] = execution.execution_count


def needed_executions(
    executions: Sequence[tuple[str, str | None, int]], moments: Sequence[int]
) -> tuple[set[str], set[str]]:
    """The executions that snapshots taken at `moments` are made of: those needed whole, and those without their outputs.

    Of a cell that was executed again before the snapshot the outputs are not seen any more; its source still says where a
    cell stands that the saved file does not have.

    Parameters
    ----------
    executions
        Id, cell id and start of each execution of one process, in the order of their start.
    moments
        When each snapshot of the process was taken, in any order.
    """
    taken = sorted(moments)
    whole: set[str] = set()
    source: set[str] = set()
    again: dict[str, int] = {}
    for identifier, cell, started in reversed(executions):
        first = bisect_left(taken, started)
        if first < len(taken):
            seen = cell is None or taken[first] < again.get(cell, taken[first] + 1)
            (whole if seen else source).add(identifier)
        if cell is not None:
            again[cell] = started
    return whole, source


def joined(cell: dict[str, Any]) -> dict[str, Any]:
    """The cell with its texts whole: files hold them as lists of lines, kernels send them as one."""
    cell["source"] = source_text(cell)
    outputs = cell.get("outputs")
    for output in outputs if isinstance(outputs, list) else []:
        if not isinstance(output, dict):
            continue
        if isinstance(output.get("text"), list):
            output["text"] = "".join(map(str, output["text"]))
        data = output.get("data")
        if not isinstance(data, dict):
            continue
        for kind, content in data.items():
            if isinstance(content, list) and all(isinstance(line, str) for line in content):
                data[kind] = "".join(content)
    return cell


def _empty() -> dict[str, Any]:
    return {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def _place(cells: list[dict[str, Any]], execution: CellExecution, claimed: set[int], before: int) -> int:
    """The index of the cell that was executed; it is inserted behind `before` where there is none."""
    if execution.cell_id is not None:
        for index, cell in enumerate(cells):
            if cell.get("id") == execution.cell_id:
                return index
    code = [index for index, cell in enumerate(cells) if cell.get("cell_type") == "code"]
    same = [index for index in code if source_text(cells[index]) == execution.source]
    if execution.cell_id is None and same:
        # Two cells of one source are told apart by order: the first that was not executed yet, else the last.
        return next((index for index in same if id(cells[index]) not in claimed), same[-1])
    new: dict[str, Any] = {
        "cell_type": "code",
        "metadata": {},
        "source": "",
        "outputs": [],
        "execution_count": None,
    }
    if execution.cell_id is not None:
        new["id"] = execution.cell_id
    cells.insert(before + 1, new)
    return before + 1


def _name_cells(notebook: dict[str, Any]) -> None:
    """Give each cell an id (nbformat 4.5); one that has none is named after its source, so that snapshots align."""
    seen: set[str] = {str(cell["id"]) for cell in notebook["cells"] if "id" in cell}
    for cell in notebook["cells"]:
        if "id" not in cell:
            digest = hashlib.blake2b(
                source_text(cell).encode("utf-8", "surrogatepass"), digest_size=4
            ).hexdigest()
            name, count = digest, 1
            while name in seen:
                count += 1
                name = f"{digest}-{count}"
            cell["id"] = name
            seen.add(name)
    minor = notebook.get("nbformat_minor")
    notebook["nbformat_minor"] = max(5, minor) if type(minor) is int else 5
