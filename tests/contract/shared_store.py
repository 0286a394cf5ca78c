"""Stores with runs that have everything, for the tests of bundles and merging."""

from __future__ import annotations

import hashlib
import json
import math
import random
from array import array
from dataclasses import asdict
from pathlib import Path
from typing import Any

from owned_store import OwnedStore

from nbtrack.entities import records
from nbtrack.entities.bundles import Export, Merge
from nbtrack.entities.ids import new_id
from nbtrack.entities.profiles import ColumnProfile, DataProfile
from nbtrack.entities.runs import Revision
from nbtrack.entities.surroundings import Fact, Use

PARAMS: dict[str, Any] = {
    "lr": 0.1, "depth": 3, "zero": -0.0, "act": "relu", "big": 10**30, "flag": True, "none": None,
    "nan": math.nan, "inf": math.inf, "layers": [1, {"a": math.inf}], "half": "\ud800", "html": "<script>&'\"",
}  # fmt: skip
INTERPRETER = {"python": "3.12.1", "implementation": "CPython"}
PACKAGES = {"numpy": "2.1.0", "scikit-learn": "1.5.2"}


def noise(seed: object, length: int) -> bytes:
    """Content that does not shrink, so that it gets a file of its own."""
    return random.Random(repr(seed)).randbytes(length)


def environment_id() -> str:
    """What a recording process calls the environment of `INTERPRETER` and `PACKAGES`."""
    text = json.dumps([INTERPRETER, PACKAGES], sort_keys=True, separators=(",", ":"))
    return f"blake2b-128:{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}"


DATA = {
    "name": "t.csv", "type_name": "pandas.DataFrame", "shape": [3, 1], "columns": ["a"], "fingerprint": "blake2b-64:00",
    "sampled": False, "role": "source", "schema": {"a": "float64", "\ud800": "str"},
    "sources": [
        {
            "kind": "file", "function": "pandas.read_csv", "place": "/d/t.csv", "query": None, "stamp": "9:1",
            "arguments": {"place": [], "name": {"sep": ";"}}, "link": "itself",
        }
    ],
}  # fmt: skip
PROFILE = asdict(
    DataProfile(
        rows=3, read=3, width=1,
        columns=[
            ColumnProfile(
                name="a", dtype="float64", kind="number", count=3, missing=1, distinct=2, minimum=-0.0, maximum=0.1,
                mean=0.05, std=0.05, quantiles=[-0.0, 0.1], top={"0.0": 1, "0.1": 1},
            )
        ],
    )
)  # fmt: skip


