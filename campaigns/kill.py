"""``kill -9`` at random moments: of the recording process, the keeper or both, while they open, record, drain, answer.

Workers come from a fork server that has nbtrack loaded, and share a store in turn, so that hundreds of trials fit into
minutes; each trial has its own experiment and is checked by itself.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import random
import shutil
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

import nbtrack
from campaigns import worker
from campaigns.campaign import Campaign, Order, Tally
from campaigns.checker import check_worker
from campaigns.keepers import end_keeper, keeper_of, kill_keeper, signal_to, wait_for_keeper
from campaigns.ledger import Ledger
from campaigns.weakened import JOURNAL_IN_MEMORY, Weakening

LANES = 2
"""Stores at work at a time."""

TRIALS_OF_A_STORE = 25

LIVES = 0.06
"""Seconds between the first acknowledgement and the kill, at most."""

DRAINS = 0.2
"""Seconds that a keeper with a backlog drains before it is killed, at most."""

BEGINS = 20.0
"""Seconds that a worker may take to its first acknowledgement on a loaded machine."""

SHOWN_AS_CRASHED = 60.0
"""Seconds after which the runs of a dead process must be shown as crashed."""

SLOW = 0.5
"""Seconds that a slow disk takes to give space for the next file of a journal: its writer does not wait for it."""

FAULTS = {
    "worker": 0.12,
    "worker whose disk is slow": 0.1,
    "keeper, then worker": 0.13,
    "worker and keeper": 0.15,
    "keeper while it opens, then worker": 0.1,
    "worker while it opens": 0.1,
    "worker, then keeper while it drains": 0.2,
    "worker, then keeper while it answers": 0.1,
}
"""What is killed, and how often."""


def run(order: Order) -> Tally:
    """Run the trials in lanes, each with one store after the other."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["campaigns.worker"])
    numbers = order.numbers()
    batches = [
        numbers[first : first + TRIALS_OF_A_STORE] for first in range(0, len(numbers), TRIALS_OF_A_STORE)
    ]
    total = Tally()
    with ThreadPoolExecutor(LANES) as pool:
        for tally in pool.map(lambda batch: Lane(order, context).run(batch), batches):
            total.add(tally)
    return total


