"""Real kernels, killed in the middle of a tracked notebook.

A front end sends the cells of a notebook; a cell is acknowledged when the kernel has answered for it, which is after
nbtrack's hook has run, and each call of `nbtrack.log` inside it as the workers' are.
"""

from __future__ import annotations

import os
import queue
import random
import shutil
import subprocess
import time
from pathlib import Path

from jupyter_client.manager import KernelManager

import nbtrack
from campaigns.campaign import Campaign, Order, Tally, in_lanes
from campaigns.checker import check_runs
from campaigns.keepers import end_keeper, kill_keeper
from campaigns.kill import SHOWN_AS_CRASHED
from campaigns.ledger import Ledger
from campaigns.weakened import JOURNAL_IN_MEMORY
from campaigns.workload import Kept
from nbtrack.errors import NotFound

ROOT = Path(__file__).resolve().parents[1]
LANES = 2
CELLS, POINTS = 60, 40
"""Tracked cells that a notebook has, and calls of ``log`` in each."""

LIVES = 1.2
"""Seconds between the first tracked cell and the kill, at most."""

PATIENCE = 60.0

FIRST = """
%load_ext nbtrack
import time, nbtrack
from pathlib import Path
from campaigns.ledger import Ledger
book = Ledger(Path({ledger!r}))
"""

CELL = """%%track c{number}
width = {number}
for point in range({points}):
    nbtrack.log(loss={number} + point / 64)
    book.acknowledge()
time.sleep(0.005)
"""


def run(order: Order) -> Tally:
    """Run the trials, each with a kernel and a store of its own."""
    return in_lanes(order, LANES, order.numbers(), lambda number, tally: _try(order, number, tally))


class Kernel:
    """A kernel in a folder, driven as a front end drives it."""

    def __init__(self, folder: Path) -> None:
        self._manager = KernelManager()
        self._asked: set[str] = set()
        path = os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(ROOT)]).lstrip(os.pathsep)
        self._manager.start_kernel(
            cwd=str(folder),
            env={**os.environ, "PYTHONPATH": path, "NBTRACK_EXPERIMENT": "notebook"},
            stderr=subprocess.DEVNULL,
        )
        self._client = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=PATIENCE)

    def send(self, code: str) -> None:
        """Ask for an execution without waiting for it."""
        self._asked.add(str(self._client.execute(code)))

    def answered(self, seconds: float) -> bool:
        """Wait for the next answer to a request of ours (the client asks others of its own), so long at most."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                reply = self._client.get_shell_msg(timeout=max(0.001, deadline - time.monotonic()))
            except queue.Empty:
                return False
            if reply["parent_header"].get("msg_id") in self._asked:
                return bool(reply["content"].get("status") == "ok")

    def kill(self) -> None:
        """``kill -9``."""
        self._manager.shutdown_kernel(now=True)

    def close(self) -> None:
        """Let the sockets go."""
        self._client.stop_channels()
        self._manager.cleanup_resources()


def _try(order: Order, number: int, tally: Tally) -> None:
    chance = order.chance("kernels", number)
    folder = order.folder / f"{number}"
    folder.mkdir()
    store, ledger = folder / ".nbtrack", Ledger(folder / "kernel.ledger")
    kernel = Kernel(folder)
    try:
        kernel.send(FIRST.format(ledger=str(ledger.path)))
        if not kernel.answered(PATIENCE):
            tally.violate("wrong", f"trial {number}: nbtrack was not loaded")
            return
        done = _run_cells(kernel, chance, store)
        kernel.kill()
        done += _late(kernel)
    finally:
        kernel.kill()
        kernel.close()
    tally.trials += 1
    tally.reached += done < CELLS
    tally.acknowledged += ledger.returned + done
    try:
        _check(store, tally, f"trial {number}", done, ledger.returned)
    except nbtrack.NbtrackError as problem:
        tally.violate("unopenable", f"trial {number}: {problem}")
    end_keeper(store)
    if tally.holds:
        shutil.rmtree(folder, ignore_errors=True)


def _run_cells(kernel: Kernel, chance: random.Random, store: Path) -> int:
    """Send all cells and wait for a random time; how many were answered."""
    for cell in range(CELLS):
        kernel.send(CELL.format(number=cell, points=POINTS))
    end = time.monotonic() + chance.uniform(0, LIVES)
    keeper_dies = time.monotonic() + chance.uniform(0, LIVES) if chance.random() < 0.4 else end
    done = 0
    while (now := time.monotonic()) < end and done < CELLS:
        if now >= keeper_dies:
            kill_keeper(store)
            keeper_dies = end
        done += kernel.answered(min(end, keeper_dies) - now)
    return done


def _late(kernel: Kernel) -> int:
    """The answers that were on their way when the kernel died."""
    late = 0
    while kernel.answered(0.05):
        late += 1
    return late


def _notebook(points: int, ended: int) -> dict[str, Kept]:
    """What the cells leave that have logged so many points in all, the first of them ended."""
    runs = {}
    for cell in range(max(ended, -(-points // POINTS))):
        series = [(point, cell + point / 64) for point in range(min(POINTS, points - cell * POINTS))]
        over = cell < ended
        runs[f"c{cell}"] = Kept(
            series={"loss": series} if series else {}, params={"width": [cell]} if over else {}, ended=over
        )
    return runs


def _check(store: Path, tally: Tally, where: str, done: int, points: int) -> None:
    client = nbtrack.open(store)
    possible = _notebook(points + 1, done + 1)
    check_runs(client, tally, where, "notebook", _notebook(points, done), possible)
    for cell in range(done):
        try:
            sources = [each.source for each in client.runs.get(f"notebook/c{cell}-1").detail.cells]
        except NotFound:
            continue  # already counted as lost
        if len(sources) != 1 or f"width = {cell}\n" not in sources[0]:
            tally.violate("lost", f"{where}: the run c{cell}-1 has the cells {sources}")
    deadline = time.monotonic() + SHOWN_AS_CRASHED
    while rows := list(client.runs.search("status = 'running'")):
        if time.monotonic() > deadline:
            tally.violate("wrong", f"{where}: {rows[0].name} is running, not crashed")
            return
        time.sleep(0.2)


CAMPAIGN = Campaign(
    name="kernels",
    promise="A kernel killed in the middle of a notebook leaves each cell that it had answered for and each logged point.",
    run=run,
    short=30,
    long=1_000,
    minutes=1.5,
    weakenings=(JOURNAL_IN_MEMORY,),
    teeth=10,
)
