"""How two notebooks differ, cell by cell; and the same in nbdime's format."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from nbtrack.analysis.alignment import Cell, Pair, align, source_of
from nbtrack.entities.snapshots import CellChange, CellChangeKind, ModuleChange, NotebookDiff

VOLATILE_METADATA = frozenset(
    ("ExecuteTime", "execution", "collapsed", "scrolled", "jupyter", "trusted", "outputId", "executionInfo")
)
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,16}\b")
_MOST_PARTS = 6
_OWN_MIME = "application/vnd.nbtrack"


def diff_notebooks(
    base_nb: Mapping[str, Any],
    head_nb: Mapping[str, Any],
    base: str = "base",
    head: str = "head",
    modules: Sequence[ModuleChange] = (),
) -> NotebookDiff:
    """Compare two notebooks (nbformat 4 JSON).

    Execution counts, timings and folded states do not count, nor addresses in outputs, nor what nbtrack
    itself showed. A cell that moved is one row, at its new place.

    Parameters
    ----------
    base_nb, head_nb
        The notebooks.
    base, head
        What to call them, such as ``forest-1``.
    modules
        How the modules differ that they imported: see `diff_modules`.
    """
    old, new = _cells(base_nb), _cells(head_nb)
    cells = _noted([_change(pair, old, new) for pair in align(old, new)])
    return NotebookDiff(base=base, head=head, cells=cells, modules=list(modules))


def diff_modules(before: Mapping[str, str], after: Mapping[str, str]) -> list[ModuleChange]:
    """The modules whose sources differ, by their paths."""
    return [
        ModuleChange(path=path, before=before.get(path), after=after.get(path))
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
    ]


def outline(diff: NotebookDiff) -> str:
    """What changed, in a few words: ``2 cells changed, 1 added, outputs of 3``; empty where nothing did."""
    edited = sum(
        cell.kind is CellChangeKind.CHANGED and (cell.source_changed or not cell.outputs_changed)
        for cell in diff.cells
    )
    outputs = sum(
        cell.kind is CellChangeKind.CHANGED and not cell.source_changed and cell.outputs_changed
        for cell in diff.cells
    )
    counts = [(edited, "edited")]
    for kind in (CellChangeKind.ADDED, CellChangeKind.REMOVED, CellChangeKind.MOVED):
        counts.append((sum(cell.kind is kind for cell in diff.cells), kind.value))
    said = [f"{count:,} {word}" for count, word in counts if count]
    return ", ".join([*said, *([f"outputs of {outputs:,}"] if outputs else [])])


def _cells(notebook: Mapping[str, Any]) -> list[Cell]:
    cells = notebook.get("cells")
    return [cell for cell in cells if isinstance(cell, dict)] if isinstance(cells, list) else []


def _change(pair: Pair, old: Sequence[Cell], new: Sequence[Cell]) -> CellChange:
    before = old[pair.base] if pair.base is not None else None
    after = new[pair.head] if pair.head is not None else None
    if before is None or after is None:
        kind = CellChangeKind.ADDED if before is None else CellChangeKind.REMOVED
        return CellChange(kind=kind, before=before, after=after)
    source = source_of(before) != source_of(after) or before.get("cell_type") != after.get("cell_type")
    outputs = not same_outputs(before.get("outputs"), after.get("outputs"))
    other = _lasting(before) != _lasting(after)
    kind = CellChangeKind.CHANGED if source or outputs or other else CellChangeKind.UNCHANGED
    if pair.moved:
        kind = CellChangeKind.MOVED
    return CellChange(kind=kind, before=before, after=after, source_changed=source, outputs_changed=outputs)


def _noted(changes: list[CellChange]) -> list[CellChange]:
    """Say of neighbouring rows when they are one cell that was split, or several that were merged."""
    result = list(changes)
    start = 0
    while start < len(changes):
        for end in range(min(len(changes), start + _MOST_PARTS), start + 1, -1):
            rows = changes[start:end]
            if any(row.kind in (CellChangeKind.UNCHANGED, CellChangeKind.MOVED) for row in rows):
                continue
            note = _regrouped(rows)
            if note:
                result[start:end] = [replace(row, note=note) for row in rows]
                start = end - 1
                break
        start += 1
    return result


def _regrouped(rows: Sequence[CellChange]) -> str:
    before, after = (
        [cell for row in rows if (cell := getattr(row, side)) is not None] for side in ("before", "after")
    )
    if (len(before) == 1) == (len(after) == 1) or not before or not after:
        return ""
    if len({str(cell.get("cell_type")) for cell in (*before, *after)}) > 1 or _lines(before) != _lines(after):
        return ""
    if len(before) == 1:
        return f"one cell was split into {len(after)}"
    return f"{len(before)} cells were merged into one"


def _lines(cells: Sequence[Cell]) -> list[str]:
    """The lines of cells, one after the other, without empty ones."""
    return [line.rstrip() for cell in cells for line in source_of(cell).splitlines() if line.strip()]


def _lasting(cell: Cell) -> tuple[dict[str, Any], Any]:
    """What of a cell counts beside its source and outputs: attachments, and metadata such as tags."""
    metadata = cell.get("metadata")
    if not isinstance(metadata, dict):
        metadata = {}
    lasting = {key: value for key, value in metadata.items() if key not in VOLATILE_METADATA}
    return lasting, cell.get("attachments")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def same_outputs(before: Any, after: Any) -> bool:
    """Whether two lists of outputs show the same, however they were cut into pieces and counted; no list is an empty one."""
    return before == after or _shown(_list(before)) == _shown(_list(after))


def _shown(outputs: Sequence[Any]) -> list[Any]:
    """Outputs without what varies by itself; neighbouring pieces of one stream are joined."""
    result: list[Any] = []
    for output in outputs:
        if not isinstance(output, dict):
            result.append(output)
            continue
        kind = output.get("output_type")
        if kind == "stream":
            name, text = output.get("name"), _ADDRESS.sub("0x…", _text(output.get("text", "")))
            if result and isinstance(result[-1], list) and result[-1][:2] == ["stream", name]:
                result[-1][2] += text
            else:
                result.append(["stream", name, text])
        elif kind == "error":
            result.append((kind, output.get("ename"), output.get("evalue")))
        else:
            data = output.get("data")
            if not isinstance(data, dict):
                data = {}
            if any(mime.startswith(_OWN_MIME) for mime in data) or _is_own_line(data.get("text/html")):
                continue
            result.append((kind, {mime: _plain(mime, value) for mime, value in data.items()}))
    return result


def _is_own_line(html: Any) -> bool:
    """The line under a tracked cell: it tells the run's name and duration, and so would differ each time."""
    return isinstance(html, str | list) and _text(html).startswith('<div class="nbtrack-line"')


def _plain(mime: str, value: Any) -> Any:
    joined = _text(value) if isinstance(value, str | list) else value
    # Only the short repr of an object carries an address; in an image it would cost and mean nothing.
    return _ADDRESS.sub("0x…", joined) if mime == "text/plain" and isinstance(joined, str) else joined


def _text(value: Any) -> str:
    return "".join(map(str, value)) if isinstance(value, list) else str(value)
