"""A store of many runs: opening, tables, look-ups, curves and bytes, each beside its goal and raw SQLite.

Builds a store of N runs (10 params and 5 metrics each) through the recorder, the journal and the drain in one process,
and a raw SQLite file (WAL, synchronous=NORMAL, a row per value) with the same content. Every "first" is measured in a
keeper that was started half a second before and has answered nothing; pandas is imported before the clock runs. Every step
runs in fresh processes, one repetition of each: their median and their least are shown, since a neighbour can only add.

    python benchmarks/store_scale.py [--runs 10000 100000] [--repeat 5] [--points 1000000] [--cells 100000] [--urgent]

On a machine that cannot be made quiet, ``--urgent`` (as root) lets what is measured, its keeper and the reference go before
all other processes; what waits for the disk still waits behind them.

Needs numpy, pandas and scikit-learn (for the training curve).
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

IDLE = "2"
"""Seconds after which a keeper leaves, so that the next question meets a new one."""

SOON = 10_000
"""Runs that are recorded and taken in within seconds, so that others may be kept waiting for them."""

READY = 0.5
"""Seconds that a keeper needs after its first answer until the filter's parser is warm."""

FILTERS = {
    "a number": "metrics.m0 > 0.999",
    "two of three": "(params.p1 < 0.5 or params.p3 > 0.9) and not metrics.m2 <= 0.5",
    "a pattern of the name": "run.name like 'model1%'",
    "a regular expression": "run.name matches '^model[13]-.*7$'",
    "the most of a series": "max(m0) > 0.99",
    "what changed": "changed(p0)",
    "a moment": "started > 1h ago and params.p0 in (1, 2, 3)",
}
"""One of each kind that the language has; a page of 50 is asked for."""

FILTER, SORT = "metrics.m0 > 0.5", "-metrics.m1"
PAGE = 50


def params_of(number: int) -> dict[str, int | float]:
    """Ten params: five whole numbers, five with six digits."""
    source = random.Random(number)
    return {f"p{k}": round(source.random(), 6) if k % 2 else source.randrange(100) for k in range(10)}


def metrics_of(number: int) -> dict[str, float]:
    """Five metrics with all digits that a float has."""
    source = random.Random(1_000_003 + number)
    return {f"m{k}": source.random() for k in range(5)}


def milliseconds(measured: Callable[[], object]) -> float:
    """How long a call takes."""
    began = time.perf_counter()
    measured()
    return (time.perf_counter() - began) * 1000


