"""Runs the notebooks of `lineage_notebooks` in children of a process of its own, traces them and runs their slices.

Prints one JSON document: for each notebook the traces, the slice of the last cell, and what the last cell printed in the
whole run and in the run of the slice alone. Each run has a fork, and so a shell, and a folder of its own.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import matplotlib
import pandas  # noqa: F401 - loaded once, for all children
import polars  # noqa: F401 - as above
import sklearn.linear_model  # noqa: F401 - as above
from IPython.core.interactiveshell import InteractiveShell
from lineage_notebooks import NOTEBOOKS
from traitlets.config import Config

from nbtrack.analysis.lineage import Graph
from nbtrack.capture.lineage.places import Places
from nbtrack.capture.lineage.tracer import Tracer
from nbtrack.entities.lineage import Trace
from nbtrack.entities.runs import CellExecution


def run(shell: InteractiveShell, cells: list[str]) -> dict[str, Any]:
    """Run the cells, with their traces and the text of the last one."""
    traces, text = [], ""
    places = Places(str(Path.cwd()))
    tracer = Tracer(shell.user_ns, places, budget=5)
    for cell in cells:
        started = tracer.begin(shell.transform_cell(cell))
        with contextlib.redirect_stdout(io.StringIO()) as out:
            result = shell.run_cell(cell, store_history=True)
        traces.append(
            tracer.end(
                started, finished=result.success, duration=0.0, count=result.execution_count
            ).to_plain()
        )
        text = out.getvalue()
    return {"traces": traces, "text": text}


def slice_of(cells: list[str], traces: list[dict[str, Any]]) -> list[int]:
    """The places of the cells that the last one needs."""
    executed = [
        (
            CellExecution(
                id=str(place),
                cell_id=None,
                execution_count=place + 1,
                source=source,
                started="",
                duration=0.0,
                outcome="ok",
            ),
            Trace.from_plain(trace),
        )
        for place, (source, trace) in enumerate(zip(cells, traces, strict=True))
    ]
    return Graph(executed).backward([len(cells) - 1])


def in_a_child(work: Any, *arguments: Any) -> dict[str, Any]:
    """What `work` gives, in a fork and a folder of its own."""
    reader, writer = os.pipe()
    with tempfile.TemporaryDirectory() as folder:
        child = os.fork()
        if child == 0:
            try:
                os.close(reader)
                os.chdir(folder)
                answer = work(*arguments)
            except BaseException:  # noqa: BLE001 - told to the parent
                answer = {"problem": traceback.format_exc()}
            with os.fdopen(writer, "w") as pipe:
                json.dump(answer, pipe)
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            answer = json.load(pipe)
        os.waitpid(child, 0)
    return dict(answer)


def main() -> None:
    wanted = sys.argv[1:] or list(NOTEBOOKS)
    # Made once; each child has a copy of it in which nothing has run yet.
    shell: InteractiveShell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    found = {}
    for name in wanted:
        cells = NOTEBOOKS[name]
        whole = in_a_child(run, shell, cells)
        if "problem" not in whole:
            places = slice_of(cells, whole["traces"])
            needed = [cells[place] for place in places]
            alone = whole if needed == cells else in_a_child(run, shell, needed)
            whole |= {"slice": places, "alone": alone.get("text"), "problem": alone.get("problem")}
        found[name] = whole
    print(json.dumps(found))


if __name__ == "__main__":
    matplotlib.use("agg")
    main()
