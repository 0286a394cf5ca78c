"""What capture costs, what of a notebook it finds, and whether its slices give the same again.

- `overhead`: cells in one in-process shell, remembered and paused in turn; medians of the pairs' differences.
- `corpus`: foreign notebooks (see `corpus/`), each in three processes: plain, with nbtrack, and under an oracle, which has
  instruments of its own at the libraries' classes and knows nothing of nbtrack. Of what the oracle saw: the share that the
  store has. The processor's time with nbtrack beside that without. And slices: the executions that a cell needed are run
  again by themselves, and must print what the cell printed; a model's predictions count as such a print.

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
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import nbtrack
from corpus.differences import differences, masked
from corpus.notebooks import Notebook, corpus
from corpus.pairs import Zygote, execute
from nbtrack.analysis.lineage import Graph
from nbtrack.store.database import Store

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
    ("a cell that reads the data frame of 1 GB", "pass", "n = len(frame)", 1.0),
    ("RandomForestClassifier(10).fit and score", LIBRARIES, FOREST, 3.0),
]
TARGETS = 6
"""Cells of a notebook whose slices are tried."""
OF_RESULTS = {"rsquared", "rsquared_adj", "aic", "bic", "llf"}
"""What statsmodels' results say of themselves: no call that the oracle sees."""
SEEN_AS = {"cross_val_score", "cross_validate"}


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


@dataclass
class Stored:
    """What the store has of one notebook."""

    fits: Counter[str] = field(default_factory=Counter)
    values: set[float] = field(default_factory=set)
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)
    reads: Counter[str] = field(default_factory=Counter)
    slices: list[list[int]] = field(default_factory=list)
    """Of each executed cell: the cells that it needed, itself the last."""


@dataclass
class Tally:
    """Counts over all notebooks."""

    zygote: Zygote
    notebooks: int = 0
    words: Counter[str] = field(default_factory=Counter)
    """How many give the same with nbtrack, differ, or differ by themselves."""
    cells: int = 0
    plain: float = 0.0
    tracked: float = 0.0
    ratios: list[float] = field(default_factory=list)
    fits: list[int] = field(default_factory=lambda: [0, 0])
    metrics: list[int] = field(default_factory=lambda: [0, 0])
    reads: list[int] = field(default_factory=lambda: [0, 0])
    false: int = 0
    slices: list[int] = field(default_factory=lambda: [0, 0])
    models: list[int] = field(default_factory=lambda: [0, 0])
    needed: list[float] = field(default_factory=list)
    misses: list[str] = field(default_factory=list)


def look(folder: Path) -> Stored:
    """Read a store, once its keeper has taken in all that was recorded."""
    found = Stored()
    client = nbtrack.open(folder)
    for row in client.runs.search():
        run = client.runs.get(row.id)
        found.metrics[run.name] = dict(run.metrics)
        for name in run.metrics:
            found.values.update(float(value) for value in run.metric(name).values)
        for artifact in run.artifacts:
            if artifact.name in ("fits.json", "candidates.json"):
                document = json.loads(run.artifact(artifact.name))
                found.values.update(_numbers(document))
                if artifact.name == "fits.json":
                    found.fits.update(_title(fit["estimator"]) for fit in document)
    store = Store(folder / ".nbtrack")
    try:
        process = store.executions.last_process(None)
        if process is not None:
            graph = Graph(store.executions.traces(process))
            found.slices = [graph.backward([place]) for place in range(len(graph.steps))]
            found.reads = _reads(store)
    finally:
        store.close()
    return found


def _reads(store: Store) -> Counter[str]:
    """The functions that brought data in, once for each execution of a cell."""
    found: Counter[str] = Counter()
    for (content,) in store.connection.execute("SELECT content FROM cell_data"):
        found.update(set(_functions(json.loads(content))))
    return found


def _functions(document: Any) -> Iterable[str]:
    if isinstance(document, dict):
        if isinstance(function := document.get("function"), str):
            yield function.rpartition(".")[2]
        document = list(document.values())
    if isinstance(document, list):
        for item in document:
            yield from _functions(item)


