"""nbtrack beside its peers: one machine, one run, the harness that the peers were measured with.

The harness (a folder with bench.py, worker.py and adapters/) is not a part of this repository. It is copied into a
work folder together with nbtrack's adapter; nbtrack is installed there from a commit of this checkout. Each
repetition runs every product one after the other in fresh processes, the raw SQLite reference first, so that a ratio
compares what happened within the same minutes.

    PEERS_HARNESS=HARNESS python benchmarks/peers/run.py --work FOLDER [WORKLOAD ...] [--repeat N] [--products A,B]

Without WORKLOAD all are run; ``--list`` names them. The figures are printed as one table and appended to
FOLDER/results/nbtrack.jsonl.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
OWN = ("nbtrack", "nbtrack_stored", "nbtrack_strict")
PEERS = ("mlflow", "trackio", "wandb", "aim")
ALL = ("raw", "raw_walfull", "limit_mmap", *OWN, *PEERS)
WALFULL = '''"""SQLite in WAL mode with synchronous=FULL: an fsync per call, the cheapest that survives a power cut."""

from . import raw_sqlite


class A(raw_sqlite.A):
    name, journal, sync = "raw_walfull", "WAL", "FULL"
'''
MULTIPLIED = {"trackio": ("clone_trackio_runs.py", "trackio/bench.db")}
QUERY_BEGINS = "def w5query(a, o):\n"
SETTLED = 40.0
"""Seconds to wait at most until a product's background process has left its files."""

Result = dict[str, Any]


@dataclass(frozen=True)
class Figure:
    """One number of a workload's result: where it is, how it is shown, and whether more is better.

    A figure without a unit is a count of losses: its worst repetition is shown instead of the median.
    """

    title: str
    read: Callable[[Result], float | None]
    unit: str
    more_is_better: bool = False


@dataclass(frozen=True)
class Workload:
    """Something that each product does.

    Attributes
    ----------
    title
        What is done, for the table.
    measure
        Runs one repetition with one product: (harness, product, repetition, options).
    figures
        What is shown of the result.
    products
        Which products can do it in reasonable time.
    options
        Options of the harness, and those of single products.
    repeat
        Repetitions, where the usual number would take too long or adds nothing.
    """

    title: str
    measure: Callable[[ModuleType, str, int, Result], Result]
    figures: tuple[Figure, ...]
    products: tuple[str, ...] = ALL
    options: Result = field(default_factory=dict)
    of_product: dict[str, Result] = field(default_factory=dict)
    repeat: int | None = None


def at(*path: str, times: float = 1.0) -> Callable[[Result], float | None]:
    """Reads a number from nested results; None where it is not there."""

    def read(result: Result) -> float | None:
        value: Any = result
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        return value * times if isinstance(value, (int, float)) else None

    return read


def simple(name: str) -> Callable[[ModuleType, str, int, Result], Result]:
    """A workload of the harness as it is, in a fresh process with a fresh store."""

    def measure(bench: ModuleType, product: str, repetition: int, options: Result) -> Result:
        composite = getattr(bench, f"do_{name}", None)
        if composite is not None:
            result: Result = composite(product, repetition, options)
        else:
            result = bench.one(product, name, options, 600)
        return result

    return measure


@contextlib.contextmanager
def busy_disk(folder: Path) -> Iterator[None]:
    """A neighbour that writes and syncs all the time."""
    code = (
        "import os, sys\n"
        "file = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)\n"
        "while True:\n"
        "    os.pwrite(file, b'x' * 65536, 0)\n"
        "    os.fsync(file)\n"
    )
    path = folder / "neighbour"
    neighbour = subprocess.Popen([sys.executable, "-c", code, str(path)])
    try:
        yield
    finally:
        neighbour.kill()
        neighbour.wait()
        path.unlink(missing_ok=True)


def calls_beside_a_busy_disk(bench: ModuleType, product: str, repetition: int, options: Result) -> Result:
    """The calls of w3 while another process syncs without pause."""
    with busy_disk(bench.DATA):
        result: Result = bench.one(product, "w3", options, 600)
    return result


