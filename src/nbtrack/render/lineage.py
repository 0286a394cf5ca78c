"""Where a value came from, slices, stale cells and verdicts, as text and as static HTML.

Both are made of the same lines: a text and its weight, which is ``head``, ``bad``, ``quiet``, ``code`` or plain.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from pathlib import PurePath
from typing import TYPE_CHECKING

from nbtrack.analysis.slices import summary
from nbtrack.entities.graphs import (
    Answer,
    EdgeKind,
    LineageEdge,
    LineageGraph,
    LineageNode,
    LineageSlice,
    Replay,
    Staleness,
    Verdict,
)
from nbtrack.render.characters import visible
from nbtrack.render.numbers import duration_text, number
from nbtrack.render.telling_line import telling_line
from nbtrack.render.text_layout import line

if TYPE_CHECKING:
    from rich.text import Text

Lines = list[tuple[str, str]]

_EFFECTS = {
    "process": "starts programs",
    "network": "uses the network",
    "sql": "talks to a database",
    "outside": "writes outside of its folder",
    "install": "installs packages",
    "input": "asks for input",
}
_DEEPEST, _MOST_LINES, _MOST_NOTES = 12, 400, 12
_MOST_FITTED = 5


def styled(lines: Lines) -> list[Text]:
    """The lines for a terminal."""
    styles = {"head": "bold", "bad": "yellow", "quiet": "dim"}
    return [line("    " * (weight == "code") + text, style=styles.get(weight, "")) for text, weight in lines]


def lines_html(lines: Lines) -> str:
    """The lines for a page: what belongs together in one block."""
    sections: list[str] = []
    block: list[str] = []
    for text, weight in [*lines, ("", "head")]:
        if weight in ("code", ""):
            block.append(f"<span>{escape(text) or '&#8203;'}</span>")
            continue
        if block:
            sections.append(f"<pre>{''.join(block)}</pre>")
            block = []
        kind = {"head": "nbtrack-h", "bad": "nbtrack-b"}.get(weight, "nbtrack-q")
        kind += " nbtrack-i" * text.startswith(" ")
        if text:
            sections.append(f'<div class="{kind}">{escape(text)}</div>')
    return "".join(sections)


def graph_lines(graph: LineageGraph) -> Lines:
    """The graph as a tree: below each execution those that it needed, each with what for. None is opened twice."""
    nodes = {node.execution: node for node in graph.nodes}
    inputs: dict[str, list[LineageEdge]] = defaultdict(list)
    for edge in graph.edges:
        if edge.kind is not EdgeKind.AMBIENT:
            inputs[edge.reader].append(edge)
    for edges in inputs.values():
        edges.sort(key=lambda edge: _place(edge.key, nodes[edge.reader].source))
    lines: Lines = [(_upper(summary(graph)), "head")]
    opened: set[str] = set()
    waiting = [node.execution for node in reversed(graph.nodes) if node.wanted]
    while waiting and len(lines) < _MOST_LINES:
        top = waiting.pop(0)
        if top in opened:
            continue
        lines.append((_title(nodes[top], () if graph.run else (graph.target,)), ""))
        lines += _branches(top, nodes, inputs, opened, waiting)
    if waiting:
        lines.append((f"… {len(nodes) - len(opened):,} more executions (--json has all)", "quiet"))
    rest = [node for node in graph.nodes if node.execution not in opened]
    if rest and not waiting:
        around = {edge.producer: edge.key for edge in graph.edges if edge.kind is EdgeKind.AMBIENT}
        lines.append(("for all of them", "quiet"))
        lines += [
            (f"{_title(node)}   ({around.get(node.execution, 'needed by these')})", "") for node in rest
        ]
    return [*lines, *_remarks(graph)]


def _branches(
    top: str,
    nodes: dict[str, LineageNode],
    inputs: dict[str, list[LineageEdge]],
    opened: set[str],
    waiting: list[str],
) -> Iterator[tuple[str, str]]:
    """What an execution needed, branch by branch; without recursion, since a chain of changes may be long."""
    opened.add(top)
    stack = [("", found, last) for found, last in _marked(_groups(inputs[top]))]
    stack.reverse()
    while stack:
        indent, (producer, edges), last = stack.pop()
        words = ", ".join(dict.fromkeys(map(_wanted, edges)))
        if producer is None:
            yield f"{indent}{'└─ ' if last else '├─ '}{words}", ""
            continue
        seen = producer in opened
        keys = [edge.key for edge in edges]
        end = f"[{_count(nodes[producer])}], see above" if seen else _title(nodes[producer], keys)
        yield f"{indent}{'└─ ' if last else '├─ '}{words} ← {end}", ""
        if seen:
            continue
        inner = indent + ("   " if last else "│  ")
        below = _groups(inputs[producer])
        if below and len(inner) >= 3 * _DEEPEST:
            yield f"{inner}└─ …, see below", "code"
            waiting.append(producer)
            continue
        opened.add(producer)
        stack += reversed([(inner, found, last) for found, last in _marked(below)])


def _place(key: str, source: str) -> tuple[bool, int, str]:
    """Where a cell names a key first, so that a branch reads as the cell does; what it does not name comes last."""
    found = re.search(rf"\b{re.escape(key)}\b", source)
    return found is None, found.start() if found else 0, key


def _marked(
    groups: Sequence[tuple[str | None, list[LineageEdge]]],
) -> Iterator[tuple[tuple[str | None, list[LineageEdge]], bool]]:
    return ((group, place == len(groups) - 1) for place, group in enumerate(groups))


def _groups(edges: Iterable[LineageEdge]) -> list[tuple[str | None, list[LineageEdge]]]:
    """The edges by their producer; what came from outside stands last."""
    found: dict[str | None, list[LineageEdge]] = defaultdict(list)
    for edge in edges:
        found[edge.producer].append(edge)
    return sorted(found.items(), key=lambda item: item[0] is None)


def _wanted(edge: LineageEdge) -> str:
    what = edge.key.partition(":")[2]
    if edge.kind is EdgeKind.RANDOM:
        text = _shown_key(edge.key)
    elif edge.kind is EdgeKind.FILE:
        text = f"file {PurePath(what).name}"
    elif edge.kind is EdgeKind.OUTPUT:
        text = f"Out[{what}]"
    else:
        text = edge.key
        if edge.kind is EdgeKind.MUTATION:
            text += " (changed)"
        elif edge.producer is None:
            text += " (made by no remembered cell)"
    return visible(text, 60) + " ?" * bool(edge.note)


def _shown_key(key: str) -> str:
    """A key as a reader calls it."""
    kind, _, what = key.partition(":")
    shown = {"file": PurePath(what).name, "random": f"random numbers of {what}"}.get(kind, key)
    return visible(shown, 60)


def _count(node: LineageNode) -> str:
    return " " if node.execution_count is None else str(node.execution_count)


def _title(node: LineageNode, keys: Sequence[str] = ()) -> str:
    """An execution in one line: its count, the line that tells most of `keys`, its run, how it ended."""
    parts = [f"[{_count(node)}] {telling_line(node.source, keys)}"]
    if node.run:
        parts.append(visible(node.run, 40))
    elif node.fitted:  # a run is called after what it fitted
        parts.append(f"fitted {visible(', '.join(list(node.fitted)[:_MOST_FITTED]), 60)}")
    if node.outcome != "ok":
        parts.append({"error": "failed"}.get(node.outcome, node.outcome))
    return " · ".join(parts)


def _remarks(graph: LineageGraph) -> Lines:
    """What a reader must know: what is only assumed, what no cell made, what executing it again would do."""
    lines: Lines = []
    if graph.unknown:
        names = ", ".join(visible(name, 60) for name in graph.unknown[:_MOST_NOTES])
        lines.append((f"made by no remembered cell: {names}", "bad"))
    doubts: dict[str, dict[str, None]] = defaultdict(dict)
    for edge in graph.edges:
        if edge.note:
            doubts[edge.note][_shown_key(edge.key)] = None
    for why, keys in list(doubts.items())[:_MOST_NOTES]:
        more = f" and {len(keys) - _MOST_NOTES:,} more" if len(keys) > _MOST_NOTES else ""
        lines.append((f"? {', '.join(list(keys)[:_MOST_NOTES])}{more}: {visible(why, 200)}", "quiet"))
    if len(doubts) > _MOST_NOTES:
        lines.append((f"? {len(doubts) - _MOST_NOTES:,} more reasons (--json has all)", "quiet"))
    return [*lines, *effect_lines(graph)]


def effect_lines(graph: LineageGraph) -> Lines:
    """The cells that do more than compute, each with what."""
    lines: Lines = []
    for node in graph.nodes:
        told = [_EFFECTS.get(effect, visible(effect, 40)) for effect in node.effects]
        if told:
            commands = "; ".join(visible(command, 120) for command in node.commands[:3])
            lines.append((f"[{_count(node)}] {', '.join(told)}{': ' * bool(commands)}{commands}", "bad"))
    return lines


def slice_lines(found: LineageSlice) -> Lines:
    """The cells of a slice below each other."""
    lines: Lines = [(_upper(summary(found.graph)), "head")]
    for node in found.graph.nodes:
        run = f" · {visible(node.run, 40)}" if node.run else ""
        lines.append((f"[{_count(node)}]{run}", "quiet"))
        lines += [
            (visible(text, 500, keep=chr(9)).expandtabs(4), "code") for text in node.source.splitlines()
        ]
    if found.files:
        names = ", ".join(visible(path, 200) for path in found.files[:_MOST_NOTES])
        lines.append((f"reads {names}", "quiet"))
    return [*lines, *_remarks(found.graph)]


def stale_lines(found: Staleness) -> Lines:
    """The stale cells, each with why."""
    of = f" in {visible(PurePath(found.notebook).name, 80)}" if found.notebook else ""
    count = len(found.stale)
    head = f"{count:,} of {found.cells:,} cells {'is' if count == 1 else 'are'} stale{of}"
    lines: Lines = [
        (head if count else f"No cell is stale{of}: all {found.cells:,} fit what they read.", "head")
    ]
    for cell in found.stale:
        number_ = " " if cell.execution_count is None else str(cell.execution_count)
        lines.append((f"[{number_}] {telling_line(cell.source)}", ""))
        lines += [(f"      {visible(reason, 300)}", "bad") for reason in cell.reasons]
    return [*lines, *((note, "quiet") for note in found.notes)]


def verdict_lines(found: Verdict) -> Lines:
    """The verdict in short: what does not hold or is not known, and in one line what does."""
    if not found.lines:
        return []
    good = [item.question for item in found.lines if item.answer is Answer.OK]
    lines: Lines = [("honesty", "head")]
    for item in found.lines:
        if item.answer is not Answer.OK:
            mark = "no" if item.answer is Answer.NO else "not known"
            weight = "bad" if item.answer is Answer.NO else "quiet"
            lines.append((f"  {item.question}: {mark}, {visible(item.reason, 300)}", weight))
    if len(good) == len(found.lines):
        lines.append((f"  the notebook shows how it came about: {', '.join(good)}", "quiet"))
    elif good:
        lines.append((f"  holds: {', '.join(good)}", "quiet"))
    return lines


def replay_lines(found: Replay) -> Lines:
    """What came of executing a slice again: the cells and metrics that differ, and how many do not."""
    word = "the same" if found.same else "not the same"
    lines: Lines = [
        (f"{visible(found.target, 80)} executed again in a clean kernel: {word}", "head"),
        (f"{_told(found)} · took {duration_text(found.duration)}", "quiet"),
    ]
    for metric in found.metrics:
        after = "not found" if metric.after is None else number(metric.after, 6)
        text = f"  {visible(metric.name, 60)} {number(metric.before, 6)}"
        lines.append((text if metric.same else f"{text} → {after}", "" if metric.same else "bad"))
    for cell in found.cells:
        if cell.answer in ("differs", "failed"):
            count = " " if cell.execution_count is None else str(cell.execution_count)
            verb = "differs" if cell.answer == "differs" else "failed"
            lines.append((f"[{count}] {telling_line(cell.source)}: {verb}", "bad"))
            lines += [(f"- {text}", "code") for text in _some(cell.before)]
            lines += [(f"+ {text}", "code") for text in _some(cell.after)]
    return [*lines, *((visible(note, 300), "quiet") for note in found.notes)]


def _told(found: Replay) -> str:
    same = sum(cell.answer == "same" for cell in found.cells)
    shown = len(found.cells) - sum(cell.answer == "silent" for cell in found.cells)
    if not shown:
        return f"none of its {len(found.cells):,} cells shows text"
    return f"{same:,} of {shown:,} cells with text show the same, of {len(found.cells):,} in all"


def _some(text: str) -> list[str]:
    given = text.splitlines()
    return [visible(item, 200) for item in given[:6]] + [f"… {len(given) - 6:,} more"] * (len(given) > 6)


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:] if text.startswith("the run ") else text