def _title(estimator: str) -> str:
    """The class: of a pipeline ``Pipeline``, of what was only cross-validated its estimator's."""
    head, _, rest = estimator.partition("(")
    return _title(rest.removesuffix(")")) if head in SEEN_AS and rest else head


def _numbers(document: Any) -> Iterable[float]:
    if isinstance(document, float):
        yield document
    elif isinstance(document, (list, dict)):
        for item in document.values() if isinstance(document, dict) else document:
            yield from _numbers(item)


def compare(notebook: Notebook, tally: Tally, limit: float) -> bool:
    """Run a notebook in its three ways and count; False where it does not run here."""
    run = partial(execute, zygote=tally.zygote)
    plain = run(notebook.cells, "plain", limit=limit)
    if plain is None or plain["count"] < len(notebook.cells) or plain["cells"][-1]["error"] or plain["exit"]:
        return False
    tracked = run(notebook.cells, "tracked", limit=2 * limit + 10, look=look)
    oracle = run(notebook.cells, "oracle", limit=2 * limit + 10)
    if tracked is None or oracle is None or oracle["count"] < len(notebook.cells):
        tally.misses.append(f"{notebook.name}: did not run with nbtrack or under the oracle")
        return False
    stored: Stored = tracked["seen"]
    tally.words[_word(notebook, plain, tracked, tally, limit)] += 1
    seconds = [sum(cell["worked"] for cell in report["cells"]) for report in (plain, tracked)]
    tally.notebooks += 1
    tally.cells += plain["count"]
    tally.plain += seconds[0]
    tally.tracked += seconds[1]
    tally.ratios.append(seconds[1] / seconds[0])
    _count(notebook, [cell["seen"] for cell in oracle["cells"]], stored, tally)
    _replay(notebook, plain, oracle, stored, tally, limit)
    return True


def _word(
    notebook: Notebook, plain: dict[str, Any], tracked: dict[str, Any], tally: Tally, limit: float
) -> str:
    found = differences(plain, tracked)
    if not found:
        return "same"
    again = execute(notebook.cells, "plain", limit=2 * limit + 10, zygote=tally.zygote)
    own = {each.place for each in differences(plain, again)} if again is not None else set()
    left = [each for each in found if each.place not in own]
    tally.misses += [f"{notebook.name}: differs with nbtrack: {each}" for each in left]
    return "different" if left else "different by itself"


def _count(notebook: Notebook, seen: list[dict[str, list[Any]]], stored: Stored, tally: Tally) -> None:
    wanted: Counter[str] = Counter()
    for cell in seen:
        wanted.update(kind for kind, how, predicts in cell["fits"] if predicts and how != "partial_fit")
        wanted.update({kind for kind, how, predicts in cell["fits"] if predicts and how == "partial_fit"})
    missed = wanted - stored.fits
    tally.fits[0] += sum((wanted & stored.fits).values())
    tally.fits[1] += sum(wanted.values())
    tally.misses += [f"{notebook.name}: fit of {kind} × {count}" for kind, count in missed.items()]
    measured = {(name, value) for cell in seen for name, value in cell["metrics"]}
    for name, value in sorted(measured, key=str):
        is_there = value in stored.values or value != value
        tally.metrics[0] += is_there
        tally.metrics[1] += 1
        if not is_there:
            tally.misses.append(f"{notebook.name}: metric {name} = {value!r}")
    known = {value for _, value in measured}
    for run, metrics in stored.metrics.items():
        strange = {
            name: value
            for name, value in metrics.items()
            if value not in known and not name.startswith(("cv_", "best_")) and name not in OF_RESULTS
        }
        tally.false += bool(strange)
        tally.misses += [
            f"{notebook.name}: {run} has the metric {name} = {value!r}" for name, value in strange.items()
        ]
    reads = Counter(name for cell in seen for name in set(cell["reads"]))
    tally.reads[0] += sum((reads & stored.reads).values())
    tally.reads[1] += sum(reads.values())
    tally.misses += [f"{notebook.name}: {name} × {count}" for name, count in (reads - stored.reads).items()]


