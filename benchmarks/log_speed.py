"""What logging costs the loop that logs, and how soon the store has it; the least that could be done as a yardstick.

``python benchmarks/log_speed.py [SCALE]``: a SCALE of 0.1 takes a tenth of the points. Each figure is given with its goal.
On a machine that does other things too, compare with the yardsticks of the same run; of three tries the best counts, and the
time of the processor, which neighbours hardly change, stands beside that of the clock.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from zlib import crc32

import nbtrack
from nbtrack.keeper import connect

SCALE = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
CALLS = int(200_000 * SCALE)
POINTS = int(1_000_000 * SCALE)
TRIES = 3

_NEIGHBOUR = """
import os, sys
with open(sys.argv[1], "wb", buffering=0) as file:
    while True:
        file.write(bytes(65536)); os.fsync(file.fileno())
        if file.tell() > 1 << 26: file.seek(0)
"""

_WRITER = """
import sys, time, nbtrack
count = int(sys.argv[1])
with nbtrack.run("writer") as run:
    nbtrack.log(warm=1.0)
    sys.stdin.readline()
    for step in range(count):
        nbtrack.log(loss=0.5, step=step)
    print(run.id, flush=True)
"""


def tell(what: str, figure: str, goal: str) -> None:
    """One line of the result."""
    print(f"{what:<58} {figure:>28}   goal {goal}", flush=True)


def percentiles(call: Callable[[int], object], count: int) -> tuple[float, float]:
    """Median and 99th percentile of the calls, in µs, with the clock's own cost taken off; each the best of some tries."""
    tries = [_percentiles(call, count) for _ in range(TRIES)]
    return min(middle for middle, _ in tries), min(late for _, late in tries)