def settle(root: Path) -> None:
    """Wait until no write-ahead log and no journal is left: the product's background process has drained and closed."""
    end = time.monotonic() + SETTLED
    while time.monotonic() < end and (any(root.rglob("*-wal")) or any(root.rglob("*.journal"))):
        time.sleep(0.2)


def loaded(bench: ModuleType, product: str, workload: str, options: Result, name: str) -> tuple[Path, Result]:
    """A store filled by the product itself; kept for the next repetitions and, for peers, the next time."""
    root = bench.DATA / f"{name}-{product}"
    note = root.with_suffix(".loaded.json")
    if not note.exists():
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        process = bench.start(product, workload, root, options)
        result = bench.finish(process, 1200)
        settle(root)
        bench.reap_group(process)
        if "error" in result:
            raise RuntimeError(f"the store could not be filled: {result['error']}")
        note.write_text(json.dumps(result), encoding="utf-8")
    read: Result = json.loads(note.read_text(encoding="utf-8"))
    return root, read


def multiplied(bench: ModuleType, product: str, count: int) -> None:
    """A store of `count` runs from one of 1,000 by SQL, where loading takes the product longer with each run."""
    script, file = MULTIPLIED[product]
    source, _ = loaded(bench, product, "w5load", {"n": 1000, "cap": 900}, "table1000")
    root = bench.DATA / f"table{count}-{product}"
    note = root.with_suffix(".loaded.json")
    if not note.exists():
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(source, root)
        (root / file).unlink()
        factor = str(count // 1000)
        command = [sys.executable, bench.HERE / "special" / script, source / file, root / file, factor]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        note.write_text(json.dumps({"n": count, "multiplied": True}), encoding="utf-8")


def table(bench: ModuleType, product: str, repetition: int, options: Result) -> Result:
    """The table of n runs with 15 values each, filtered and sorted, as a data frame."""
    count = options["n"]
    if product in MULTIPLIED and count > 1000:
        multiplied(bench, product, count)
    root, load = loaded(bench, product, "w5load", {"n": count, "cap": 900}, f"table{count}")
    process = bench.start(product, "w5query", root, {"prepare": repetition == 0, "cap": 20})
    result: Result = bench.finish(process, 900)
    bench.reap_group(process)
    return {**result, "load": load}


def curve(bench: ModuleType, product: str, repetition: int, options: Result) -> Result:
    """All points of a series as NumPy arrays."""
    root, load = loaded(bench, product, "w6load", {"cap": 300}, "curve")
    process = bench.start(product, "w6read", root, {})
    result: Result = bench.finish(process, 600)
    bench.reap_group(process)
    return {**result, "load": load}


def sizes(bench: ModuleType, product: str, repetition: int, options: Result) -> Result:
    """What an empty store, 1,000 runs and 100,000 points take when every process has left."""
    import worker

    note = bench.DATA / f"sizes-{product}.json"
    if note.exists():  # of a peer: it takes minutes and gives the same bytes each time
        kept: Result = json.loads(note.read_text(encoding="utf-8"))
        return kept
    found = {}
    for name, workload, arguments in (
        ("one run", "w5load", {"n": 1}),
        ("runs", "w5load", {"n": 1001}),
        ("one point", "w6load", {"sizes": {"c1": 1}}),
        ("points", "w6load", {"sizes": {"c1": 1, "c100k": 100_000}}),
    ):
        root = bench.fresh(product, "sizes")
        process = bench.start(product, workload, root, {**arguments, "cap": 300})
        result = bench.finish(process, 900)
        settle(root)
        bench.reap_group(process)
        found[name] = {**worker.du(root), "n": result.get("n", result.get("c100k"))}
        shutil.rmtree(root, ignore_errors=True)
    runs, points = found["runs"]["n"] or 0, found["points"]["n"] or 0
    result = {"found": found}
    for kind in ("bytes", "alloc"):
        if runs > 1:
            grown = found["runs"][kind] - found["one run"][kind]
            result[f"runs_{kind}"] = grown / (runs - 1) * 1000
        if points > 1:
            result[f"points_{kind}"] = (found["points"][kind] - found["one point"][kind]) / points * 100_000
        result[f"one_{kind}"] = found["one run"][kind]
    note.write_text(json.dumps(result), encoding="utf-8")
    return result


def writers(bench: ModuleType, product: str, repetition: int, options: Result) -> Result:
    """Four processes that log at once into one store; the harness's composite with each writer's own clock."""
    count, each = 4, options["n"]
    root = bench.fresh(product, "writers")
    bench.one(product, "count", {}, 60, root=root, keep=True)
    processes = [bench.start(product, "conc", root, {"idx": i, "n": each, "cap": 60}) for i in range(count)]
    end = time.monotonic() + 120
    while time.monotonic() < end and not all(
        (root / f".ready{i}").exists() or process.poll() is not None for i, process in enumerate(processes)
    ):
        time.sleep(0.02)
    (root / ".go").touch()
    results = [bench.finish(process, 400) for process in processes]
    for process in processes:
        bench.reap_group(process)
    counted = bench.one(product, "count", {}, 300, root=root, keep=True)
    shutil.rmtree(root, ignore_errors=True)
    returned = sum(result.get("returned_ok", 0) for result in results)
    stored = sum(counted["points"].values()) if "points" in counted else None
    errors = [result.get("errors") or result.get("fatal") or result.get("error") for result in results]
    walls = [result["wall_s"] for result in results if "wall_s" in result]
    return {
        "returned": returned,
        "stored": stored,
        "lost": None if stored is None else returned - stored,
        "errors": [error for error in errors if error],
        "points_per_s": returned / max(walls) if walls else None,
        "p99_us": max((result.get("p99_us") or 0.0 for result in results), default=None),
    }


def per_100_000(result: Result) -> float | None:
    """Milliseconds for 100,000 points, also of a product without such a call that was stopped before its last point."""
    took, points = at("durable_s")(result), at("n")(result)
    return None if took is None or not points else took / points * 1e8


def lost(result: Result) -> float | None:
    """The points that are missing; one more than returned is the call that was under way."""
    missing = at("lost")(result)
    return None if missing is None else max(0.0, missing)


def lost_share(result: Result) -> float | None:
    """The same of 100 calls."""
    missing, returned = lost(result), at("returned")(result)
    return None if missing is None or not returned else missing / returned * 100


def unread(names: tuple[str, ...]) -> tuple[str, ...]:
    """All products but those that cannot read back, or not in reasonable time."""
    return tuple(name for name in ALL if name not in names)


QUERY = unread(("wandb", "raw_walfull", "nbtrack_stored", "nbtrack_strict"))
WORKLOADS = {
    "import": Workload(
        "import, first run",
        simple("w1"),
        (
            Figure("import", at("wall_import_s", times=1000), "ms"),
            Figure(
                "import + open + first run",
                lambda result: (
                    sum(result[name] for name in ("open_s", "first_run_s")) * 1000
                    if "first_run_s" in result
                    else None
                ),
                "ms",
            ),
            Figure("memory after it", at("rss_after_run", "self", times=1e-6), "MB"),
        ),
        ("raw", "nbtrack", *PEERS),
    ),
    "run": Workload(
        "run: start, 10 params, 5 metrics, end",
        simple("w2"),
        (
            Figure("median", at("p50_ms"), "ms"),
            Figure("95 %", at("p95_ms"), "ms"),
            Figure("first", at("first_ms"), "ms"),
        ),
        unread(("nbtrack_strict",)),
        of_product={"mlflow": {"n": 50}, "trackio": {"n": 60}, "wandb": {"n": 25}, "aim": {"n": 25}},
    ),
    "calls": Workload(
        "10,000 log calls",
        simple("w3"),
        (
            Figure("median", at("p50_us"), "µs"),
            Figure("99 %", at("p99_us"), "µs"),
            Figure("points/s, run ended", at("durable_points_per_s"), "/s", more_is_better=True),
        ),
        of_product={"mlflow": {"n": 200}, "nbtrack_strict": {"n": 500}, "raw_walfull": {"n": 500}},
    ),
    "calls-busy": Workload(
        "10,000 log calls beside a process that fsyncs",
        calls_beside_a_busy_disk,
        (Figure("median", at("p50_us"), "µs"), Figure("99 %", at("p99_us"), "µs")),
        ("raw", "raw_walfull", "limit_mmap", "nbtrack", "mlflow", "trackio"),
        of_product={"mlflow": {"n": 100}, "raw_walfull": {"n": 500}},
    ),
    "million": Workload(
        "1,000,000 log calls",
        simple("w3"),
        (Figure("points/s, run ended", at("durable_points_per_s"), "/s", more_is_better=True),),
        ("raw", "limit_mmap", "nbtrack", "nbtrack_stored"),
        options={"n": 1_000_000, "untimed": True, "cap": 200},
        repeat=3,
    ),
    "series": Workload(
        "100,000 points at once",
        simple("w4"),
        (Figure("until the run ended", per_100_000, "ms"),),
        unread(("nbtrack_strict", "raw_walfull")),
        of_product={"wandb": {"cap": 5}, "aim": {"cap": 5}},
        repeat=3,
    ),
    "table1000": Workload(
        "table of 1,000 runs × 15",
        table,
        (Figure("first", at("first_ms"), "ms"), Figure("warm", at("p50_ms"), "ms")),
        QUERY,
        options={"n": 1000},
    ),
    "table10000": Workload(
        "table of 10,000 runs × 15",
        table,
        (Figure("first", at("first_ms"), "ms"), Figure("warm", at("p50_ms"), "ms")),
        tuple(name for name in QUERY if name != "aim"),
        options={"n": 10_000},
    ),
    "curve": Workload(
        "curve as NumPy arrays",
        curve,
        (
            Figure("10,000 points", at("c10k", "p50_ms"), "ms"),
            Figure("100,000 points", at("c100k", "p50_ms"), "ms"),
        ),
        unread(("raw_walfull", "nbtrack_stored", "nbtrack_strict")),
        repeat=3,
    ),
    "sizes": Workload(
        "bytes",
        sizes,
        (
            Figure("store with one run", at("one_bytes", times=1e-3), "kB"),
            Figure("… on disk", at("one_alloc", times=1e-3), "kB"),
            Figure("1,000 runs more", at("runs_bytes", times=1e-3), "kB"),
            Figure("… on disk", at("runs_alloc", times=1e-3), "kB"),
            Figure("100,000 points more", at("points_bytes", times=1e-3), "kB"),
            Figure("… on disk", at("points_alloc", times=1e-3), "kB"),
        ),
        ("raw", "limit_mmap", "nbtrack", *PEERS),
        repeat=1,
    ),
    "writers": Workload(
        "4 processes log at once",
        writers,
        (
            Figure("points/s in all", at("points_per_s"), "/s", more_is_better=True),
            Figure("99 %", at("p99_us"), "µs"),
            Figure("lost", lost, ""),
        ),
        unread(("raw_walfull", "nbtrack_stored", "nbtrack_strict")),
        options={"n": 25_000},
        of_product={"mlflow": {"n": 150}, "wandb": {"n": 3000}, "aim": {"n": 3000}},
    ),
    "kill": Workload(
        "kill -9 while logging",
        simple("w10kill"),
        (
            Figure("calls returned", at("returned"), "", more_is_better=True),
            Figure("of them lost", at("lost"), ""),
        ),
        unread(("raw_walfull", "nbtrack_stored", "nbtrack_strict")),
        of_product={"mlflow": {"calls": 200}},
    ),
}


def assemble(harness: Path, work: Path) -> Path:
    """Copy the harness and nbtrack's adapter into `work`; the copy."""
    copy = work / "harness"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(harness, copy, ignore=shutil.ignore_patterns(".work", "__pycache__"))
    for path in (copy, *copy.rglob("*")):
        path.chmod(path.stat().st_mode | 0o200)  # the harness may be read-only, the copy is ours
    worker = copy / "worker.py"
    text = worker.read_text(encoding="utf-8")
    if QUERY_BEGINS not in text:
        raise SystemExit(f"{worker} has changed: the place where its table query begins is not found.")
    # The first table is about the store: importing pandas (0.3 s) would hide it for every product.
    worker.write_text(text.replace(QUERY_BEGINS, QUERY_BEGINS + "    import pandas\n"), encoding="utf-8")
    adapters = copy / "adapters"
    shutil.copy(HERE / "nbtrack_.py", adapters / "nbtrack.py")
    for name, form in (("nbtrack_stored", "Stored"), ("nbtrack_strict", "Strict")):
        text = f'"""A form of nbtrack."""\n\nfrom .nbtrack import {form} as A\n\n__all__ = ["A"]\n'
        (adapters / f"{name}.py").write_text(text, encoding="utf-8")
    (adapters / "raw_walfull.py").write_text(WALFULL, encoding="utf-8")
    config = json.loads((copy / "config.json").read_text(encoding="utf-8"))
    config |= dict.fromkeys(OWN, "nbtrack") | {"raw_walfull": "raw"}
    (copy / "config.json").write_text(json.dumps(config), encoding="utf-8")
    for folder in ("venvs", "results", "data", "logs", "home"):
        (work / folder).mkdir(parents=True, exist_ok=True)
    return copy


def install(work: Path, revision: str) -> str:
    """Install nbtrack as it is at `revision` into an environment of its own; the commit."""

    def git(*arguments: str) -> bytes:
        return subprocess.run(
            ["git", "-C", str(CHECKOUT), *arguments], check=True, capture_output=True
        ).stdout

    commit = git("rev-parse", "--short=12", revision).decode().strip()
    source, environment = work / "source", work / "venvs" / "nbtrack"
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir()
    subprocess.run(["tar", "-x", "-C", str(source)], input=git("archive", revision), check=True)
    # The built front end is not under version control and plays no part here: it is taken as it lies.
    for built in ("labextension", "widgets/static"):
        folder = CHECKOUT / "src" / "nbtrack" / built
        if folder.is_dir():
            shutil.copytree(folder, source / "src" / "nbtrack" / built, dirs_exist_ok=True)
    python = environment / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    needs = ["psutil", "numpy", "pandas", "scikit-learn"]
    pip = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    environ = {**os.environ, "HATCH_BUILD_NO_HOOKS": "true"}
    subprocess.run([*pip, *needs, str(source)], check=True, env=environ)
    subprocess.run([*pip, "--no-deps", "--force-reinstall", str(source)], check=True, env=environ)
    return commit


def run(bench: ModuleType, names: list[str], products: list[str], repeat: int, save: Path) -> dict[str, Any]:
    """Measure; results by workload and product, in the order of the repetitions (None where one failed)."""
    found: dict[str, dict[str, list[Result]]] = {}
    for name in names:
        workload = WORKLOADS[name]
        chosen = [product for product in workload.products if product in products]
        found[name] = {product: [] for product in chosen}
        for repetition in range(min(repeat, workload.repeat or repeat)):
            for product in chosen:
                options = {**workload.options, **workload.of_product.get(product, {})}
                began = time.monotonic()
                try:
                    result = workload.measure(bench, product, repetition, options)
                except Exception as problem:  # noqa: BLE001 - one product that fails does not end the others
                    result = {"error": f"{type(problem).__name__}: {problem}"}
                found[name][product].append(result)
                line = {"workload": name, "product": product, "repetition": repetition, "result": result}
                line |= {"time": time.time(), "load": os.getloadavg()[0], "options": options}
                with save.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
                shown = " ".join(
                    f"{figure.title}={number(figure.read(result))}{figure.unit}"
                    for figure in workload.figures
                )
                error = f" ERROR {result['error']}" if "error" in result else ""
                print(
                    f"[{time.monotonic() - began:6.1f} s, load {os.getloadavg()[0]:.1f}] {name} {product}: {shown}{error}",
                    file=sys.stderr,
                    flush=True,
                )
    return found


def number(value: float | None) -> str:
    """Three digits that matter."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def markdown(found: dict[str, dict[str, list[Result]]], wanted: tuple[str, ...]) -> str:
    """One table: medians; in brackets how many times nbtrack is ahead of that product (below 1: behind)."""
    products = [product for product in wanted if any(product in results for results in found.values())]
    lines = [
        "| | | repetitions | " + " | ".join(products) + " |",
        "|---|---|---|" + "---|" * len(products),
    ]
    for name, results in found.items():
        for figure in WORKLOADS[name].figures:
            values = {
                product: [figure.read(result) for result in repetitions]
                for product, repetitions in results.items()
            }
            count = max((len(repetitions) for repetitions in results.values()), default=0)
            cells = [_cell(figure, values, product) for product in products]
            unit = f", {figure.unit}" if figure.unit else ""
            lines.append(
                f"| {WORKLOADS[name].title} | {figure.title}{unit} | {count} | " + " | ".join(cells) + " |"
            )
    return "\n".join(lines)


def _cell(figure: Figure, values: dict[str, list[float | None]], product: str) -> str:
    numbers = [value for value in values.get(product, []) if value is not None]
    if not numbers:
        return ""
    if not figure.unit:
        return number(max(numbers))
    text = number(statistics.median(numbers))
    if product == "nbtrack":
        return text
    pairs = zip(values[product], values.get("nbtrack", []), strict=False)
    ratios = [theirs / ours for theirs, ours in pairs if theirs and ours]
    if not ratios:
        return text
    ratio = statistics.median(ratios)
    return f"{text} ({number(1 / ratio if figure.more_is_better else ratio)}×)"


def main() -> None:
    """Assemble, install, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=", ".join(WORKLOADS))
    parser.add_argument("--harness", type=Path, default=os.environ.get("PEERS_HARNESS"))
    parser.add_argument("--work", type=Path, help="folder for environments, stores and results")
    parser.add_argument("--revision", default="HEAD", help="the commit of nbtrack that is measured")
    parser.add_argument("--repeat", type=int, default=5, metavar="N")
    parser.add_argument("--products", default=",".join(ALL))
    parser.add_argument("--keep-install", action="store_true", help="measure what the last call installed")
    parser.add_argument("--list", action="store_true", help="name the workloads and end")
    chosen = parser.parse_args()
    if chosen.list:
        for name, workload in WORKLOADS.items():
            print(f"{name:<12} {workload.title}")
        return
    unknown = set(chosen.workloads) - set(WORKLOADS)
    if unknown or chosen.harness is None or chosen.work is None:
        parser.error(
            f"there is no workload {', '.join(sorted(unknown))}"
            if unknown
            else "name the harness (--harness or PEERS_HARNESS) and a folder to work in (--work)"
        )
    work = chosen.work.resolve()
    harness = assemble(chosen.harness.resolve(), work)
    commit = "as installed" if chosen.keep_install else install(work, chosen.revision)
    products = [name for name in ALL if name in chosen.products.split(",")]
    os.environ["PEERS_DIR"] = str(work)
    config = json.loads((harness / "config.json").read_text(encoding="utf-8"))
    missing = sorted({config[name] for name in products if not (work / "venvs" / config[name]).exists()})
    if missing:
        subprocess.run(["bash", str(harness / "make_environments.sh"), *missing], check=True)
    for path in (work / "data").glob("*-nbtrack*"):  # of another commit
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    sys.path.insert(0, str(harness))
    import bench

    results = run(
        bench,
        chosen.workloads or list(WORKLOADS),
        products,
        chosen.repeat,
        work / "results" / "nbtrack.jsonl",
    )
    print(
        f"nbtrack {commit}; {time.strftime('%Y-%m-%d')}; medians; in brackets: how many times nbtrack is ahead\n"
    )
    print(markdown(results, ("nbtrack", "raw", *PEERS)))
    print("\nThe same by what is promised, and the limit of a bare mapped file:\n")
    print(
        markdown(results, ("nbtrack", "nbtrack_stored", "nbtrack_strict", "raw", "raw_walfull", "limit_mmap"))
    )


if __name__ == "__main__":
    main()
