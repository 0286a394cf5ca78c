"""What two executions of the same cells showed, compared without what differs each time: addresses, times, progress."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from nbtrack.entities.graphs import EdgeKind, LineageGraph, LineageNode, ReplayedCell, ReplayedMetric

_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_MASKS = (
    (re.compile(r"0x[0-9a-fA-F]{4,}"), "0x…"),
    (re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"), "‹time›"),
    (re.compile(r"\b\d{1,2}:\d\d:\d\d(?:[.,]\d+)?"), "‹time›"),
    (re.compile(r"\d[\d.,]*(?:e[+-]?\d+)? ?(?:ns|µs|μs|us|ms|min|sec(?:onds?)?|seconds|minutes|hours|s|h)\b"), "‹duration›"),
    (re.compile(r"\d[\d.,]* ?(?:it|iter|batch|sample|step|row|B|kB|MB|GB)(?:es|s)?/s\b"), "‹speed›"),
    (re.compile(r"ipykernel_\d+/\d+|ipython-input-\d+-\w+"), "‹cell›"),
    (re.compile(r"\bIn ?\[\d+\]|\bOut ?\[\d+\]|cell line: \d+"), "‹cell›"),
    (re.compile(r"<(?:Figure size|matplotlib\.|Axes)[^>]*>"), "‹figure›"),
)  # fmt: skip
_TIMED = re.compile(
    r"^(?:CPU times:|Wall time:|Compiler time:|real\b|user\b|sys\b).*$|\r[^\n]*(?=\n|$)|^.*\|[█▏▎▍▌▋▊▉#\s]*\|.*$",
    re.MULTILINE,
)
_OWN = 'class="nbtrack'
_SAME = 1e-9
"""Metrics may differ by this part: sums over threads come in any order."""


def text_of(outputs: Sequence[Mapping[str, Any]]) -> str:
    """All text that a cell showed: streams, results, what it displayed, and the kind of error that it ended with."""
    parts = []
    for output in outputs:
        kind = output.get("output_type")
        data = output.get("data")
        if kind == "stream":
            parts.append(_joined(output.get("text", "")))
        elif kind == "error":
            parts.append(f"{output.get('ename', '')}: {output.get('evalue', '')}")
        elif isinstance(data, Mapping) and _OWN not in _joined(data.get("text/html", "")):
            parts.append(_joined(data.get("text/plain", "")))
    return "\n".join(part.rstrip("\n") for part in parts if part)


def _joined(text: object) -> str:
    return "".join(map(str, text)) if isinstance(text, list) else str(text)


def masked(text: str, folders: Mapping[str, str] | None = None) -> str:
    """The text without what differs in each execution; `folders` are put into the place of others."""
    for before, after in (folders or {}).items():
        text = text.replace(before, after)
    text = _TIMED.sub("", _ANSI.sub("", text))
    for pattern, instead in _MASKS:
        text = pattern.sub(instead, text)
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip())


def compare_cells(
    nodes: Sequence[LineageNode],
    before: Sequence[Sequence[Mapping[str, Any]]],
    after: Sequence[Sequence[Mapping[str, Any]] | None],
    folders: Mapping[str, str],
) -> list[ReplayedCell]:
    """Each cell with what it showed before and now; None: it was not reached."""
    found = []
    for node, old, new in zip(nodes, before, after, strict=True):
        was, now = masked(text_of(old)), masked(text_of(new or []), folders)
        failed = new is None or any(output.get("output_type") == "error" for output in new)
        if failed and node.outcome == "ok":
            answer = "failed"
            now = now or "it was not reached"
        elif was == now:
            answer = "same" if was else "silent"
        else:
            answer = "differs"
        changed = answer in ("differs", "failed")
        found.append(
            ReplayedCell(
                execution_count=node.execution_count,
                source=node.source,
                answer=answer,
                before=was if changed else "",
                after=now if changed else "",
            )
        )
    return found


def compare_metrics(before: Mapping[str, float], after: Mapping[str, float]) -> list[ReplayedMetric]:
    """Each metric of a run with its value now."""
    return [
        ReplayedMetric(name=name, before=value, after=after.get(name), same=_same(value, after.get(name)))
        for name, value in before.items()
    ]


def _same(before: float, after: float | None) -> bool:
    if after is None:
        return False
    if math.isnan(before) or math.isnan(after):
        return math.isnan(before) and math.isnan(after)
    return before == after or math.isclose(before, after, rel_tol=_SAME)


def unseeded(graph: LineageGraph) -> list[str]:
    """The generators that cells surely drew from and that none of them had seeded, such as ``random numbers of numpy``."""
    kinds = {
        edge.key.partition(":")[2]
        for edge in graph.edges
        if edge.kind is EdgeKind.RANDOM and edge.producer is None and edge.note is None
    }
    return [f"random numbers of {kind}" for kind in sorted(kinds)]
