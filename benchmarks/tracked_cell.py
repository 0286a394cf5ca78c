"""What nbtrack adds to a cell: remembering it, making it a run, saving its model.

Cells run in one in-process IPython shell, since a kernel's round trip is noisier than what is measured. Each kind of
cell is run plain (nbtrack paused) and remembered in turn, and the medians are compared; the reference is the plain
cell in the same process.

    python benchmarks/tracked_cell.py [--repeat 50]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

FOREST = (
    "model = RandomForestClassifier(n_estimators=100, random_state=0, n_jobs=1).fit(X, y)\n"
    "accuracy = model.score(X, y)"
)

CELLS = {
    "x = 1": ("x = 1", "x = 1"),
    "%%track, x = 1": ("x = 1", "%%track tiny\nx = 1"),
    "%%track --no-model, forest": (FOREST, f"%%track forest --no-model\n{FOREST}"),
    "%%track, forest of 100 trees": (FOREST, f"%%track forest\n{FOREST}"),
}


def run(shell: InteractiveShell, code: str) -> float:
    """Milliseconds of one execution, with the events around it."""
    began = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        shell.run_cell(code, store_history=True).raise_error()
    return (time.perf_counter() - began) * 1000


def measure(
    shell: InteractiveShell, hooks: Any, plain: str, tracked: str, repeat: int
) -> tuple[float, float, float]:
    """Medians of plain and tracked executions in turn, and the median difference of the pairs, in ms."""
    pairs = []
    for _ in range(repeat):
        hooks.paused = True
        without = run(shell, plain)
        hooks.paused = False
        pairs.append((without, run(shell, tracked)))
    medians = [statistics.median(column) for column in zip(*pairs, strict=True)]
    return medians[0], medians[1], statistics.median(after - before for before, after in pairs)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=50)
    repeat = parser.parse_args().repeat
    with tempfile.TemporaryDirectory(prefix="nbt-") as folder:
        os.environ["NBTRACK_STORE"] = str(Path(folder) / ".nbtrack")
        os.environ["IPYTHONDIR"] = str(Path(folder) / "ipython")
        shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
        run(
            shell,
            "from sklearn.datasets import load_iris\nfrom sklearn.ensemble import RandomForestClassifier",
        )
        run(shell, "X, y = load_iris(return_X_y=True)")
        run(shell, "%load_ext nbtrack")
        from nbtrack.ipython import extension

        (loaded,) = extension._loaded.values()
        hooks = loaded.hooks
        hooks.session.proxy.ask("runs.search")
        print(f"{'cell':<32}{'plain':>10}{'nbtrack':>10}{'added':>10}{'ratio':>8}")
        for title, (plain, tracked) in CELLS.items():
            before, after, added = measure(shell, hooks, plain, tracked, repeat)
            print(f"{title:<32}{before:>7.2f} ms{after:>7.2f} ms{added:>7.2f} ms{after / before:>8.2f}")
        shell.run_line_magic("unload_ext", "nbtrack")


if __name__ == "__main__":
    main()
