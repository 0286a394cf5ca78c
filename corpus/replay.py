"""Runs lists of cells, each in a fork of one process that has the libraries loaded: ``python -m corpus.replay``.

The file of cells holds the lists; of each, what its cells gave is written as a line.
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


def replay(cells: list[str]) -> list[list[shell.Output] | None]:
    """The outputs of each cell, None of one that fails; what comes behind such a one is executed all the same."""
    random.seed(0)
    numpy.random.seed(0)
    ip = shell.new_shell()
    found: list[list[shell.Output] | None] = []
    for cell in cells:
        shell.TAPE.outputs = []
        result = ip.run_cell(cell, store_history=True)
        found.append(shell.TAPE.outputs if result.success else None)
    return found


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
