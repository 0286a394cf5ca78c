"""What the trace of a cell costs: the looks before and behind it, and what the cell itself becomes slower by.

Cells run in one in-process IPython shell. For each kind of cell the looks are timed by themselves, without the rest of
nbtrack, and the cell is timed with and without a trace in turn, so that a busy machine meets both. Medians are printed.

    python benchmarks/trace.py [--repeat 50]
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

import numpy as np
import pandas as pd
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from nbtrack.capture.lineage.places import Places
from nbtrack.capture.lineage.tracer import Tracer

DEEP = """
class Node:
    def __init__(self, depth, parent=None):
        self.parent, self.cache, self.data = parent, {}, [depth] * 5
        self.children = [Node(depth - 1, self) for _ in range(4)] if depth else []
    def summary(self):
        return len(self.children)
results = [Node(6) for _ in range(8)]
"""

CELLS = {
    "x = 1, 1,000 variables": ("", "x = 1"),
    "x = 1, and a DataFrame of 1 GB": ("frame = pd.DataFrame(np.zeros((1_000_000, 125)))", "x = 1"),
    "reads that DataFrame (its shape)": ("", "n = frame.shape[0]"),
    "sums an array of 100 MB": ("big = np.ones(13_000_000)", "s = big.sum()"),
    "loop of 1,000,000": ("", "t = 0\nfor i in range(1_000_000):\n    t += i"),
    "1,000,000 calls of a function": (
        "def f(v):\n    return v + 1",
        "t = 0\nfor i in range(1_000_000):\n    t = f(t)",
    ),
    "1,000 opened files": (
        "name = 'small.txt'\nopen(name, 'w').close()",
        "for i in range(1_000):\n    open(name).close()",
    ),
    "a graph of 43,000 objects": (DEEP, "r = results[0].summary()"),
    "list of 100,000 dicts": ("rows = [{'v': i} for i in range(100_000)]", "k = rows[5]['v']"),
    "forest of 100 trees": (
        "from sklearn.ensemble import RandomForestClassifier\nfrom sklearn.datasets import load_iris\n"
        "X, y = load_iris(return_X_y=True)",
        "model = RandomForestClassifier(random_state=0, n_jobs=1).fit(X, y)\naccuracy = model.score(X, y)",
    ),
    "plots on a figure": (
        "import matplotlib; matplotlib.use('agg')\nimport matplotlib.pyplot as plt",
        "fig, ax = plt.subplots()\nline = ax.plot([1, 2])\nplt.close(fig)",
    ),
}


class Bench:
    """One shell with 1,000 variables."""

    def __init__(self, folder: str) -> None:
        self.shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
        self.shell.user_ns.update({f"v{number}": number * 0.5 for number in range(900)})
        self.shell.user_ns.update({f"l{number}": [number] for number in range(100)}, np=np, pd=pd)
        self.tracer = Tracer(self.shell.user_ns, Places(folder))

    def run(self, code: str, *, traced: bool) -> tuple[float, float, float]:
        """Milliseconds of the cell itself, and of the looks before and behind it."""
        transformed = self.shell.transform_cell(code)
        began = time.perf_counter()
        started = self.tracer.begin(transformed) if traced else None
        looked = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            self.shell.run_cell(code).raise_error()
        ran = time.perf_counter()
        if started is not None:
            self.tracer.end(started, finished=True, duration=ran - looked)
        else:
            self.tracer.forget()
        ended = time.perf_counter()
        return (ran - looked) * 1000, (looked - began) * 1000, (ended - ran) * 1000


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=50)
    parser.add_argument("--profile", default="", help="profile the looks of the cell whose name begins so")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nbt-") as folder:
        os.chdir(folder)
        bench = Bench(str(Path(folder)))
        print(f"{'cell':<36}{'plain':>11}{'traced':>11}{'before':>11}{'behind':>11}{'added':>9}")
        for title, (setup, code) in CELLS.items():
            bench.run(setup, traced=True)
            bench.run(code, traced=True)
            if arguments.profile and title.startswith(arguments.profile):
                profile(bench, code)
            repeat = (
                arguments.repeat if not code.startswith(("t = 0", "model")) else min(arguments.repeat, 10)
            )
            plain, traced = [], []
            for _ in range(repeat):
                plain.append(bench.run(code, traced=False)[0])
                bench.run("pass", traced=True)
                traced.append(bench.run(code, traced=True))
            cell, before, behind = (statistics.median(column) for column in zip(*traced, strict=True))
            print(
                f"{title:<36}{statistics.median(plain):>8.2f} ms{cell:>8.2f} ms{before:>8.3f} ms{behind:>8.3f} ms"
                f"{before + behind:>6.2f} ms"
            )
        os.chdir("/")


def profile(bench: Bench, code: str) -> None:
    """Where the looks spend their time."""
    import cProfile
    import pstats

    profiler = cProfile.Profile()
    for _ in range(200):
        profiler.enable()
        started = bench.tracer.begin(code)
        profiler.disable()
        bench.shell.run_cell(code)
        profiler.enable()
        bench.tracer.end(started, finished=True, duration=0.0)
        profiler.disable()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(14)


if __name__ == "__main__":
    main()
