"""Runs the cells of one notebook in this process and writes what each of them gave: ``python -m corpus.child``.

The process is the notebook's own: what it leaves behind dies with it, and its exit code belongs to the result. Lines are
written one by one, so that a notebook that ends its process has told all up to there.
"""

from __future__ import annotations

import argparse
import json
import random
from json import dumps  # by name, as the next: a notebook may put something else into the module
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy

from corpus import shell, state
from corpus.oracle import Oracle


def run(cells: list[str], target: Path, mode: str, *, go_on: bool = False) -> None:
    """Run the cells in a shell of this process; `go_on` is whether also after one that fails.

    `mode` is plain, tracked, run (all of it one run) or oracle (without nbtrack, with instruments of our own).
    """
    with target.open("w", encoding="utf-8") as lines:

        def write(line: dict[str, Any]) -> None:
            lines.write(dumps(line) + "\n")
            lines.flush()

        random.seed(0)  # what draws without a seed of its own is then the same in each run
        numpy.random.seed(0)
        ip = shell.new_shell()
        began = perf_counter()
        witness = None
        if mode == "oracle":
            witness = Oracle()
            witness.begin()
        if mode in ("tracked", "run"):
            ip.run_line_magic("load_ext", "nbtrack")
        if mode == "run":
            ip.run_line_magic("track", "start all")
        write({"load": perf_counter() - began, "said": shell.TAPE.outputs})
        for position, cell in enumerate(cells):
            shell.TAPE.outputs = []
            began, busy = perf_counter(), process_time()
            result = ip.run_cell(cell, store_history=True)
            took, worked = perf_counter() - began, process_time() - busy
            error = result.error_before_exec or result.error_in_exec
            line = {
                "cell": position,
                "took": took,
                "worked": worked,
                "outputs": shell.TAPE.outputs,
                "error": type(error).__qualname__ if error is not None else None,
                "state": state.state(ip),
            }
            if witness is not None:
                line["seen"] = witness.of_cell(ip.user_ns)
            write(line)
            if error is not None and not go_on:
                break
        shell.TAPE.outputs = []
        write({"end": state.values(ip.user_ns), "modules": state.modules()})


def main() -> None:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cells", type=Path, help="a JSON list of sources")
    parser.add_argument("target", type=Path, help="the lines about each cell")
    parser.add_argument("--mode", choices=("plain", "tracked", "run", "oracle"), default="plain")
    parser.add_argument("--go-on", action="store_true", help="run the cells after one that fails too")
    options = parser.parse_args()
    cells = json.loads(options.cells.read_text(encoding="utf-8"))
    run(cells, options.target, options.mode, go_on=options.go_on)


if __name__ == "__main__":
    main()
