"""A notebook diff as nbdime writes it, so that its printers, patchers and widgets work on ours.

nbdime finds out by itself what differs, in minutes; here it is told, and only its string diff is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nbtrack.entities.snapshots import CellChangeKind, NotebookDiff

_MOST_LINE_PAIRS = 64
_LONGEST_LINE = 300


def nbdime_format(
    base_nb: Mapping[str, Any], head_nb: Mapping[str, Any], diff: NotebookDiff
) -> list[dict[str, Any]]:
    """Write `diff` in nbdime's diff format.

    ``nbdime.patch_notebook(base_nb, result)`` is equal to `head_nb` in every detail, also where `diff`
    passes over (execution counts, timings). A moved cell is removed in one place and added in the other: the
    format has no word for a move.

    Parameters
    ----------
    base_nb, head_nb
        The notebooks that `diff` was made from, nbformat 4 JSON.
    diff
        The result of :func:`nbtrack.analysis.diff.diff_notebooks`.
    """
    from nbdime.diff_format import op_patch

    entries = _mapping(base_nb, head_nb, skip=("cells",))
    cells = list(_cell_entries(base_nb.get("cells", []), head_nb.get("cells", []), diff))
    if cells:
        entries.append(op_patch("cells", cells))
    return sorted(entries, key=lambda entry: str(entry["key"]))


def _cell_entries(base: Sequence[Any], head: Sequence[Any], diff: NotebookDiff) -> Iterator[dict[str, Any]]:
    """Entries in the order of `base`: what is added before a cell, then what happens to it."""
    from nbdime.diff_format import op_addrange, op_patch, op_removerange

    position = taken = 0
    added: list[Any] = []
    for change in diff.cells:
        if change.after is not None:
            taken += 1
        if change.before is None or change.kind is CellChangeKind.MOVED:
            added.append(_node(head[taken - 1]))
            continue
        # Cells that moved away stand in base without a row of their own at this place.
        start = position
        while base[position] != change.before:
            position += 1
        if change.kind is CellChangeKind.REMOVED:
            position += 1
        if added:
            yield op_addrange(start, added)
            added = []
        if position > start:
            yield op_removerange(start, position - start)
        if change.kind is not CellChangeKind.REMOVED:
            patch = _mapping(base[position], head[taken - 1])
            if patch:
                yield op_patch(position, patch)
            position += 1
    if added:
        yield op_addrange(position, added)
    if position < len(base):
        yield op_removerange(position, len(base) - position)


def _node(cell: Any) -> Any:
    """The cell as nbdime's printer wants it, with attributes."""
    from nbformat import from_dict

    return from_dict(cell)  # type: ignore[no-untyped-call]


def _mapping(
    before: Mapping[str, Any], after: Mapping[str, Any], skip: Sequence[str] = ()
) -> list[dict[str, Any]]:
    from nbdime.diff_format import op_add, op_patch, op_remove, op_replace

    entries: list[dict[str, Any]] = []
    for key in sorted({*before, *after} - set(skip)):
        if key not in after:
            entries.append(op_remove(key))
        elif key not in before:
            entries.append(op_add(key, _node(after[key])))
        elif not _identical(before[key], after[key]):
            old, new = before[key], after[key]
            if isinstance(old, dict) and isinstance(new, dict):
                entries.append(op_patch(key, _mapping(old, new)))
            elif key == "source" and isinstance(old, str) and isinstance(new, str):
                entries.append(op_patch(key, _lines(old, new)))
            elif key == "outputs" and isinstance(old, list) and isinstance(new, list):
                entries.append(op_patch(key, _outputs(old, new)))
            else:
                entries.append(op_replace(key, _node(new)))
    return entries


def _identical(a: Any, b: Any) -> bool:
    """Equal as JSON: for Python True is 1, and 1 is 1.0."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_identical(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_identical, a, b))
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def _outputs(before: list[Any], after: list[Any]) -> list[dict[str, Any]]:
    """Replace the outputs between those equal at both ends. To look into them is what makes nbdime slow."""
    from nbdime.diff_format import op_addrange, op_removerange

    start, end = _equal_ends(before, after)
    entries: list[dict[str, Any]] = []
    if len(after) - end > start:
        entries.append(op_addrange(start, [_node(output) for output in after[start : len(after) - end]]))
    if len(before) - end > start:
        entries.append(op_removerange(start, len(before) - end - start))
    return entries


def _lines(before: str, after: str) -> list[dict[str, Any]]:
    """Ask nbdime for its diff of two texts, but only about the lines between equal ends.

    Where those are many it is asked for whole lines: its likeness of every line with every other is
    quadratic.
    """
    from nbdime.diffing.seq_difflib import diff_sequence_difflib
    from nbdime.diffing.sequences import diff_strings_linewise

    old, new = before.splitlines(True), after.splitlines(True)
    start, end = _equal_ends(old, new)
    old, new = old[start : len(old) - end], new[start : len(new) - end]
    small = (
        len(old) * len(new) <= _MOST_LINE_PAIRS and max(map(len, [*old, *new]), default=0) <= _LONGEST_LINE
    )
    entries = diff_strings_linewise("".join(old), "".join(new)) if small else diff_sequence_difflib(old, new)
    for entry in entries:
        entry["key"] += start
    found: list[dict[str, Any]] = entries
    return found


def _equal_ends(before: Sequence[Any], after: Sequence[Any]) -> tuple[int, int]:
    shortest = min(len(before), len(after))
    start = next((i for i in range(shortest) if not _identical(before[i], after[i])), shortest)
    rest = shortest - start
    end = next((i for i in range(rest) if not _identical(before[-1 - i], after[-1 - i])), rest)
    return start, end