class SharedStore(OwnedStore):
    """A store that calls itself `name`."""

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__(folder / name)
        self.folder = folder / name
        with self.store.transaction():
            self.store.origins.set_name(name)

    def full_run(self, name: str = "forest", experiment: str = "study") -> str:
        """A run with all that a run may have; its id."""
        store = self.store
        with store.transaction():
            interpreter, packages = (
                store.blobs.put(json.dumps(part, sort_keys=True).encode()) for part in (INTERPRETER, PACKAGES)
            )
            seen = records.EnvironmentSeen(environment=environment_id(), interpreter={}, packages={})
            store.runs.add_environment(seen, interpreter, packages)
        run = self.run(
            name, experiment, environment=environment_id(), notebook="a.ipynb", cell_id="c1", directory="/d"
        )
        imported = self.execute("import numpy", cell="c0", text="hello")
        self.trace(imported, writes=["numpy"], defined={"numpy": "module"})
        self.reads(imported, {**DATA, "profile": PROFILE})
        fitted = self.execute(f"fit({run!r})", run, cell="c1", text="<b>done</b>")
        self.trace(fitted, reads=["numpy", "file:/d/\ud800.csv"], unsure={"model": "too large"})
        self.artifact(run, noise(run, 40_000), "model")
        self.artifact(run, b"id,value\n" * 5, "table.csv", "file")
        with store.transaction():
            store.runs.set_params(run, PARAMS)
            store.runs.set_tags(run, {"team": "risk", "empty": ""})
            store.runs.add_note(run, "looks good")
            store.runs.set_revision(run, Revision(commit="abc", branch="main", dirty=True))
            store.artifacts.add_dataset(run, "X", {"name": "X", "type_name": "ndarray", "shape": [3, 2]})
            store.artifacts.add_dataset(run, "t.csv", DATA, PROFILE)
        with store.transaction():
            module = Fact(
                kind="module", name="features", text="lib/features.py", digest=store.blobs.put(b"A = 1\n")
            )
            variable = Fact(kind="variable", name="OMP_NUM_THREADS", text="2")
            store.facts.set([run], "process", [module, variable])
            store.facts.set([run], "machine", [Fact(kind="hardware", name="cores", text="8")])
            diff = store.blobs.put(b"-a\n+b\n")
            store.facts.set([run], "repository", [Fact(kind="diff", name="", digest=diff)])
            sampled = {"memory_bytes": ([1, 2], [100.0, 200.0])}
            store.facts.set_use(run, Use(span=2.0, cpu=1.5, memory=200), sampled)
        self.log(run, "one", [0.5])
        self.log(run, "bad", [math.nan, math.nan])
        self.log(run, "loss", [1 / (n + 1) for n in range(5000)])
        self.snapshot(
            run, json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}).encode()
        )
        return run

    def log(self, run: str, metric: str, values: list[float]) -> None:
        """Points of a metric."""
        times = array("q", [(1_700_000_000_000 + n) * 10**6 for n in range(len(values))])
        with self.store.transaction():
            self.store.metrics.append(run, metric, None, array("d", values), times)

    def write(self, path: Path, **what: Any) -> Export:
        """Write a bundle of all runs, or of those that are named."""
        if not what.keys() & {"runs", "filter", "model"}:
            what["everything"] = True
        deferred = self.service.bundles.write(str(path), **what)
        export: Export = deferred.finish(deferred.work())
        return export

    def merge(self, other: Path | SharedStore, dry_run: bool = False) -> Merge:
        """Merge a bundle, or another store by its folder."""
        path = other.store.folder if isinstance(other, SharedStore) else other
        deferred = self.service.merging.merge(str(path), dry_run)
        merge: Merge = deferred.finish(deferred.work())
        return merge

    def delete(self, *runs: str, **what: Any) -> None:
        """Delete for good."""
        self.service.trash.delete(runs=list(runs) or None, **what)
        self.collect()

    def collect(self) -> None:
        """Empty the trash and let go of what nothing refers to."""
        self.service.retention.collect(trash_days=0, grace_days=0).result()

    def dump(self) -> dict[str, list[Any]]:
        """All rows of all tables, as text that tells every bit apart."""
        tables = [
            name
            for (name,) in self.store.connection.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'table'"
            )
            if not str(name).startswith("search_words")
        ]
        return {
            str(table): sorted(map(repr, self.store.connection.execute(f"SELECT * FROM {table}")))
            for table in tables
        }

    def all_of(self, run: str) -> dict[str, Any]:
        """What people can ask of a run, without its name."""
        detail = self.service.runs.get(run)
        series = {name: self.service.runs.metric(run, name) for name in detail.row.metrics}
        return {
            "row": repr((detail.row.status, detail.row.started, detail.row.duration, detail.row.params)),
            "more": repr((detail.row.metrics, detail.row.tags, detail.row.notebook, detail.row.cell_id)),
            "rest": repr(
                (detail.traceback, detail.artifacts, detail.datasets, detail.cells, detail.revision)
            ),
            "environment": repr((detail.python, detail.packages, detail.notes)),
            "series": repr([(name, item.steps, item.values, item.times) for name, item in series.items()]),
            "content": [self.store.blobs.get(item.digest or "") for item in detail.artifacts],
            "data": repr(self.service.data.get(run).data),
            "traces": [self.store.executions.trace(cell.id) for cell in detail.cells],
            "notebook": self.service.snapshots.get(run).notebook if detail.snapshot else None,
        }


def new_store_id() -> str:
    """The id of a store that is nowhere."""
    return new_id()
