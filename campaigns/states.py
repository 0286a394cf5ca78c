"""A hypothesis state machine over recording, deciding and asking, with deaths of the recorder and of the keeper as steps.

Most examples run all of it in this process (`campaigns.recording`, `campaigns.deciding`); some ask a real keeper, which is
killed.
"""

from __future__ import annotations

import itertools
import logging
import os
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import get_state_machine_test

from campaigns.campaign import Campaign, Order, Tally
from campaigns.deciding import Machine
from campaigns.keepers import end_keeper, kill_keeper
from campaigns.recording import Lives
from campaigns.weakened import Weakening
from nbtrack.entities.processes import ProcessIdentity
from nbtrack.keeper.proxy import KeeperProxy
from nbtrack.service import models
from nbtrack.store import processes, segments
from nbtrack.store.blobs import digest_of

STEPS = 60
"""Steps of an example."""

BATCH = 2_000
"""Steps with one seed, so that a violation is found again in seconds."""

SLOW = 8
"""Of so many batches one asks a real keeper, with two examples."""

SEEN_DEAD = 10.0
"""Seconds in which a keeper must see that a process is dead."""

SMALL_SEGMENTS = (8192, 8192, 16384, 16384)


class KeptMachine(Machine):
    """The same steps, answered by a real keeper that is killed; a program that sleeps stands for the recording process."""

    converts: ClassVar[bool] = False

    def open_keeper(self) -> None:
        """Ask through a proxy; the keeper starts by itself."""
        self.proxy = KeeperProxy(self.store)

    def close_keeper(self) -> None:
        """Forget the connections, and end the keeper."""
        self.proxy.close()
        end_keeper(self.store)

    def ask(self, operation: str, **arguments: Any) -> Any:
        """Ask the keeper."""
        return self.proxy.ask(operation, **arguments)

    def identity(self) -> ProcessIdentity:
        """Who records."""
        self.sleeper = subprocess.Popen(["sleep", "600"])
        return replace(processes.this_process(), pid=self.sleeper.pid, start_time="")

    def end_process(self) -> None:
        """Leave nothing behind of what stood for the recording process."""
        self.sleeper.kill()
        self.sleeper.wait()

    def die(self) -> None:
        """The process that records is gone, and the keeper has seen it."""
        self.end_process()
        deadline = time.monotonic() + SEEN_DEAD
        while self.ask("runs.search", filter="status = 'running'").runs and time.monotonic() < deadline:
            time.sleep(0.05)

    def kill_keeper(self, after: int, bury: bool) -> None:
        """Kill the keeper."""
        kill_keeper(self.store)


def _convert(source: Path, digest: str, target: Path, python: str | None, **_: Any) -> dict[str, Any]:
    """In place of `nbtrack.service.conversion.convert_in_child`, which takes a second."""
    shutil.copyfile(source, target)
    content = target.read_bytes()
    return {
        "digest": digest_of(content),
        "size": len(content),
        "format": "skops",
        "type_name": "Forest",
        "types": [],
        "runs_code": False,
        "found": {"verified": "reload only"},
    }


def run(order: Order) -> Tally:
    """Run as many steps as there are trials, in batches with a seed each, of which some ask a real keeper."""
    logging.getLogger("nbtrack").addHandler(logging.NullHandler())
    logging.getLogger("nbtrack").propagate = False
    tally = Tally()
    Machine.folder, Machine.tally = order.folder, tally
    for number in itertools.count() if order.only is None else [order.only]:
        if number % SLOW == SLOW - 1:
            _run_batch(order, tally, number, KeptMachine, 2)
        else:
            with (
                patch.object(processes, "is_alive", Lives.is_alive),
                patch.object(models, "convert_in_child", _convert),
                patch.object(os, "fsync", lambda file: None),
            ):
                _run_batch(order, tally, number, Machine, BATCH // STEPS)
        tally.trials = tally.acknowledged
        order.look(tally)
        if tally.trials >= order.trials or order.is_over():
            break
    return tally


def _run_batch(order: Order, tally: Tally, number: int, machine: type[Machine], examples: int) -> None:
    chosen = settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate,) if order.only is None else (Phase.generate, Phase.shrink),
    )
    test = get_state_machine_test(machine, settings=chosen)
    try:
        with patch.object(segments, "SIZES", SMALL_SEGMENTS):
            seed(order.chance("states", number).getrandbits(60))(test)()
    except Exception as problem:  # noqa: BLE001 - a defect of any kind, found by an example
        steps = "\n".join(getattr(problem, "__notes__", ()))
        tally.violate("wrong", f"batch {number}: {type(problem).__name__}: {str(problem)[:500]}\n{steps}")


CAMPAIGN = Campaign(
    name="states",
    promise="Whatever is recorded and decided in whatever order, with deaths in between, the store holds what a model says.",
    run=run,
    short=20_000,
    long=1_000_000,
    minutes=2.0,
    weakenings=(
        Weakening(
            "a step that is counted on is the last one again",
            "store/metrics.py",
            (("min(last + 1, 2**63 - 1)", "last"),),
        ),
        Weakening(
            "a run that gets a name back gets another number",
            "store/labels.py",
            (("f.run = runs.key AND f.name = new.id)", "f.run = runs.key AND f.name = new.id AND 0)"),),
        ),
        Weakening(
            "the runs of a dead process stay as they are",
            "store/runs.py",
            (
                (
                    "(SELECT id FROM texts WHERE text = ?) AND status = 'running'",
                    "(SELECT id FROM texts WHERE text = ?) AND 0",
                ),
            ),
        ),
        Weakening(
            "the position in a journal is committed before its records",
            "service/intake.py",
            (
                (
                    "            count = self._take(name, part)\n",
                    "            count = self._take(name, part)\n"
                    "            self._store.journals.advance(name, part.position)\n"
                    "            self._store.connection.execute('COMMIT; BEGIN')\n",
                ),
            ),
        ),
    ),
    teeth=30_000,
)