@contextlib.contextmanager
def urgently() -> Iterator[None]:
    """Go before all other processes, where it was asked for."""
    if os.environ.get("NBTRACK_BENCHMARK_URGENT"):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    try:
        yield
    finally:
        if os.environ.get("NBTRACK_BENCHMARK_URGENT"):
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def size(folder: Path) -> int:
    """The bytes of all files in a folder, as the file system holds them."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


# ---------------------------------------------------------------- raw SQLite


class Raw:
    """The reference: a row per value, as in the peers' harness."""

    SCHEMA = (
        "CREATE TABLE IF NOT EXISTS runs (id INTEGER PRIMARY KEY, name TEXT);"
        "CREATE TABLE IF NOT EXISTS params (run INTEGER, key TEXT, value TEXT, PRIMARY KEY (run, key)) WITHOUT ROWID;"
        "CREATE TABLE IF NOT EXISTS latest (run INTEGER, key TEXT, value REAL, PRIMARY KEY (run, key)) WITHOUT ROWID;"
        "CREATE TABLE IF NOT EXISTS metrics (run INTEGER, key TEXT, step INTEGER, value REAL, time REAL);"
    )

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.connection = sqlite3.connect(folder / "raw.db", isolation_level=None)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = NORMAL")
        self.connection.executescript(self.SCHEMA)

    def fill(self, runs: int) -> None:
        """Write runs, each in one transaction."""
        write = self.connection
        for number in range(runs):
            write.execute("BEGIN IMMEDIATE")
            write.execute("INSERT INTO runs VALUES (?, ?)", (number, f"run-{number}"))
            write.executemany(
                "INSERT INTO params VALUES (?, ?, ?)",
                [(number, name, str(value)) for name, value in params_of(number).items()],
            )
            values = [(number, name, value) for name, value in metrics_of(number).items()]
            write.executemany("INSERT INTO latest VALUES (?, ?, ?)", values)
            moment = time.time()
            write.executemany(
                "INSERT INTO metrics VALUES (?, ?, 0, ?, ?)", [(*value, moment) for value in values]
            )
            write.execute("COMMIT")

    def table(self, limit: int = -1) -> list[dict[str, Any]]:
        """The filtered and sorted runs with their values."""
        query = self.connection.execute
        found = query(
            "SELECT a.run, name FROM latest a JOIN latest b ON b.run = a.run AND b.key = 'm1' JOIN runs ON runs.id = a.run"
            " WHERE a.key = 'm0' AND a.value > 0.5 ORDER BY b.value DESC LIMIT ?",
            (limit,),
        )
        rows: dict[int, dict[str, Any]] = {run: {"run": name} for run, name in found}
        for table in ("params", "latest"):
            if limit < 0:
                for run, name, value in query(f"SELECT run, key, value FROM {table}"):
                    if run in rows:
                        rows[run][name] = value
            else:
                for run, row in rows.items():
                    row.update(query(f"SELECT key, value FROM {table} WHERE run = ?", (run,)))
        return list(rows.values())

    def frame(self) -> Any:
        """All of it as a data frame."""
        import pandas

        return pandas.DataFrame.from_records(self.table())

    def get(self, number: int) -> dict[str, Any]:
        """One run with its values."""
        row = dict(
            zip(
                ("run",),
                next(self.connection.execute("SELECT name FROM runs WHERE id = ?", (number,))),
                strict=True,
            )
        )
        for table in ("params", "latest"):
            row.update(self.connection.execute(f"SELECT key, value FROM {table} WHERE run = ?", (number,)))
        return row

    def write_curve(self, values: list[float]) -> None:
        """A series of run -1."""
        self.connection.execute("BEGIN IMMEDIATE")
        moment = time.time()
        self.connection.executemany(
            "INSERT INTO metrics VALUES (-1, 'loss', ?, ?, ?)",
            ((step, value, moment) for step, value in enumerate(values)),
        )
        self.connection.execute("COMMIT")
        self.connection.execute("CREATE INDEX IF NOT EXISTS curve ON metrics (run) WHERE run = -1")

    def curve(self) -> Any:
        """Steps and values of it."""
        import numpy

        rows = self.connection.execute(
            "SELECT step, value FROM metrics WHERE run = -1 AND key = 'loss'"
        ).fetchall()
        columns = numpy.array(rows)
        return columns[:, 0], columns[:, 1]

    def close(self) -> None:
        """Leave no write-ahead log."""
        self.connection.close()


# ------------------------------------------------------------------- nbtrack


@contextlib.contextmanager
def recording(store: Path, *, keeper: bool) -> Iterator[Any]:
    """A session of this process in `store`; without a keeper the journal waits for `drain`."""
    from nbtrack.config import Settings
    from nbtrack.session import Session

    settings = Settings(store.parent)
    settings.arguments |= {"store": str(store), "keeper": keeper, "keeper_idle": int(IDLE)}
    session = Session(store.parent, settings)
    session.open()
    try:
        yield session
    finally:
        session.close()


def record_runs(store: Path, runs: int) -> float:
    """Write the journal of `runs` runs; seconds."""
    with recording(store, keeper=False) as session:
        recorder, environment = session.recorder, session.environment()
        began = time.perf_counter()
        for number in range(runs):
            # No directory: the keeper would ask git for the state of each run's repository.
            run = recorder.start_run(f"model{number % 20}", "scale", environment=environment)
            recorder.params(run, params_of(number))
            recorder.log(run, metrics_of(number), 0)
            recorder.end_run(run)
        return time.perf_counter() - began


