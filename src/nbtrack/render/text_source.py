"""Changes of source code and notebooks as lines of terminal text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbtrack.analysis.alignment import source_of
from nbtrack.analysis.lines import line_diff
from nbtrack.entities.snapshots import CellChange, CellChangeKind, ModuleChange, NotebookDiff, NumberChange
from nbtrack.entities.values import JSONValue
from nbtrack.render.characters import visible
from nbtrack.render.numbers import counted, pair, value
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
        where = f" (stood behind cell {number})" if number else " (stood first)"
        return f"{kind} cell removed{where}" + (f" · {change.note}" if change.note else "")
    title = f"{kind} cell {number} {change.kind.value}"
    if change.note:
        title += f" · {change.note}"
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
        if change is not None and change.kind is CellChangeKind.UNCHANGED and not change.numbers:
            unchanged += 1
            continue
        if unchanged:
            lines += [line(), dim(f"⋮ {unchanged:,} unchanged cell{'s' * (unchanged > 1)}")]
            unchanged = 0
        if change is not None:
            lines += [line(), *_change_lines(change, number)]
    if diff.numbers:
        lines += [line(), line("what no cell names", style="bold"), *map(_number_line, diff.numbers)]
    for module in diff.modules:
        title = line(f"{module_sign(module)} {module_title(module)}", style="bold yellow")
        lines += [line(), title, *source_change(module.before or "", module.after or "")]
    return lines


def number_text(change: NumberChange) -> str:
    """A value that differs, in words: ``param max_depth 3 → 5``."""
    if isinstance(change.before, float) and isinstance(change.after, float):
        sides = pair(change.before, change.after)
    else:
        sides = _side(change.before), _side(change.after)
    return f"{change.kind} {visible(change.name, 60)} {sides[0]} → {sides[1]}"


def _side(given: JSONValue) -> str:
    return "none" if given is None else value(given, 60)


def _number_line(change: NumberChange) -> Text:
    good = {True: "green", False: "red", None: ""}[change.better]
    return line("  ", number_text(change), style=good)


def _change_lines(change: CellChange, number: int) -> list[Text]:
    signs = {"added": ("+", "green"), "removed": ("-", "red"), "moved": ("↕", "cyan"), "unchanged": ("=", "")}
    sign, style = signs.get(change.kind, ("~", "yellow"))
    title = line(f"{sign} {change_title(change, number)}", style=f"bold {style}")
    before = source_of(change.before) if change.before else ""
    after = source_of(change.after) if change.after else ""
    numbers = [_number_line(found) for found in change.numbers]
    if change.source_changed or change.before is None or change.after is None:
        return [title, *source_change(before, after), *numbers]
    return [title, *source_lines(after, 3), *numbers]
