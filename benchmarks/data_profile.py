"""What describing and profiling the data of a fit adds to it, and what looking for data costs a cell that has none.

The first table times what is done at a fit on data of 10,000 rows and 200 columns, and on small data, beside the fit itself;
a profile may take 1 % of that, and a cell half a millisecond whatever it fits. The second times the end of a cell in a
namespace of 1,000 variables.

    python benchmarks/data_profile.py [--repeat 5]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier

from nbtrack.capture.known_data import CellData, KnownData
from nbtrack.capture.source import parse_cell


def seconds(call: Callable[[], Any]) -> tuple[float, Any]:
    """How long a call took, and what it gave."""
    began = time.perf_counter()
    result = call()
    return time.perf_counter() - began, result


def fit_and_profile(data: Any, target: Any, trees: int) -> tuple[float, float, CellData]:
    """Seconds of a fit, seconds of what is done with its data, and what came of it."""
    known = KnownData()
    model = RandomForestClassifier(trees, random_state=0, n_jobs=1)
    fit, _ = seconds(lambda: model.fit(data, target))
    profile, _ = seconds(lambda: known.fitted({"X": data, "y": target}, fit))
    return fit, profile, known.end_cell(parse_cell("pass"), "pass", {})


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    repeat = parser.parse_args().repeat
    rng = np.random.default_rng(0)
    wide, labels = rng.normal(size=(10_000, 200)), rng.integers(0, 2, 10_000)
    mixed = pd.DataFrame(wide[:, :20], columns=[f"x{place}" for place in range(20)]).assign(
        **{f"n{place}": rng.integers(0, 9, 10_000) for place in range(10)}
    )
    small, classes = load_breast_cancer(return_X_y=True)
    print(f"{'data':24}  {'fit':>10}  {'data at it':>10}  {'share':>7}  read")
    for name, data, target, trees in (
        ("10,000 × 200 array", wide, labels, 10),
        ("10,000 × 30 data frame", mixed, labels, 20),
        ("569 × 30 array", small, classes, 100),
    ):
        runs = [fit_and_profile(data, target, trees) for _ in range(repeat)]
        fit, own = (statistics.median(run[place] for run in runs) for place in (0, 1))
        profile = runs[-1][2].fits[0].profile
        read = "nothing" if profile is None else profile.note or "all"
        print(f"{name:24}  {fit * 1e3:7.0f} ms  {own * 1e3:7.2f} ms  {own / fit:6.2%}  {read}")

    known, namespace = KnownData(), {f"v{place}": place for place in range(1_000)}
    namespace["a"] = 1
    cell = parse_cell("x = a + 1")
    times = [seconds(lambda: known.end_cell(cell, "x = a + 1", namespace))[0] for _ in range(1_000)]
    print(
        f"\nthe end of a cell that reads nothing, of 1,000 variables: {statistics.median(times) * 1e6:.1f} µs"
    )


if __name__ == "__main__":
    main()
