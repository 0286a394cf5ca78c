"""Runs parts of a notebook, each in a fork of one process that has the libraries loaded: ``python -m corpus.replay``.

The file of cells holds a list of lists of cells; of each, what its last cell gave is written as a line.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
from pathlib import Path

import numpy

from corpus import shell

LOADED = ("matplotlib.pyplot", "pandas", "sklearn.ensemble", "statsmodels.api")


def replay(cells: list[str]) -> list[shell.Output] | None:
    """The outputs of the last cell, or None where an earlier one fails."""
    random.seed(0)
    numpy.random.seed(0)
    ip = shell.new_shell()
    for position, cell in enumerate(cells):
        shell.TAPE.outputs = []
        result = ip.run_cell(cell, store_history=True)
        if not result.success and position < len(cells) - 1:
            return None
    return shell.TAPE.outputs


def main() -> None:
    """Replay what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cells", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--mode", help="not used")
    options = parser.parse_args()
    for name in LOADED:
        importlib.import_module(name)
    for place, cells in enumerate(json.loads(options.cells.read_text(encoding="utf-8"))):
        child = os.fork()
        if child == 0:
            outputs = replay(cells)
            with options.target.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps({"cell": place, "outputs": outputs}) + "\n")
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