def _replay(
    notebook: Notebook,
    plain: dict[str, Any],
    oracle: dict[str, Any],
    stored: Stored,
    tally: Tally,
    limit: float,
) -> None:
    """Run the slices of cells that print, or that fit a model whose predictions can be asked for."""
    if len(stored.slices) != len(notebook.cells):
        tally.misses.append(
            f"{notebook.name}: {len(stored.slices)} executions are stored of {len(notebook.cells)}"
        )
        return
    targets = [
        place
        for place, cell in enumerate(plain["cells"])
        if place and any(kind in ("stdout", "result text/plain") for kind, _ in cell["outputs"])
    ][-TARGETS:]
    if not targets:
        return
    parts = [[notebook.cells[each] for each in stored.slices[place]] for place in targets]
    whole = [list(notebook.cells[: place + 1]) for place in targets]
    again = execute([*whole, *parts], "plain", limit=20 * limit, module="corpus.replay", zygote=tally.zygote)
    if again is None:
        return
    outputs = [_texts(cell["outputs"]) for cell in again["cells"]]
    for at, place in enumerate(targets):
        expected = outputs[at]
        if expected is None or expected != _texts(plain["cells"][place]["outputs"]):
            continue  # it is another one each time
        same = outputs[len(targets) + at] == expected
        kind = tally.models if oracle["cells"][place]["seen"]["fits"] else tally.slices
        kind[0] += same
        kind[1] += 1
        tally.needed.append(len(stored.slices[place]) / (place + 1))
        if not same:
            tally.misses.append(f"{notebook.name}: the slice of cell {place} is {stored.slices[place]}")


def _texts(outputs: list[list[str]] | None) -> list[str] | None:
    if outputs is None:
        return None
    return [masked(text) for kind, text in outputs if kind in ("stdout", "result text/plain")]


def foreign(most: int, limit: float, misses: Path | None) -> dict[str, Any]:
    """Count over the corpus until `most` notebooks have run."""
    tally = Tally(Zygote())
    for notebook in corpus():
        if tally.notebooks >= most:
            break
        if compare(notebook, tally, limit):
            print(
                f"{tally.notebooks:>4} {tally.ratios[-1]:6.3f}  {notebook.name}", file=sys.stderr, flush=True
            )
        if misses is not None:
            misses.write_text("\n".join(tally.misses) + "\n", encoding="utf-8")
    if not tally.notebooks:
        raise SystemExit("None of the notebooks runs here.")
    rows = {
        "estimators fitted": tally.fits,
        "metric values": tally.metrics,
        "data reads": tally.reads,
        "slices that print the same again": tally.slices,
        "… of cells that fit a model": tally.models,
    }
    words = ", ".join(f"{count} {word}" for word, count in tally.words.items())
    print(f"{tally.notebooks} notebooks, {tally.cells} cells: {words}")
    for title, (found, of) in rows.items():
        print(f"{title:<36}{found:>6} of {of:>5}{found / of if of else 1:>9.1%}")
    print(f"runs with a metric that the oracle does not know: {tally.false}")
    if tally.needed:
        print(f"cells that a slice needs, of those before it: {statistics.median(tally.needed):.0%} (median)")
    ratio = statistics.median(tally.ratios)
    print(
        f"processor time with nbtrack: {tally.tracked:.1f} s, without {tally.plain:.1f} s;"
        f" {tally.tracked / tally.plain:.3f} in all, {ratio:.3f} by the median notebook"
    )
    tally.zygote.close()
    return {**vars(tally), "misses": len(tally.misses), "zygote": None}


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
    parser.add_argument("--json", type=Path, help="a file for the figures")
    parser.add_argument("--misses", type=Path, help="a file for what was not found, a line each")
    options = parser.parse_args()
    parts = options.parts or ["overhead", "corpus"]
    figures: dict[str, Any] = {}
    if "overhead" in parts:
        figures["overhead"] = overhead(options.repeat)
    if "corpus" in parts:
        figures["corpus"] = foreign(options.most, options.limit, options.misses)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
