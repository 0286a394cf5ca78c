"""What a store has of one notebook."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbtrack
from nbtrack.analysis.lineage import Graph
from nbtrack.store.database import Store

SEEN_AS = {"cross_val_score", "cross_validate"}


@dataclass
class Stored:
    """What the store has of one notebook.

    Attributes
    ----------
    fits : Counter
        Classes that the runs list as fitted.
    traced : Counter
        Classes that the executions' traces name as fitted, in a run or not.
    values : set of float
        All values of metrics, those of candidates and folds included.
    metrics : dict
        The metrics of each run.
    reads : Counter
        Functions that brought data in, once for each execution of a cell.
    slices : list of list of int
        Of each executed cell: the cells that it needed, itself the last.
    """

    fits: Counter[str] = field(default_factory=Counter)
    traced: Counter[str] = field(default_factory=Counter)
    values: set[float] = field(default_factory=set)
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)
    reads: Counter[str] = field(default_factory=Counter)
    slices: list[list[int]] = field(default_factory=list)


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
            if artifact.name.endswith(("fits.json", "candidates.json")):
                document = json.loads(run.artifact(artifact.name))
                found.values.update(_numbers(document))
                if artifact.name == "fits.json":
                    found.fits.update(_title(fit["estimator"]) for fit in document if "estimator" in fit)
    store = Store(folder / ".nbtrack")
    try:
        process = store.executions.last_process(None)
        if process is not None:
            graph = Graph(store.executions.traces(process))
            found.slices = [graph.backward([place]) for place in range(len(graph.steps))]
            for step in graph.steps:
                for title, count in step.trace.fitted.items():
                    found.traced[_title(title)] += count
            for (content,) in store.connection.execute("SELECT content FROM cell_data"):
                found.reads.update(set(_functions(json.loads(content))))
    finally:
        store.close()
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
