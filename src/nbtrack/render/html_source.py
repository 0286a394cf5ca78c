"""Changes of source code and notebooks as static HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from nbtrack.analysis.alignment import source_of
from nbtrack.analysis.lines import Line, line_diff
from nbtrack.entities.snapshots import CellChange, CellChangeKind, NotebookDiff, NumberChange
from nbtrack.render.characters import visible
from nbtrack.render.text_source import change_title, diff_summary, module_sign, module_title, number_text

_CLASSES = {
    "same": "",
    "removed": ' class="nbtrack-m"',
    "added": ' class="nbtrack-p"',
    "skipped": ' class="nbtrack-s"',
}
_SIGNS = {"same": "&nbsp; ", "removed": "- ", "added": "+ ", "skipped": "⋮ "}
_MOST_LINES = 200
_MOST_CELLS = 100


def bdi(text: str) -> str:
    """Escaped text that cannot turn its surroundings round."""
    return f"<bdi>{escape(text)}</bdi>"


def fold(title: str, body: str) -> str:
    """Something that opens on a click, without JavaScript."""
    return f'<details><summary class="nbtrack-q">{escape(title)}</summary>{body}</details>'


def source_html(source: str, most: int) -> str:
    """Source code; of long code its beginning."""
    lines = source.splitlines()
    shown = [f"<span>{escape(_clean(line)) or '&#8203;'}</span>" for line in lines[:most]]
    if len(lines) > most:
        shown.append(f'<span class="nbtrack-s">… {len(lines) - most:,} more</span>')
    return f"<pre>{''.join(shown)}</pre>"


def source_change(before: str, after: str) -> str:
    """The lines that went and came, with the words that changed marked."""
    found = line_diff(before, after)
    lines = [_line(item) for item in found[:_MOST_LINES]]
    if len(found) > _MOST_LINES:
        lines.append(f'<span class="nbtrack-s">… {len(found) - _MOST_LINES:,} more</span>')
    return f"<pre>{''.join(lines)}</pre>"


def _line(item: Line) -> str:
    parts = (
        f"<span>{escape(_clean(part))}</span>" if changed else escape(_clean(part))
        for part, changed in item.parts
    )
    return f"<span{_CLASSES[item.kind]}>{_SIGNS[item.kind]}{''.join(parts)}</span>"


def _clean(text: str) -> str:
    return visible(text, 500, keep="\t").expandtabs(4)


def diff_html(diff: NotebookDiff) -> str:
    """A notebook diff: changed cells only, the others counted."""
    head = f'<div class="nbtrack-h">{bdi(visible(diff.base, 60))} → {bdi(visible(diff.head, 60))}</div>'
    sections = [head, f'<div class="nbtrack-q">{escape(diff_summary(diff))}</div>']
    unchanged = number = shown = 0
    for change in [*diff.cells, None]:
        number += change is not None and change.after is not None
        if change is not None and change.kind is CellChangeKind.UNCHANGED and not change.numbers:
            unchanged += 1
            continue
        if unchanged:
            sections.append(
                f'<div class="nbtrack-q">⋮ {unchanged:,} unchanged cell{"s" * (unchanged > 1)}</div>'
            )
            unchanged = 0
        if change is not None:
            shown += 1
            if shown <= _MOST_CELLS:
                sections.append(_change(change, number))
    if shown > _MOST_CELLS:
        sections.append(f'<div class="nbtrack-q">… {shown - _MOST_CELLS:,} more cells that differ</div>')
    if diff.numbers:
        sections += ['<div class="nbtrack-h">what no cell names</div>', _numbers(diff.numbers)]
    for module in diff.modules[:_MOST_CELLS]:
        title = f"{module_sign(module)} {module_title(module)}"
        sections.append(f'<div class="nbtrack-h">{escape(title)}</div>')
        sections.append(source_change(module.before or "", module.after or ""))
    return "".join(sections)


def _change(change: CellChange, number: int) -> str:
    signs = {"added": "+", "removed": "−", "moved": "↕", "unchanged": "="}
    title = (
        f'<div class="nbtrack-h">{signs.get(change.kind, "~")} {escape(change_title(change, number))}</div>'
    )
    before = source_of(change.before) if change.before else ""
    after = source_of(change.after) if change.after else ""
    numbers = _numbers(change.numbers)
    if change.source_changed or change.before is None or change.after is None:
        return title + source_change(before, after) + numbers
    return title + source_html(after, 3) + numbers


def _numbers(changes: Sequence[NumberChange]) -> str:
    """The values that differ, those for the better and the worse in their colours."""
    classes = {True: " nbtrack-g", False: " nbtrack-b", None: ""}
    return "".join(
        f'<div class="nbtrack-i{classes[change.better]}">{escape(number_text(change))}</div>'
        for change in changes
    )