def drain(store: Path) -> float:
    """Take all journals into the store, in this process; seconds."""
    from nbtrack.service import open_service
    from nbtrack.store.database import Store

    opened = Store(store)
    try:
        service = open_service(opened, "a benchmark")
        began = time.perf_counter()
        service.intake.drain()
        service.intake.bury()
        return time.perf_counter() - began
    finally:
        opened.close()


def wait_for_leaving(store: Path) -> None:
    """Wait until the keeper has gone, so that the next question starts one."""
    from nbtrack.keeper.address import socket_path

    end = time.monotonic() + 30
    while socket_path(store).exists() and time.monotonic() < end:
        time.sleep(0.05)


def keeper_of(client: Any) -> int | None:
    """The keeper's process id."""
    words = str(client._proxy.ask("store.status").keeper).split()
    return int(words[-1]) if words and words[-1].isdecimal() else None


def open_alone(store: Path) -> dict[str, float]:
    """Opening the database in this fresh process."""
    from nbtrack.service import open_service
    from nbtrack.store.database import Store

    began = time.perf_counter()
    opened = Store(store)
    open_service(opened, "a benchmark")
    took = (time.perf_counter() - began) * 1000
    opened.close()
    return {"open": took}


def first_answer(store: Path) -> dict[str, float]:
    """From the question to the answer where no keeper runs: starting Python included."""
    client, run = _client(store)
    return {"answer": milliseconds(lambda: client.runs.get(run))}


def tables(store: Path) -> dict[str, float]:
    """A page and a data frame, first in a fresh keeper and then warm."""
    import pandas

    client, run = _client(store)
    client.runs.get(run)
    time.sleep(READY)
    page = functools.partial(client.runs.search, FILTER, sort=SORT, limit=PAGE)
    found = {
        "page first": milliseconds(page),
        "page warm": statistics.median(milliseconds(page) for _ in range(9)),
    }
    wait_for_leaving(store)
    client.runs.get(run)
    time.sleep(READY)

    def frame(bound: float = 0.5) -> pandas.DataFrame:
        return client.runs.search(f"metrics.m0 > {bound}", sort=SORT, limit=1_000_000).to_pandas()

    found["frame first"] = milliseconds(frame)
    found["frame warm"] = statistics.median(milliseconds(frame) for _ in range(9))
    # Another question each time, so that no answer is kept for it.
    bounds = iter(0.5 + step * 1e-7 for step in range(1, 100))
    found["frame other"] = statistics.median(milliseconds(lambda: frame(next(bounds))) for _ in range(5))
    found["page other"] = statistics.median(
        milliseconds(lambda: client.runs.search(f"metrics.m0 > {next(bounds)}", sort=SORT, limit=PAGE))
        for _ in range(9)
    )
    found["rows"] = len(frame())
    return found


def filters(store: Path) -> dict[str, float]:
    """The first page of filters of each kind; none of them finds an answer that was kept."""
    client, run = _client(store)
    client.runs.get(run)
    time.sleep(READY)

    def page(text: str, more: int, experiment: str | None = None) -> float:
        ask = functools.partial(client.runs.search, text, limit=PAGE + more, experiment=experiment)
        return milliseconds(ask)

    found = {name: statistics.median(page(text, more) for more in range(5)) for name, text in FILTERS.items()}
    found["the experiment alone"] = statistics.median(page("", more, "scale") for more in range(5))
    found["nothing"] = statistics.median(page("", more) for more in range(5))
    return found


def texts(store: Path) -> dict[str, float]:
    """Full text: a word of one cell, of some, of all, and a phrase."""
    client, run = _client(store)
    client.runs.get(run)
    time.sleep(READY)
    found = {"word first": milliseconds(lambda: client.search("learner77"))}
    for name, text in (
        ("rare", "learner78"),
        ("some", "learner7*"),
        ("every", "accuracy"),
        ("phrase", '"focal loss"'),
    ):
        found[name] = statistics.median(
            milliseconds(functools.partial(client.search, text)) for _ in range(5)
        )
    return found