class Lane:
    """Trials on one store."""

    def __init__(self, order: Order, context: ForkServerContext) -> None:
        self._order = order
        self._context = context
        self._tally = Tally()

    def run(self, numbers: list[int]) -> Tally:
        """Run the trials of these numbers."""
        if self._order.is_over():
            return self._tally
        folder = self._order.folder / f"from-{numbers[0]}"
        folder.mkdir()
        store = folder / ".nbtrack"
        begun: dict[str, str] = {}
        for number in numbers:
            if self._order.is_over():
                break
            begun |= dict.fromkeys(self._trial(number, store), f"trial {number}")
            self._order.look(self._tally)
        self._check_states(store, begun)
        self._order.look(self._tally)
        end_keeper(store)
        if self._tally.holds:
            shutil.rmtree(folder, ignore_errors=True)  # a keeper that was on its way may still write its log
        return self._tally

    def _trial(self, number: int, store: Path) -> list[str]:
        """Start a worker, kill, and check; the ids of its runs."""
        chance = self._order.chance("kill", number)
        fault = chance.choices(list(FAULTS), list(FAULTS.values()))[0]
        where = f"trial {number} ({fault})"
        seed, name = repr((self._order.seed, number)), f"t{number}"
        ledger = Ledger(store.parent / f"{name}.ledger")
        slow = SLOW if fault == "worker whose disk is slow" else 0.0
        process = self._context.Process(
            target=worker.work, args=(str(store), seed, name, str(ledger.path), None, 0.0, slow), daemon=True
        )
        process.start()
        self._kill(fault, chance, process, ledger, store)
        self._tally.trials += 1
        self._tally.reached += process.exitcode == -signal.SIGKILL
        self._tally.acknowledged += ledger.returned
        if ledger.trouble.exists():
            last = ledger.trouble.read_text(encoding="utf-8").strip().splitlines()[-1]
            self._tally.violate("wrong", f"{where}: a call raised {last}")
        if ledger.returned == 0 and not (store / "nbtrack-store").exists():
            return []  # killed before there was a store; the next worker makes it
        nemesis = threading.Timer(chance.uniform(0, 0.1), kill_keeper, [store])
        if fault.endswith("answers"):
            nemesis.start()
        try:
            return check_worker(
                nbtrack.open(store),
                self._tally,
                where,
                seed=seed,
                name=name,
                returned=ledger.returned,
            )
        except nbtrack.NbtrackError as problem:
            self._tally.violate("unopenable", f"{where}: {problem}")
            return []
        finally:
            nemesis.cancel()

    def _kill(
        self, fault: str, chance: random.Random, process: ForkServerProcess, ledger: Ledger, store: Path
    ) -> None:
        stopped = None
        if fault == "worker while it opens":
            time.sleep(chance.uniform(0, 0.1))
        else:
            deadline = time.monotonic() + BEGINS
            while ledger.returned == 0 and process.is_alive() and time.monotonic() < deadline:
                if fault == "keeper while it opens, then worker":
                    wait_for_keeper(store, 0.001)
                time.sleep(0.0005)
            if fault == "keeper while it opens, then worker" and wait_for_keeper(store, 2.0):
                time.sleep(chance.uniform(0, 0.03))
                kill_keeper(store)
            stopped = keeper_of(store) if fault == "worker, then keeper while it drains" else None
            signal_to(stopped, signal.SIGSTOP)  # so that much waits for it
            if fault == "worker whose disk is slow":
                _wait_for_file(store / "journal", ".000002", SLOW)
            time.sleep(chance.uniform(0, LIVES))
            if fault == "keeper, then worker":
                kill_keeper(store)
                time.sleep(chance.uniform(0, LIVES))
        process.kill()
        if fault == "worker and keeper":
            kill_keeper(store)
        process.join()
        if stopped is not None:
            signal_to(stopped, signal.SIGCONT)
            time.sleep(chance.uniform(0, DRAINS))
            signal_to(stopped, signal.SIGKILL)

    def _check_states(self, store: Path, begun: dict[str, str]) -> None:
        """Wait until no run is shown as running: all their processes are dead."""
        deadline = time.monotonic() + SHOWN_AS_CRASHED
        while begun and not (self._order.stop_early and self._order.is_over()):
            try:
                rows = list(nbtrack.open(store).runs.search("status = 'running'", limit=100_000))
            except nbtrack.NbtrackError as problem:
                self._tally.violate("unopenable", f"{store.parent.name}: {problem}")
                return
            if not rows:
                return
            if time.monotonic() > deadline:
                for row in rows:
                    self._tally.violate(
                        "wrong", f"{begun.get(row.id, '?')}: {row.name} is running, not crashed"
                    )
                return
            with contextlib.suppress(InterruptedError):
                time.sleep(0.2)


def _wait_for_file(folder: Path, ending: str, seconds: float) -> None:
    """Wait until a journal has gone on in the file of a number."""
    deadline = time.monotonic() + seconds
    while not any(folder.glob(f"*{ending}.journal")) and time.monotonic() < deadline:
        time.sleep(0.001)


_TAKE = "            count = self._take(name, part)\n"
_ADVANCE = "            self._store.journals.advance(name, part.position)\n"
_AFTER = "        self._points.clear()\n        journal.tell_drained("
_COMMIT = "            self._store.connection.execute('COMMIT; BEGIN')\n"
_PAUSE = "            time.sleep(0.03)\n"
"""For a kill to fall into: a disk would take as long, and now and then."""

CAMPAIGN = Campaign(
    name="kill",
    promise="What a log call has acknowledged survives kill -9 of the process, of the keeper, of both, at any moment.",
    run=run,
    short=500,
    long=10_000,
    minutes=3.5,
    weakenings=(
        JOURNAL_IN_MEMORY,
        Weakening(
            "the position in a journal is committed before the points",
            "service/intake.py",
            ((_TAKE, _TAKE + _ADVANCE + _COMMIT),),
        ),
        Weakening(
            "the rows are committed before the position in the journal",
            "service/intake.py",
            ((_ADVANCE + _AFTER, _COMMIT + _PAUSE + _ADVANCE + _AFTER),),
        ),
        Weakening(
            "a file that was prepared in vain hides those behind it",
            "service/intake.py",
            (
                (
                    "        begun = self._begun(group)\n",
                    "        begun = group[:1] + self._begun(group[1:2])\n",
                ),
            ),
        ),
    ),
    teeth=200,
)
