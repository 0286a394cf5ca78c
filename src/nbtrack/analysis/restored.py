"""A notebook's file as it was: what was not executed since it was saved stays as it is written, byte for byte."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from nbtrack.analysis.diff import same_outputs
from nbtrack.analysis.notebooks import Executed, joined, lay_cells, lay_over, source_text
from nbtrack.entities.notebook_text import NotebookError, NotebookText, read_notebook

_MARK = "‹redacted: "


@dataclass(frozen=True, slots=True)
class Restored:
    """The text of a file, and what of it is not as it was, in sentences; none where every byte is."""

    text: str
    notes: list[str] = field(default_factory=list)


def restored(saved: str | None, executions: Sequence[Executed]) -> Restored:
    """The file of a notebook with what was executed since laid over it.

    Parameters
    ----------
    saved
        The text of the saved file; None where there is none.
    executions
        What it does not show yet, in the order of their start.
    """
    if saved is None:
        document, _ = lay_over(None, executions)
        for cell in document["cells"]:
            _split(cell)
        text = json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
        lost = "No file had been saved: this is what was executed, without text cells and metadata."
        return Restored(text, [lost, *_marks(text)])
    try:
        notebook = read_notebook(saved)
    except NotebookError as problem:
        return Restored(
            saved, [f"The saved file is no notebook: {problem}; its bytes are kept.", *_marks(saved)]
        )
    if notebook.array is None or notebook.document["nbformat"] != 4:
        version = notebook.document["nbformat"]
        note = f"The file is nbformat {version}: what was executed since it was saved is not in it."
        return Restored(saved, [*([note] if executions else []), *_marks(saved)])
    cells, written, new = _laid(notebook, executions)
    notes = []
    if written:
        cell = "1 cell was" if written == 1 else f"{written:,} cells were"
        notes.append(
            f"{cell} executed since the file was saved and {'is' if written == 1 else 'are'} as executed."
        )
    if new:
        cell = "1 cell was" if new == 1 else f"{new:,} cells were"
        notes.append(f"{cell} not in the saved file; where {'it' if new == 1 else 'they'} stood is a guess.")
    text = notebook.replaced(cells)
    return Restored(text, [*notes, *_marks(text)])


def chosen_cells(text: str, numbers: Sequence[int]) -> str:
    """A notebook's file with some of its cells alone, by their places from 1; they stay as they are written.

    Raises
    ------
    NotebookError
        If it is no notebook, or has no such cell.
    """
    notebook = read_notebook(text)
    if notebook.array is None:
        raise NotebookError("its format has no plain list of cells (nbformat 3)")
    for number in numbers:
        if not 1 <= number <= len(notebook.spans):
            raise NotebookError(f"it has no cell {number}; there are {len(notebook.spans):,}")
    return notebook.replaced([number - 1 for number in numbers])


def _laid(
    notebook: NotebookText, executions: Sequence[Executed]
) -> tuple[list[int | dict[str, Any]], int, int]:
    """The cells as `NotebookText.replaced` takes them, how many were written anew and how many of them are new."""
    plain = [
        copy.deepcopy(cell) if isinstance(cell, dict) else {"cell_type": "unreadable"}
        for cell in notebook.cells
    ]
    cells = [joined(cell) for cell in plain]
    places = {id(cell): index for index, cell in enumerate(cells)}
    before = [(source_text(cell), cell.get("outputs"), cell.get("execution_count")) for cell in cells]
    lay_cells(cells, executions)
    result: list[int | dict[str, Any]] = []
    written = new = 0
    for cell in cells:
        index = places.get(id(cell))
        if index is not None and _same(before[index], cell):
            result.append(index)
            continue
        if index is None:
            new += 1
            _fit(cell, notebook.document)
        else:
            written += 1
        _split(cell)
        result.append(cell)
    return result, written, new


def _same(before: tuple[str, Any, Any], cell: dict[str, Any]) -> bool:
    source, outputs, count = before
    return (
        source == source_text(cell)
        and (count is (now := cell.get("execution_count")) or count == now)  # NaN is no other NaN
        and same_outputs(outputs, cell.get("outputs"))
    )


def _fit(cell: dict[str, Any], document: dict[str, Any]) -> None:
    """A cell that the file did not have, in the version of its format and with its keys in nbformat's order."""
    minor = document.get("nbformat_minor")
    if not isinstance(minor, int) or minor < 5:
        cell.pop("id", None)
    for key in sorted(cell):
        cell[key] = cell.pop(key)


def _split(cell: dict[str, Any]) -> None:
    """Write texts as lists of lines, as files hold them."""
    cell["source"] = source_text(cell).splitlines(keepends=True)
    for output in cell.get("outputs") or []:
        if isinstance(output.get("text"), str):
            output["text"] = output["text"].splitlines(keepends=True)
        data = output.get("data")
        for kind, content in (data if isinstance(data, dict) else {}).items():
            if isinstance(content, str) and (kind.startswith("text/") or kind == "image/svg+xml"):
                data[kind] = content.splitlines(keepends=True)


def _marks(text: str) -> list[str]:
    count = text.count(_MARK) + text.count(_MARK.encode("ascii", "backslashreplace").decode())
    places = "1 place is" if count == 1 else f"{count:,} places are"
    return [f"{places} redacted: a secret stood there."] if count else []
