"""A slice as a notebook and as a script."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from nbtrack.entities.graphs import LineageGraph, LineageNode, LineageSlice

_CELL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_OWN_MAGIC = re.compile(r"^[ \t]*%%?track\b", re.MULTILINE)
_LOADS = re.compile(r"^[ \t]*%(?:re)?load_ext[ \t]+nbtrack\b.*$", re.MULTILINE)
_BEGINS_RUN = re.compile(
    r"^[ \t]*(?:%%track\b(?![ \t]*-)|#[ \t]*nbtrack:[ \t]*run\b|%track[ \t]+start\b)", re.MULTILINE
)
_ENDS_RUN = re.compile(r"^[ \t]*%track[ \t]+end\b", re.MULTILINE)
_HEADER = re.compile(r"%%track(?![\w])[ \t]*(?P<words>.*)")
_CELL_MAGIC = re.compile(r"\s*%%(?P<name>\w+)[ \t]*(?P<line>[^\n]*)\n?(?P<body>.*)", re.DOTALL)
_LINE_MAGIC = re.compile(
    r"(?P<indent>[ \t]*)(?P<target>[\w.,\[\] ]+=[ \t]*)?%(?P<name>[A-Za-z_]\w*)[ \t]*(?P<line>.*)"
)
_SHELL = re.compile(r"(?P<indent>[ \t]*)(?P<target>[\w.,\[\] ]+=[ \t]*)?!(?P<double>!)?(?P<line>.*)")
_OF_THE_SCREEN = frozenset({"matplotlib", "load_ext", "reload_ext", "autoreload", "config", "track", "pylab"})
_RUNS_ITS_BODY = frozenset({"time", "timeit", "capture", "prun"})


def summary(graph: LineageGraph) -> str:
    """What a slice is, in one sentence without its end."""
    count = len(graph.nodes)
    of = f" of {graph.notebook.replace(chr(92), '/').rpartition('/')[2]}" if graph.notebook else ""
    what = f"the run {graph.run}" if graph.run else graph.target
    return f"{what} comes from {count:,} of the {graph.executed:,} executions{of}"


def slice_notebook(found: LineageSlice) -> dict[str, Any]:
    """An nbformat 4.5 notebook: the executed sources with what they showed, in the order of execution."""
    cells: list[dict[str, Any]] = [
        {
            "cell_type": "markdown",
            "id": "nbtrack-slice",
            "metadata": {},
            "source": f"{_first_upper(summary(found.graph))}, here in the order of execution.",
        }
    ]
    if needs_nbtrack(found.graph.nodes):
        cells.append(_code("nbtrack-load", "%load_ext nbtrack", None, []))
    taken = {str(cell["id"]) for cell in cells}
    bracket = missing_bracket(found.graph)
    for node, outputs in zip(found.graph.nodes, found.outputs, strict=True):
        name = node.cell_id if node.cell_id and _CELL_ID.fullmatch(node.cell_id) else node.execution
        name = node.execution if name in taken else name
        taken.add(name)
        if bracket and bracket[1] is None and node is found.graph.nodes[bracket[0]]:
            cells.append(_code("nbtrack-start", f"%track start {run_name(found.graph)}", None, []))
        cells.append(_code(name, node.source, node.execution_count, outputs))
    language = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return {"cells": cells, "metadata": language, "nbformat": 4, "nbformat_minor": 5}


def _code(name: str, source: str, count: int | None, outputs: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": name,
        "metadata": {},
        "source": source,
        "execution_count": count,
        "outputs": outputs,
    }


def run_name(graph: LineageGraph) -> str:
    """What the run of a slice was called when it began: ``forest`` of ``forest-3``."""
    return (graph.run or "").rpartition("-")[0] or "run"


def missing_bracket(graph: LineageGraph) -> tuple[int, int | None] | None:
    """Where a run must begin and end for its cells to be one run again: before and behind which nodes.

    The cell that said ``%track start`` is none of the run's own, so it is not in the slice; a run that was made without a
    header has neither. None where the slice begins its run itself; the end is None where it does that.
    """
    own = [place for place, node in enumerate(graph.nodes) if node.wanted]
    if graph.run is None or not own or any(_BEGINS_RUN.search(node.source) for node in graph.nodes):
        return None
    ends = any(_ENDS_RUN.search(node.source) for node in graph.nodes)
    return own[0], None if ends else own[-1]


def needs_nbtrack(nodes: Sequence[LineageNode]) -> bool:
    """Whether a slice uses nbtrack's own magics without loading them."""
    return any(_OWN_MAGIC.search(node.source) for node in nodes) and not any(
        _LOADS.search(node.source) for node in nodes
    )


def without_load(source: str) -> str:
    """The source where nbtrack is loaded already; the lines keep their numbers."""
    return _LOADS.sub("", source)


def slice_script(found: LineageSlice) -> str:
    """A Python script, a ``# %%`` cell for each execution.

    Magics that only concern the screen become comments, ``%%track`` the comment that means the same; those that run Python
    leave their Python behind, and all others become calls that IPython understands: the script's head then says so.
    """
    parts = []
    for node in found.graph.nodes:
        count = f" [{node.execution_count}]" if node.execution_count is not None else ""
        parts.append(f"# %%{count}\n{script_of(node.source).rstrip()}\n")
    body = "\n".join(parts)
    head = f"# {_first_upper(summary(found.graph))}.\n# Written by nbtrack, in the order of execution.\n"
    if "get_ipython()" in body:
        head += "# It has magics of IPython: run it with `ipython FILE`, not with `python FILE`.\n"
    return f"{head}\n{body}"


def script_of(source: str) -> str:
    """The source of a cell as lines of a script."""
    lines = source.splitlines()
    first = next((place for place, line in enumerate(lines) if line.strip()), None)
    if first is not None and (header := _HEADER.fullmatch(lines[first].strip())):
        words = header["words"].strip()
        lines[first] = f"# nbtrack: run {words}".rstrip() if words else "# nbtrack: run run"
        return "\n".join([*lines[: first + 1], *map(_script_line, lines[first + 1 :])])
    cell = _CELL_MAGIC.fullmatch(source)
    if cell is not None:
        name, line, body = cell["name"], cell["line"], cell["body"]
        if name in _RUNS_ITS_BODY:
            head = f"# %%{name} {line}".rstrip()
            return "\n".join([head, script_of(body)])
        return f"get_ipython().run_cell_magic({name!r}, {line!r}, {body!r})"
    return "\n".join(map(_script_line, lines))


def _script_line(line: str) -> str:
    if magic := _LINE_MAGIC.fullmatch(line):
        indent, target, name, rest = magic["indent"], magic["target"] or "", magic["name"], magic["line"]
        if name in _OF_THE_SCREEN:
            return f"{indent}# {line.strip()}"
        if name in _RUNS_ITS_BODY and rest and not rest.startswith("-"):
            return f"{indent}{target}{rest}"
        return f"{indent}{target}get_ipython().run_line_magic({name!r}, {rest!r})"
    if shell := _SHELL.fullmatch(line):
        indent, target, rest = shell["indent"], shell["target"] or "", shell["line"]
        call = "getoutput" if target or shell["double"] else "system"
        return f"{indent}{target}get_ipython().{call}({rest!r})"
    return line


def _first_upper(text: str) -> str:
    return (
        text if text[:1].isidentifier() and not text.startswith("the run ") else text[:1].upper() + text[1:]
    )