def look_ups(store: Path) -> dict[str, float]:
    """Single questions by the socket."""
    client, run = _client(store)
    identifier = client.runs.get(run).id
    found = {}
    for name, ask in (
        ("get", lambda: client.runs.get(run)),
        ("get by id", lambda: client.runs.get(identifier)),
        ("outcome", lambda: client._proxy.ask("runs.outcome", run=identifier)),
        ("status", lambda: client._proxy.ask("store.status")),
    ):
        took = sorted(milliseconds(ask) for _ in range(300))
        found[name], found[f"{name} 99 %"] = took[150], took[297]
    return found


def barrier(store: Path) -> dict[str, float]:
    """Log a point and read it back."""
    with recording(store, keeper=True) as session:
        from nbtrack.client import Client

        client = Client(session.proxy)
        run = session.recorder.start_run("barrier", "scale")
        session.recorder.log(run, {"x": -1.0}, 0)
        client.runs.get(run.id)
        took = []
        for step in range(100):
            session.recorder.log(run, {"x": float(step)}, step + 1)
            began = time.perf_counter()
            found = client.runs.get(run.id).metrics["x"]
            took.append((time.perf_counter() - began) * 1000)
            if found != step:
                raise SystemExit(f"the point {step} was logged and {found} was read")
            time.sleep(0.005)
        session.recorder.end_run(run)
    took.sort()
    return {"barrier": took[50], "barrier 99 %": took[98]}


def idle(store: Path) -> dict[str, float]:
    """What a keeper takes that nobody asks: memory, and processor time per second."""
    import psutil

    os.environ["NBTRACK_KEEPER_IDLE"] = "30"
    client, run = _client(store)
    client.runs.get(run)
    pid = keeper_of(client)
    if pid is None:
        return {}
    process = psutil.Process(pid)
    found = {"memory": process.memory_info().rss / 1e6}
    client.runs.search(FILTER, sort=SORT, limit=1_000_000)
    time.sleep(12)
    found["memory after a table"] = process.memory_info().rss / 1e6
    before = sum(process.cpu_times()[:2])
    time.sleep(10)
    found["processor"] = (sum(process.cpu_times()[:2]) - before) / 10 * 100
    process.terminate()
    process.wait(10)
    return found


def curve_values(points: int) -> list[float]:
    """A falling curve with noise in all its digits."""
    source = random.Random(0)
    return [1.0 / (1 + step) + source.gauss(0, 0.01) for step in range(points)]


def record_curve(store: Path, points: str) -> dict[str, float]:
    """Log the long series one by one, as people do; the keeper is off, so that only the calls are measured."""
    import nbtrack

    values = curve_values(int(points))
    with nbtrack.run("curve"):
        log = nbtrack.log
        return {"seconds": milliseconds(lambda: [log(loss=value) for value in values]) / 1000}


def record_series(store: Path, points: str) -> dict[str, float]:
    """Log the same as one array."""
    import numpy

    import nbtrack

    values = numpy.array(curve_values(int(points)))
    with nbtrack.run("array"):
        return {"seconds": milliseconds(lambda: nbtrack.log_series("loss", values)) / 1000}


def train(store: Path, kind: str, points: str) -> dict[str, float]:
    """Train, and log each minibatch's loss; the share of the time that logging took."""
    import numpy

    import nbtrack

    losses, logging = [], 0.0
    with nbtrack.run("training"):
        began = time.perf_counter()
        for loss in training_losses(kind, int(points)):
            moment = time.perf_counter()
            nbtrack.log(loss=loss)
            logging += time.perf_counter() - moment
            losses.append(loss)
        whole = time.perf_counter() - began
    numpy.save(store.parent / "losses.npy", numpy.array(losses))
    return {"share": logging / whole * 100}


def read_training(store: Path) -> dict[str, float]:
    """Whether each loss comes back as it was logged."""
    import numpy

    client, _ = _client(store)
    read = client.runs.get("training-1").metric("loss").values
    logged = numpy.load(store.parent / "losses.npy")
    if not numpy.array_equal(read, logged):
        raise SystemExit(f"{len(logged)} losses were logged, and what was read differs ({len(read)} points)")
    return {"points": len(read)}


