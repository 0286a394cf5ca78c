"""What nbtrack adds to cells that train without a word of tracking, beside the plain cell and `mlflow.autolog()`.

Cells run in one in-process IPython shell, plain (nbtrack paused, autologging off) and watched in turn. With MLflow
installed (``pip install mlflow scikit-learn``) a few repetitions of its autologging stand beside it.

    python benchmarks/zero_log.py [--repeat 50]
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

SETUP = """
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
X, y = load_iris(return_X_y=True)
"""
CELLS = {
    "forest of 100 trees, fit + score": (
        "model = RandomForestClassifier(n_estimators=100, random_state=0, n_jobs=1).fit(X, y)\n"
        "accuracy = model.score(X, y)"
    ),
    "the same, with two metrics": (
        "model = RandomForestClassifier(n_estimators=100, random_state=0, n_jobs=1).fit(X, y)\n"
        "pred = model.predict(X)\naccuracy_score(y, pred)\nmodel.score(X, y)"
    ),
    "20 fits in a loop": (
        "for C in range(1, 21):\n    small = LogisticRegression(C=C, max_iter=20).fit(X[:, :2], y > 0)"
    ),
    "only a score of an earlier model": "accuracy_score(y, model.predict(X))",
    "x = 1": "x = 1",
}


def run(shell: InteractiveShell, code: str) -> float:
    """Milliseconds of one execution, with the events around it."""
    began = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        shell.run_cell(code, store_history=True).raise_error()
    return (time.perf_counter() - began) * 1000


def beside_mlflow(shell: InteractiveShell, folder: Path, repeat: int) -> None:
    """Print what `mlflow.autolog()` adds to the first cell."""
    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    code = next(iter(CELLS.values()))
    plain = statistics.median(run(shell, code) for _ in range(repeat))
    mlflow.autolog(silent=True)
    watched = statistics.median(run(shell, code) for _ in range(repeat))
    print(
        f"{'mlflow.autolog(), the first cell':<36}{plain:>9.2f} ms{watched:>9.2f} ms{watched - plain:>9.2f} ms"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=50)
    repeat = parser.parse_args().repeat
    with tempfile.TemporaryDirectory(prefix="nbt-") as name:
        folder = Path(name)
        os.environ["NBTRACK_STORE"] = str(folder / ".nbtrack")
        os.environ["IPYTHONDIR"] = str(folder / "ipython")
        shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
        run(shell, SETUP)
        plain_cells = {title: [run(shell, code) for _ in range(repeat)] for title, code in CELLS.items()}
        run(shell, "%load_ext nbtrack")
        run(shell, SETUP)
        from nbtrack.ipython import extension

        (loaded,) = extension._loaded.values()
        hooks: Any = loaded.hooks
        hooks.session.proxy.ask("runs.search")
        print(f"{'cell':<36}{'plain':>12}{'nbtrack':>12}{'added':>12}")
        for title, code in CELLS.items():
            pairs = []
            for _ in range(repeat):
                hooks.paused = True
                without = run(shell, code)
                hooks.paused = False
                pairs.append((without, run(shell, code)))
            before, after = (statistics.median(column) for column in zip(*pairs, strict=True))
            added = statistics.median(one - other for other, one in pairs)
            unloaded = statistics.median(plain_cells[title])
            print(
                f"{title:<36}{before:>9.2f} ms{after:>9.2f} ms{added:>9.2f} ms   (not loaded {unloaded:.2f} ms)"
            )
        shell.run_line_magic("unload_ext", "nbtrack")
        if importlib.util.find_spec("mlflow") is not None:
            beside_mlflow(shell, folder, 3)


if __name__ == "__main__":
    main()
