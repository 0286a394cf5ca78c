"""What a keeper that is stopped or whose disk is slow costs the cells of a kernel, as a ratio against the same cell without.

Two cells run in one in-process IPython shell, in turn, once with nbtrack paused and without the log call: a loop that
computes and logs, and a cell that does nothing. Between rounds the keeper is stopped (SIGSTOP), or each of its syncs is made
to take 0.2 s (strace, where it is installed and allowed), or the machine's disk is kept busy by a process that syncs all
the time.

    python benchmarks/slow_keeper.py [--repeat 30]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

LOOP = "for step in range(2_000):\n    loss = sum(number * number for number in range(200))\n"
CELLS = {
    "a loop with 2,000 log calls": (LOOP, f"{LOOP}    nbtrack.log(loss=loss)"),
    "the same, %%track": (LOOP, f"%%track loop\n{LOOP}    nbtrack.log(loss=loss)"),
    "x = 1": ("x = 1", "x = 1"),
}

SYNC_SECONDS = 0.2

_NEIGHBOUR = """
import os, sys
with open(sys.argv[1], "wb", buffering=0) as file:
    while True:
        file.write(bytes(1 << 20)); os.fsync(file.fileno())
        if file.tell() > 1 << 26: file.seek(0)
"""


def run(shell: InteractiveShell, code: str) -> float:
    """Milliseconds of one execution, with the events around it."""
    began = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        shell.run_cell(code, store_history=True).raise_error()
    return (time.perf_counter() - began) * 1000


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    """While the process `pid` does nothing."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def slow_syncs(pid: int) -> Iterator[None]:
    """While each sync of the process `pid` takes `SYNC_SECONDS` longer."""
    delay = f"--inject=fsync,fdatasync:delay_enter={int(SYNC_SECONDS * 1e6)}"
    command = ["strace", "-f", "-qq", "-o", os.devnull, "-e", "trace=fsync,fdatasync", delay, "-p", str(pid)]
    tracer = subprocess.Popen(command)
    time.sleep(0.5)
    try:
        yield
    finally:
        tracer.terminate()
        tracer.wait()


@contextlib.contextmanager
def busy_disk(folder: Path) -> Iterator[None]:
    """Beside a process that writes and syncs all the time."""
    neighbour = subprocess.Popen([sys.executable, "-c", _NEIGHBOUR, str(folder / "neighbour")])
    try:
        yield
    finally:
        neighbour.kill()
        neighbour.wait()


def measure(shell: InteractiveShell, hooks: Any, plain: str, tracked: str, repeat: int) -> list[float]:
    """The ratios of the tracked to the plain execution, of pairs that follow each other."""
    ratios = []
    for _ in range(repeat):
        hooks.paused = True
        without = run(shell, plain)
        hooks.paused = False
        ratios.append((without, run(shell, tracked)))
    plain_median = statistics.median(before for before, _ in ratios)
    return [plain_median, statistics.median(after - before for before, after in ratios)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=30)
    repeat = parser.parse_args().repeat
    with tempfile.TemporaryDirectory(prefix="nbt-") as place:
        folder = Path(place)
        os.environ["NBTRACK_STORE"] = str(folder / ".nbtrack")
        os.environ["IPYTHONDIR"] = str(folder / "ipython")
        shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
        run(shell, "%load_ext nbtrack")
        run(shell, "import nbtrack")
        from nbtrack.ipython import extension

        (loaded,) = extension._loaded.values()
        hooks = loaded.hooks
        pid = int(hooks.session.proxy.ask("store.status").keeper.split()[1])
        conditions: dict[str, Callable[[], AbstractContextManager[None]]] = {
            "as usual": contextlib.nullcontext,
            "keeper stopped": lambda: stopped(pid),
            "disk busy": lambda: busy_disk(folder),
        }
        if shutil.which("strace"):
            conditions["keeper's syncs + 0.2 s"] = lambda: slow_syncs(pid)
        print(f"{'cell':<30}{'':<24}{'plain ms':>10}{'added ms':>10}{'ratio':>8}")
        for name, (plain, tracked) in CELLS.items():
            for condition, during in conditions.items():
                with during():
                    before, added = measure(shell, hooks, plain, tracked, repeat)
                print(
                    f"{name:<30}{condition:<24}{before:>10.2f}{added:>10.2f}{(before + added) / before:>8.2f}",
                    flush=True,
                )
                hooks.session.proxy.ask("runs.search")  # what was recorded meanwhile is taken in first


if __name__ == "__main__":
    main()