def _percentiles(call: Callable[[int], object], count: int) -> tuple[float, float]:
    clock = time.perf_counter_ns
    taken = array("q", bytes(8 * count))
    for index in range(count):
        begin = clock()
        call(index)
        taken[index] = clock() - begin
    empty = sorted(clock() - clock() for _ in range(10_001))[5_000]
    ordered = sorted(taken)
    return (ordered[count // 2] + empty) / 1000, (ordered[count * 99 // 100] + empty) / 1000


def per_call(what: str, goal: str, count: int = CALLS) -> float:
    """Measure the plain call; the median in µs."""
    with nbtrack.run("speed"):
        nbtrack.log(loss=0.5)
        for step in range(count // 10):
            nbtrack.log(loss=0.5, step=step)
        middle, late = percentiles(lambda index: nbtrack.log(loss=0.5, step=index), count)
    tell(what, f"p50 {middle:.2f} µs, p99 {late:.2f} µs", goal)
    return middle


@contextlib.contextmanager
def syncing_neighbour(folder: Path) -> Iterator[None]:
    """Beside a process that syncs all the time."""
    neighbour = subprocess.Popen([sys.executable, "-c", _NEIGHBOUR, str(folder / "neighbour")])
    try:
        time.sleep(1.0)
        yield
    finally:
        neighbour.kill()
        neighbour.wait()


@contextlib.contextmanager
def stopped_keeper(store: Path) -> Iterator[None]:
    """While the keeper does nothing."""
    pid = int(connect(store).ask("store.status").keeper.split()[1])
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def raw_rows(folder: Path) -> float:
    """A row in a transaction of its own, in WAL mode without a sync: the median in µs."""
    connection = sqlite3.connect(folder / "raw.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("CREATE TABLE points (run TEXT, name TEXT, step INTEGER, time INTEGER, value REAL)")
    middle, late = percentiles(
        lambda index: connection.execute(
            "INSERT INTO points VALUES ('r', 'loss', ?, ?, 0.5)", (index, time.time_ns())
        ),
        CALLS // 10,
    )
    tell("raw SQLite, WAL, a transaction per row", f"p50 {middle:.2f} µs, p99 {late:.2f} µs", "a yardstick")
    connection.close()
    return middle


def bare_records(folder: Path) -> float:
    """The least that survives the process: a point with its checksum copied into a mapped file; the median in µs."""
    pack, size = struct.Struct("<BBxxIqqd").pack, 40
    with (folder / "bare").open("w+b") as file:
        os.posix_fallocate(file.fileno(), 0, size * CALLS)
        content = mmap.mmap(file.fileno(), size * CALLS)

    def record(index: int) -> None:
        point = pack(80, 1, 1, time.time_ns(), index, 0.5)
        content[index * size : index * size + size] = struct.pack("<II", 32, crc32(point)) + point

    middle, late = percentiles(record, CALLS)
    tell("a bare record in a mapped file", f"p50 {middle:.2f} µs, p99 {late:.2f} µs", "a yardstick")
    return middle


def bare_sync(folder: Path) -> None:
    """The least that survives a power cut: a record in a mapped file that is allocated, and its sync."""
    with (folder / "synced").open("w+b") as file:
        os.posix_fallocate(file.fileno(), 0, 1 << 18)
        os.fsync(file.fileno())
        content = mmap.mmap(file.fileno(), 1 << 18)

        def record(index: int) -> None:
            content[index * 40 : index * 40 + 40] = bytes(40)
            os.fdatasync(file.fileno())

        middle, late = percentiles(record, max(200, CALLS // 100))
    tell(
        "a bare record in a mapped file and a sync", f"p50 {middle:.0f} µs, p99 {late:.0f} µs", "a yardstick"
    )


def strict(folder: Path) -> None:
    """Each call waits for the disk; in a process of its own, since the setting is read when recording begins."""
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import log_speed;"
        f" log_speed.per_call('strict durability (durability = power)', '≤ 300 µs', {max(200, CALLS // 100)})"
    )
    subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env={**os.environ, "NBTRACK_DURABILITY": "power"}
    )


def whole_runs() -> None:
    """Start, 10 params, 5 metrics, end."""
    params = {f"p{number}": number for number in range(10)}

    def one(index: int) -> None:
        with nbtrack.run("whole") as run:
            run.params(params)
            run.log(a=1.0, b=2.0, c=3.0, d=4.0, e=5.0)

    one(0)
    middle, late = percentiles(one, max(100, CALLS // 100))
    tell("a run: start, 10 params, 5 metrics, end", f"p50 {middle:.1f} µs, p99 {late:.1f} µs", "≤ 100 µs")


def columns() -> None:
    """The array form, for arrays that fit in the journal and for one that stands in a file."""
    for length, times in ((100_000, 10), (1_000_000, 1)):
        values = array("d", range(length))
        rate = 0.0
        with nbtrack.run("columns") as run:
            run.log_series("warm", values)
            for _ in range(TRIES):
                begin = time.perf_counter()
                for _ in range(times):
                    run.log_series("loss", values)
                rate = max(rate, length * times / (time.perf_counter() - begin) / 1e6)
        tell(f"log_series of {length:,} values", f"{rate:.0f} M points/s", "≥ 10 M points/s")


def busy(pid: int) -> float:
    """Seconds of the processor that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def through(store: Path) -> None:
    """A loop of many points until the store has all of them."""
    keeper = int(connect(store).ask("store.status").keeper.split()[1])
    best, loop, drain = 0.0, 1e9, 1e9
    for _ in range(TRIES):
        with nbtrack.run("through") as run:
            nbtrack.log(warm=1.0)
            begin, looped, drained = time.perf_counter(), time.process_time(), busy(keeper)
            for step in range(POINTS):
                nbtrack.log(loss=0.5, step=step)
            loop = min(loop, time.process_time() - looped)
            found = len(nbtrack.open(store).runs.get(run.id).metric("loss"))
            best = max(best, found / (time.perf_counter() - begin))
            drain = min(drain, busy(keeper) - drained)
        assert found == POINTS, f"{POINTS - found} points are lost"
    figure = f"{best:,.0f} points/s"
    tell(f"{POINTS:,} points through the loop and into the store", figure, "≥ 200,000 points/s")
    figure = f"{POINTS / loop:,.0f} and {POINTS / drain:,.0f} points/s"
    tell("… by the processor's time of the loop, of the keeper", figure, "≥ 200,000 points/s each")


def four_writers(store: Path, folder: Path) -> None:
    """Four processes log at once."""
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(POINTS // 4)],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    time.sleep(3.0)
    begin = time.perf_counter()
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
    runs = [writer.communicate()[0].strip() for writer in writers]
    client = nbtrack.open(store)
    found = sum(len(client.runs.get(run).metric("loss")) for run in runs)
    rate = found / (time.perf_counter() - begin)
    tell("four processes at once, until the store has all", f"{rate:,.0f} points/s", "≥ 100,000 points/s")
    assert found == POINTS // 4 * 4, f"{POINTS // 4 * 4 - found} points are lost"
    assert [writer.returncode for writer in writers] == [0] * 4


def main() -> None:
    """Measure all of it in a store of its own."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        os.chdir(folder)
        store = folder / ".nbtrack"
        nbtrack.log(warm=1.0)
        time.sleep(1.0)
        row, record = raw_rows(folder), bare_records(folder)
        call = per_call("nbtrack.log(loss=x, step=n)", "≤ 2 µs, p99 ≤ 20 µs")
        tell(
            "… beside the raw row, beside the bare record", f"{call / row:.2f}, {call / record:.1f}", "0.2, 5"
        )
        with syncing_neighbour(folder):
            per_call("… beside a process that syncs all the time", "the same")
        with stopped_keeper(store):
            per_call("… while the keeper is stopped", "the same")
        bare_sync(folder)
        strict(folder)
        whole_runs()
        columns()
        nbtrack.open(store).runs.search(limit=1)  # what was logged until here is taken in first
        through(store)
        four_writers(store, folder)
        nbtrack.flush()


if __name__ == "__main__":
    main()
