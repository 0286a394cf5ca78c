"""What capture costs, what of a notebook it finds, and whether its slices give the same again.

- `overhead`: cells in one in-process shell, remembered and paused in turn; medians of the pairs' differences.
- `corpus`: foreign notebooks (see `corpus/`), each in three processes: plain, with nbtrack, and under an oracle, which has
  instruments of its own at the libraries' classes and knows nothing of nbtrack. Of what the oracle saw: the share that the
  store has. The processor's time with nbtrack beside that without. And slices: the executions that a cell needed are run
  again by themselves, and must print what the cell printed; a model that the cell left must make the same of its data.

    python benchmarks/capture.py [overhead] [corpus] [--most 40] [--json FILE] [--misses FILE]

The corpus wants `python -m pip install uv jupytext imbalanced-learn statsmodels seaborn`.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from corpus.completeness import Tally, compare
from corpus.notebooks import corpus
from corpus.pairs import Zygote

VARIABLES = "for _i in range(1000): globals()[f'v{_i}'] = [_i, str(_i), _i / 2, [_i] * 10][_i % 4]"
FRAME = "import numpy as np, pandas as pd; frame = pd.DataFrame(np.random.rand(1_250_000, 100))"
FOREST = "model = RandomForestClassifier(10, random_state=0).fit(X, y); accuracy = model.score(X, y)"
LIBRARIES = (
    "from sklearn.datasets import load_iris\nfrom sklearn.ensemble import RandomForestClassifier\n"
    "X, y = load_iris(return_X_y=True)"
)
CELLS = [
    ("trivial cell, 1,000 variables", VARIABLES, "x = 1", 0.5),
    ("trivial cell, beside a data frame of 1 GB", FRAME, "x = 1", 1.0),
    ("a cell that reads the data frame of 1 GB", FRAME, "n = len(frame)", 1.0),
    ("RandomForestClassifier(10).fit and score", LIBRARIES, FOREST, 3.0),
]

# What it costs


def overhead(repeat: int) -> list[dict[str, Any]]:
    """Milliseconds of the processor that each kind of cell takes, and those that nbtrack adds."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="nbt-") as folder:
        os.environ["NBTRACK_STORE"] = str(Path(folder) / ".nbtrack")
        os.environ["IPYTHONDIR"] = str(Path(folder) / "ipython")
        os.environ["NBTRACK_KEEPER_IDLE"] = "2"
        shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
        _run(shell, "%load_ext nbtrack")
        from nbtrack.ipython import extension

        (loaded,) = extension._loaded.values()
        hooks = loaded.hooks
        assert hooks is not None
        for title, before, code, goal in CELLS:
            _run(shell, "%reset -f")  # what one kind needs stands in no other's way
            _run(shell, before)
            pairs = []
            for _ in range(repeat):
                hooks.paused = True
                plain = _run(shell, code)
                hooks.paused = False
                pairs.append((plain, _run(shell, code)))
            added = sorted(after - before for before, after in pairs[2:])
            rows.append(
                {
                    "cell": title,
                    "plain": statistics.median(plain for plain, _ in pairs),
                    "added": statistics.median(added),
                    "least": added[0],
                    "goal": goal,
                }
            )
        _run(shell, "%unload_ext nbtrack")
    print(f"{'cell':<44}{'plain':>10}{'added':>10}{'least':>10}{'goal':>10}")
    for row in rows:
        print(
            f"{row['cell']:<44}{row['plain']:>7.2f} ms{row['added']:>7.2f} ms{row['least']:>7.2f} ms{row['goal']:>7.1f} ms"
        )
    return rows


def _run(shell: InteractiveShell, code: str) -> float:
    """Milliseconds of this thread on the processor: those of the clock are the neighbours' as well."""
    began = time.thread_time_ns()
    with contextlib.redirect_stdout(io.StringIO()):
        shell.run_cell(code, store_history=True).raise_error()
    return (time.thread_time_ns() - began) / 1e6


# What it finds


def foreign(most: int, tally: Tally, misses: Path | None, keep: Callable[[dict[str, Any]], None]) -> None:
    """Count over the corpus until `most` notebooks have run or it is interrupted; files are written after each."""
    try:
        for notebook in corpus():
            if tally.notebooks >= most:
                break
            if not compare(notebook, tally):
                continue
            print(
                f"{tally.notebooks:>4} {tally.ratios[-1]:6.3f}  {notebook.name}", file=sys.stderr, flush=True
            )
            if misses is not None:
                misses.write_text("\n".join(tally.misses) + "\n", encoding="utf-8")
            keep(tally.figures())
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
    tally.zygote.close()
    if not tally.notebooks:
        raise SystemExit("None of the notebooks runs here.")
    print("\n".join(tally.lines()))


def main() -> None:
    """Measure what the command line names, or all of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", choices=["overhead", "corpus", []], metavar="overhead|corpus")
    parser.add_argument("--repeat", type=int, default=100, help="executions of each cell")
    parser.add_argument("--most", type=int, default=1000, help="notebooks that run")
    parser.add_argument(
        "--limit", type=float, default=10, help="seconds of the processor for a plain notebook"
    )
    parser.add_argument(
        "--targets",
        type=int,
        default=6,
        help="cells that print, and models, of a notebook whose slices are tried",
    )
    parser.add_argument("--json", type=Path, help="a file for the figures")
    parser.add_argument("--misses", type=Path, help="a file for what was not found, a line each")
    options = parser.parse_args()
    parts = options.parts or ["overhead", "corpus"]
    figures: dict[str, Any] = {}

    def keep(part: str, found: Any) -> None:
        figures[part] = found
        if options.json:
            options.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")

    if "overhead" in parts:
        keep("overhead", overhead(options.repeat))
    if "corpus" in parts:
        foreign(
            options.most,
            Tally(Zygote(), options.limit, options.targets),
            options.misses,
            partial(keep, "corpus"),
        )


if __name__ == "__main__":
    main()