def curves(store: Path) -> dict[str, float]:
    """The long series: whole, and as it is drawn."""
    import numpy  # noqa: F401 - its import is not the curve's

    client, _ = _client(store)
    run = client.runs.get("curve-1")
    time.sleep(READY)

    def whole() -> Any:
        return run.metric("loss").values

    found = {"first": milliseconds(whole), "warm": statistics.median(milliseconds(whole) for _ in range(7))}
    series = run.metric("loss")
    if hasattr(series, "sample"):
        found["screen first"] = milliseconds(lambda: series.sample(2000))
        found["screen"] = statistics.median(milliseconds(lambda: series.sample(2000)) for _ in range(7))
    return found


def _client(store: Path) -> tuple[Any, str]:
    import nbtrack

    client = nbtrack.open(store)
    return client, "scale/model3-2"


STEPS: dict[str, Callable[..., dict[str, float]]] = {
    step.__name__: step
    for step in (open_alone, first_answer, tables, filters, texts, look_ups, barrier, idle, curves)
    + (record_curve, record_series, train, read_training)
}


class Measured(float):
    """A median that knows the least of what it is of."""

    least: float

    @classmethod
    def of(cls, values: list[float]) -> Measured:
        """The median of some values."""
        median = cls(statistics.median(values))
        median.least = min(values)
        return median


def repeated(measured: Callable[[], object], repeat: int) -> Measured:
    """How long a call takes, over so many."""
    with urgently():
        return Measured.of([milliseconds(measured) for _ in range(repeat)])


def measured(name: str, store: Path, repeat: int, *arguments: str, keeper: str = "on") -> dict[str, Measured]:
    """The medians of a step over fresh processes and keepers."""
    results = []
    for _ in range(repeat):
        environment = {**os.environ, "NBTRACK_KEEPER_IDLE": IDLE, "NBTRACK_STORE": str(store)}
        environment |= {"NBTRACK_KEEPER": keeper, "NBTRACK_EXPERIMENT": "scale"}
        answer = subprocess.run(
            [sys.executable, __file__, "--step", name, str(store), *arguments],
            check=True,
            stdout=subprocess.PIPE,
            env=environment,
        )
        results.append(json.loads(answer.stdout.splitlines()[-1]))
        wait_for_leaving(store)
    return {key: Measured.of([result[key] for result in results]) for key in results[0]}


# ---------------------------------------------------------- a training curve


def training_losses(kind: str, points: int) -> Iterator[float]:
    """The loss of each minibatch of a small network that learns handwritten digits.

    The values and the moments between them are those of a training, not of a formula: a formula's curve compresses
    as no real one does.

    Parameters
    ----------
    kind
        ``float32`` as deep-learning libraries compute, or ``float64``.
    points
        Minibatches.
    """
    import numpy
    from sklearn.datasets import load_digits

    source = numpy.random.default_rng(0)
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(kind)
    first = source.normal(0, 0.1, (64, 32)).astype(kind)
    second = source.normal(0, 0.1, (32, 10)).astype(kind)
    rate = numpy.dtype(kind).type(0.05)
    rows = numpy.arange(32)
    for _ in range(points):
        chosen = source.integers(0, len(images), 32)
        given, wanted = images[chosen], labels[chosen]
        hidden = numpy.maximum(given @ first, 0)
        scores = hidden @ second
        scores -= scores.max(axis=1, keepdims=True)
        likely = numpy.exp(scores)
        likely /= likely.sum(axis=1, keepdims=True)
        yield float(-numpy.log(likely[rows, wanted] + 1e-12).mean(dtype=kind))
        likely[rows, wanted] -= 1
        likely /= 32
        back = (likely @ second.T) * (hidden > 0)
        second -= rate * (hidden.T @ likely)
        first -= rate * (given.T @ back)


def training_bytes(folder: Path, kind: str, points: int) -> tuple[int, int, float]:
    """What a training's curve adds to a store and to raw SQLite, and the share of a step that logging takes."""
    import numpy

    store = folder / f"training-{kind}" / ".nbtrack"
    store.parent.mkdir()
    record_runs(store, 1)
    drain(store)
    before = size(store)
    share = measured("train", store, 1, kind, str(points), keeper="off")["share"]
    drain(store)
    measured("read_training", store, 1)
    raw_folder = folder / f"training-{kind}-raw"
    Raw(raw_folder).close()
    empty = size(raw_folder)
    raw = Raw(raw_folder)
    raw.write_curve(numpy.load(store.parent / "losses.npy").tolist())
    raw.close()
    return size(store) - before, size(raw_folder) - empty, share


