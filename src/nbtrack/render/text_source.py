"""Changes of source code and notebooks as lines of terminal text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbtrack.analysis.alignment import source_of
from nbtrack.analysis.lines import line_diff
from nbtrack.entities.snapshots import CellChange, CellChangeKind, ModuleChange, NotebookDiff
from nbtrack.render.characters import visible
from nbtrack.render.numbers import counted
from nbtrack.render.text_layout import dim, line, source_lines

if TYPE_CHECKING:
    from rich.text import Text

_SIGNS = {"same": "   ", "removed": " - ", "added": " + ", "skipped": " ⋮ "}
_STYLES = {"same": "", "removed": "red", "added": "green", "skipped": "dim"}
_MOST_LINES = 200


def source_change(before: str, after: str) -> list[Text]:
    """The lines that went and came, with the words that changed in bold."""
    found = line_diff(before, after)
    lines = []
    for item in found[:_MOST_LINES]:
        text = line("  ", _SIGNS[item.kind], style=_STYLES[item.kind])
        for part, changed in item.parts:
            text.append(visible(part, 500, keep="\t").expandtabs(4), style="bold" if changed else None)
        lines.append(text)
    if len(found) > _MOST_LINES:
        lines.append(dim(f"    … {len(found) - _MOST_LINES:,} more"))
    return lines


def diff_summary(diff: NotebookDiff) -> str:
    """How many cells were added, removed, changed and moved."""
    counts = {kind: sum(cell.kind is kind for cell in diff.cells) for kind in CellChangeKind}
    named = [
        f"{counts[kind]:,} {kind.value}" for kind in CellChangeKind if counts[kind] and kind != "unchanged"
    ]
    cells = counted(sum(counts.values()), "cell")
    said = f"{', '.join(named)} of {cells}" if named else f"no cell differs ({cells})"
    return said + (f" · {counted(len(diff.modules), 'module')} changed" if diff.modules else "")


def module_sign(change: ModuleChange) -> str:
    """The sign in front of a module: that of something that came, went or changed."""
    return "+" if change.before is None else "-" if change.after is None else "~"


def module_title(change: ModuleChange) -> str:
    """What happened to a module, in words."""
    kind = "added" if change.before is None else "removed" if change.after is None else "changed"
    return f"module {visible(change.path, 200)} {kind}"


def change_title(change: CellChange, number: int) -> str:
    """What happened to a cell, in words; `number` is its place."""
    cell = change.after or change.before or {}
    kind = visible(str(cell.get("cell_type", "")), 20)
    if change.kind is CellChangeKind.REMOVED:
        return f"{kind} cell removed" + (f" (stood behind cell {number})" if number else " (stood first)")
    title = f"{kind} cell {number} {change.kind.value}"
    if change.kind is CellChangeKind.MOVED and change.source_changed:
        title += " and changed"
    if change.kind in (CellChangeKind.CHANGED, CellChangeKind.MOVED):
        if change.outputs_changed:
            title += " · outputs differ"
        if change.kind is CellChangeKind.CHANGED and not (change.source_changed or change.outputs_changed):
            title += " · only its metadata or attachments"
    return title


def diff_lines(diff: NotebookDiff) -> list[Text]:
    """A notebook diff: changed cells only, the others counted."""
    head = line(f"{visible(diff.base, 60)} → {visible(diff.head, 60)}", style="bold")
    lines = [head, dim(diff_summary(diff))]
    unchanged = number = 0
    for change in [*diff.cells, None]:
        number += change is not None and change.after is not None
        if change is not None and change.kind is CellChangeKind.UNCHANGED:
            unchanged += 1
            continue
        if unchanged:
            lines += [line(), dim(f"⋮ {unchanged:,} unchanged cell{'s' * (unchanged > 1)}")]
            unchanged = 0
        if change is not None:
            lines += [line(), *_change_lines(change, number)]
    for module in diff.modules:
        title = line(f"{module_sign(module)} {module_title(module)}", style="bold yellow")
        lines += [line(), title, *source_change(module.before or "", module.after or "")]
    return lines


def _change_lines(change: CellChange, number: int) -> list[Text]:
    signs = {"added": ("+", "green"), "removed": ("-", "red"), "moved": ("↕", "cyan")}
    sign, style = signs.get(change.kind, ("~", "yellow"))
    title = line(f"{sign} {change_title(change, number)}", style=f"bold {style}")
    before = source_of(change.before) if change.before else ""
    after = source_of(change.after) if change.after else ""
    if change.source_changed or change.before is None or change.after is None:
        return [title, *source_change(before, after)]
    return [title, *source_lines(after, 3)]