# -------------------------------------------------------------------- report


class Report:
    """Prints one line per figure."""

    def __init__(self) -> None:
        print("| | median | least | goal | raw SQLite | nbtrack is |\n|---|---|---|---|---|---|")

    def line(
        self, title: str, value: float | None, unit: str, goal: float | None, raw: float | None = None
    ) -> None:
        """A figure, its goal (at most) and the reference."""
        if value is None:
            return
        least = value.least if isinstance(value, Measured) else value
        mark = "✓" if goal is None or value <= goal else "✓ at least" if least <= goal else "✗"
        wanted = "" if goal is None else f"≤ {goal:,g} {unit} {mark}"
        theirs = "" if raw is None else f"{raw:,.3g} {unit}"
        ratio = "" if not raw else f"{value / raw:.2g}×"
        shown = f"{least:,.3g}" if isinstance(value, Measured) else ""
        print(f"| {title} | {value:,.3g} {unit} | {shown} | {wanted} | {theirs} | {ratio} |", flush=True)


def report_runs(report: Report, folder: Path, runs: int, repeat: int) -> None:
    """Build both stores and print what they can do."""
    store, raw_folder = folder / str(runs) / ".nbtrack", folder / f"raw-{runs}"
    store.parent.mkdir()
    record_runs(store, 1)
    drain(store)
    empty = size(store)
    with urgently() if runs <= SOON else contextlib.nullcontext():
        recorded = record_runs(store, runs)
        drained = drain(store)
    grown = size(store) - empty
    raw = Raw(raw_folder)
    with urgently() if runs <= SOON else contextlib.nullcontext():
        raw_filled = milliseconds(lambda: raw.fill(runs)) / 1000
    raw.close()
    raw_size = size(raw_folder)
    raw_opened = repeated(lambda: Raw(raw_folder).close(), repeat)
    raw = Raw(raw_folder)
    label = f"{runs:,} runs: "
    more = max(1, runs / 10_000)  # the goals are those of 10,000 runs; for more runs in proportion
    report.line(label + "recorded, per run", recorded / runs * 1e6, "µs", 100, raw_filled / runs * 1e6)
    report.line(label + "drained, per run", drained / runs * 1e6, "µs", None)
    report.line(label + "on disk, per 1,000 runs", grown / runs, "kB", 500, raw_size / runs)
    report.line(label + "on disk in all", size(store) / 1e6, "MB", None, raw_size / 1e6)
    report.line(
        label + "opening the store", measured("open_alone", store, repeat)["open"], "ms", 50, raw_opened
    )
    answer = measured("first_answer", store, repeat)["answer"]
    report.line(label + "first answer, keeper's start included", answer, "ms", None)
    table = measured("tables", store, repeat)
    raw_page = repeated(lambda: raw.table(PAGE), repeat)
    raw_first = repeated(raw.frame, 1)
    raw_frame = repeated(raw.frame, repeat)
    report.line(
        label + f"first page ({PAGE} rows), new keeper", table["page first"], "ms", 10 * more, raw_page
    )
    report.line(label + f"first page ({PAGE} rows), warm", table["page warm"], "ms", 10 * more, raw_page)
    report.line(
        label + f"first page ({PAGE} rows), another question", table["page other"], "ms", 10 * more, raw_page
    )
    report.line(
        label + f"data frame ({table['rows']:,.0f} rows), new keeper",
        table["frame first"],
        "ms",
        60 * more,
        raw_first,
    )
    report.line(
        label + f"data frame ({table['rows']:,.0f} rows), warm",
        table["frame warm"],
        "ms",
        15 * more,
        raw_frame,
    )
    report.line(
        label + f"data frame ({table['rows']:,.0f} rows), another question",
        table["frame other"],
        "ms",
        None,
        raw_frame,
    )
    for name, took in measured("filters", store, repeat).items():
        report.line(label + f"filter by {name}, a page", took, "ms", 10 * more)
    asked = measured("look_ups", store, repeat)
    raw_get = repeated(lambda: raw.get(runs // 2), 300)
    report.line(label + "a run by name", asked["get"], "ms", 1, raw_get)
    report.line(label + "a run by name, 99 %", asked["get 99 %"], "ms", None)
    report.line(label + "a run by id", asked["get by id"], "ms", 1, raw_get)
    report.line(label + "a run's outcome", asked["outcome"], "ms", 1)
    report.line(label + "the store's status", asked["status"], "ms", 1)
    own = measured("barrier", store, repeat)
    report.line(label + "reading one's own point", own["barrier"], "ms", 50)
    report.line(label + "reading one's own point, 99 %", own["barrier 99 %"], "ms", 50)
    rest = measured("idle", store, 1)
    report.line(label + "keeper's memory, idle", rest.get("memory"), "MB", 40)
    report.line(
        label + "keeper's memory, 12 s after a whole table", rest.get("memory after a table"), "MB", 40
    )
    report.line(label + "keeper's processor time, idle", rest.get("processor"), "%", None)
    raw.close()


def report_curve(report: Report, folder: Path, points: int, repeat: int) -> None:
    """The long series."""
    store = folder / "curve" / ".nbtrack"
    store.parent.mkdir()
    record_runs(store, 50)
    drain(store)
    recorded = measured("record_curve", store, 1, str(points), keeper="off")["seconds"]
    values = curve_values(points)
    with urgently():
        drained = drain(store)
        raw = Raw(folder / "raw-curve")
        raw_written = milliseconds(lambda: raw.write_curve(values)) / 1000
    label = f"{points:,} points: "
    report.line(label + "recorded one by one, a point", recorded / points * 1e6, "µs", 2)
    report.line(
        label + "recorded and drained, a point",
        (recorded + drained) / points * 1e6,
        "µs",
        5,
        raw_written / points * 1e6,
    )
    array = measured("record_series", store, repeat, str(points), keeper="off")["seconds"]
    report.line(label + "recorded as one array, a point", array / points * 1e6, "µs", 0.1)
    with urgently():
        array += drain(store) / repeat
    report.line(label + "recorded as one array and drained, a point", array / points * 1e6, "µs", None)
    found = measured("curves", store, repeat)
    raw_read = repeated(raw.curve, repeat)
    report.line(label + "as NumPy, first", found["first"], "ms", None, raw_read)
    report.line(label + "as NumPy", found["warm"], "ms", 15 * points / 1e6, raw_read)
    report.line(label + "2,000 for the screen, first", found.get("screen first"), "ms", None)
    report.line(label + "2,000 for the screen", found.get("screen"), "ms", 10)
    raw.close()


def report_texts(report: Report, folder: Path, cells: int, repeat: int) -> None:
    """A store of many cells, each with a source and an output of its own: what an index of their words takes and gives."""
    from nbtrack.entities.ids import new_id
    from nbtrack.entities.records import CellExecuted
    from nbtrack.store.database import Store

    path = folder / "texts" / ".nbtrack"
    path.parent.mkdir()
    record_runs(path, 50)
    drain(path)
    before = size(path)
    store = Store(path)
    process, began = new_id(), time.perf_counter()
    for start in range(0, cells, 500):
        with store.transaction():
            for number in range(start, min(start + 500, cells)):
                source = f"model = train(learner{number}, rate={number / 7:.4f})\nprint(report(model))"
                text = f"accuracy {number / cells:.6f} by {'focal' if number % 100 else 'hinge'} loss, seed {number}"
                record = CellExecuted(
                    execution=new_id(), process=process, time=time.time_ns(), duration=0.1, source=source,
                    outcome="ok", notebook="a.ipynb", cell_id=f"cell{number % 1000}",
                )  # fmt: skip
                store.executions.add(record, [{"output_type": "stream", "name": "stdout", "text": text}])
            while store.search.index(500):
                pass
    indexed = time.perf_counter() - began
    store.close()
    label = f"{cells:,} cells: "
    report.line(label + "taken in and made searchable, a cell", indexed / cells * 1e6, "µs", None)
    report.line(label + "on disk, per 1,000 cells", (size(path) - before) / cells, "kB", None)
    found = measured("texts", path, repeat)
    report.line(label + "a word of one cell, new keeper", found["word first"], "ms", None)
    report.line(label + "a word of one cell", found["rare"], "ms", None)
    report.line(label + "the beginning of a word, of 11 % of the cells", found["some"], "ms", None)
    report.line(label + "a word of every cell", found["every"], "ms", None)
    report.line(label + "a phrase, of 99 % of the cells", found["phrase"], "ms", None)


def report_snapshots(report: Report, folder: Path, count: int) -> None:
    """A notebook that is saved once and snapshotted again and again."""
    from nbtrack.entities.ids import new_id
    from nbtrack.entities.records import SnapshotTaken
    from nbtrack.store.database import Store

    path = folder / "snapshots" / ".nbtrack"
    path.parent.mkdir()
    record_runs(path, count)
    drain(path)
    source = random.Random(0)
    cells = [{"cell_type": "code", "source": f"x = {source.random()}", "outputs": []} for _ in range(500)]
    notebook = json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()
    store = Store(path)
    runs = [run for (run,) in store.connection.execute("SELECT id FROM runs")]

    def take(run: str) -> None:
        with store.transaction():
            record = SnapshotTaken(
                snapshot=new_id(), run=run, process=new_id(), time=time.time_ns(), notebook="a.ipynb"
            )
            store.executions.add_snapshot(record, store.blobs.put(notebook))

    take(runs[0])
    store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    before = size(path)
    for run in runs[1:]:
        take(run)
    store.close()
    title = f"a further snapshot of an unchanged notebook of {len(notebook) / 1000:.0f} kB: on disk"
    report.line(title, (size(path) - before) / (len(runs) - 1), "B", 1000)


def main() -> None:
    """Build, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--points", type=int, default=1_000_000, help="of the long curve; 0: none")
    parser.add_argument("--training", type=int, default=100_000, help="steps of the training; 0: none")
    parser.add_argument("--cells", type=int, default=100_000, help="to search in; 0: none")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--urgent", action="store_true", help="go before all other processes")
    parser.add_argument(
        "--step", nargs="+", metavar="NAME", help="and its arguments: measure one thing in this process"
    )
    chosen = parser.parse_args()
    if chosen.step:
        name, store, *arguments = chosen.step
        with urgently():
            print(json.dumps(STEPS[name](Path(store), *arguments)))
        return
    if chosen.urgent:
        os.environ["NBTRACK_BENCHMARK_URGENT"] = "1"
    import pandas  # noqa: F401 - the reference's first frame is not to pay for it

    folder = Path(tempfile.mkdtemp(prefix="nbtrack-scale-"))
    # An installed package has its bytecode; a checkout has none where the environment forbids to write it.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    try:
        print(
            f"{chosen.repeat} fresh processes with fresh keepers; {os.cpu_count()} processors, Python "
            f"{sys.version.split()[0]}, load {os.getloadavg()[0]:.1f} when it began\n"
        )
        report = Report()
        for runs in chosen.runs:
            report_runs(report, folder, runs, chosen.repeat)
        if chosen.points:
            report_curve(report, folder, chosen.points, chosen.repeat)
        report_snapshots(report, folder, 1000)
        if chosen.cells:
            report_texts(report, folder, chosen.cells, chosen.repeat)
        for kind in ("float32", "float64") if chosen.training else ():
            own, raw, share = training_bytes(folder, kind, chosen.training)
            goal = 500 * chosen.training / 100_000
            title = f"{chosen.training:,} losses of a training, {kind}: on disk"
            report.line(title, own / 1000, "kB", goal, raw / 1000)
            report.line(f"share of the step that logging takes, {kind}", share, "%", None)
        print(f"\nload {os.getloadavg()[0]:.1f} when it ended")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
