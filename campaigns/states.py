"""A hypothesis state machine over recording and asking, with deaths of the recorder and of the keeper as steps.

A plain Python model says what a store must hold. Recorder, journal, keeper's rules and SQLite are the real ones, in this
process, for speed: a recording process dies by being forgotten, the keeper by an exception out of any SQL statement, after
which none of its statements works; then the store is opened anew. ``fsync`` is off: power cuts are another campaign.
A part of the examples asks a real keeper instead, which is killed.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import math
import shutil
import subprocess
import time
from array import array
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    get_state_machine_test,
    initialize,
    invariant,
    precondition,
    rule,
)

from campaigns.campaign import Campaign, Order, Tally
from campaigns.keepers import end_keeper, kill_keeper
from campaigns.weakened import Weakening
from nbtrack.capture.recorder import ActiveRun, Recorder
from nbtrack.entities import records
from nbtrack.entities.processes import ProcessIdentity
from nbtrack.errors import Conflict, NotFound
from nbtrack.keeper.proxy import KeeperProxy
from nbtrack.operations import dispatch
from nbtrack.service import Deferred, Sliced, open_service
from nbtrack.store import processes, segments
from nbtrack.store.blobs import digest_of
from nbtrack.store.database import Store
from nbtrack.store.journal import SUFFIX
from nbtrack.store.journal_writer import JournalWriter
from nbtrack.store.location import create_store

STEPS = 60
"""Steps of an example."""

BATCH = 2_000
"""Steps with one seed, so that a violation is found again in seconds."""

SLOW = 8
"""Of so many batches one asks a real keeper, with two examples."""

SEEN_DEAD = 10.0
"""Seconds in which a keeper must see that a process is dead."""

SMALL_SEGMENTS = (8192, 8192, 16384, 16384)

NAMES = st.sampled_from(["forest", "logistic", "a b"])
EXPERIMENTS = st.sampled_from(["study", "other"])
KEYS = st.sampled_from(["a", "loss", "Loss", "best acc", "ü"])
NUMBERS = st.one_of(
    st.floats(width=64), st.integers(-(2**53), 2**53), st.sampled_from([math.nan, math.inf, -0.0])
)
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters(codec="utf-8"), max_size=6),
    st.lists(st.integers(0, 3), max_size=3),
)  # fmt: skip
TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)


@dataclass(slots=True)
class Run:
    """A run as the model has it."""

    active: ActiveRun
    label: str
    status: str = "running"
    params: dict[str, str] = field(default_factory=dict)
    series: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    artifacts: dict[str, str] = field(default_factory=dict)
    trashed: bool = False

    @property
    def id(self) -> str:
        """The run's id."""
        return self.active.id

    def held(self) -> dict[str, Any]:
        """What a table must show of it."""
        last = {name: points[-1][1] for name, points in self.series.items()}
        return {
            "label": self.label,
            "status": self.status,
            "params": self.params,
            "metrics": last,
            "tags": self.tags,
        }


class KeeperDied(BaseException):
    """Leaves a statement of the keeper as a kill does: nothing after it works."""


class Lives:
    """Which of the made-up recording processes live, in place of the system's word."""

    dead: ClassVar[set[int]] = set()

    @classmethod
    def is_alive(cls, identity: ProcessIdentity) -> bool:
        """As `nbtrack.store.processes.is_alive`."""
        return identity.pid not in cls.dead


class Machine(RuleBasedStateMachine):
    """Steps on one store; in a class attribute what all examples of a batch share."""

    folder: ClassVar[Path]
    tally: ClassVar[Tally]
    examples: ClassVar[itertools.count[int]] = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self.place = self.folder / f"example-{next(self.examples)}"
        self.store = create_store(self.place)
        self.runs: dict[str, Run] = {}
        self.last: dict[tuple[str, str], int] = {}
        self.deletions: list[list[Run]] = []
        self.process = 0
        Lives.dead = set()
        self.open_keeper()
        self.begin_process()

    def teardown(self) -> None:
        """Check the whole store, then remove it."""
        try:
            self.kernel_dies()
            self.look_at_all()
            found = self.ask("verification.make")
            problems = [item for item in found.findings if item.error]
            assert not problems, problems
        finally:
            self.writer.close()
            self.end_process()
            self.close_keeper()
            shutil.rmtree(self.place, ignore_errors=True)

    def open_keeper(self) -> None:
        """Open the store as a new keeper does."""
        self.opened = Store(self.store)
        self.opened.connection.execute("PRAGMA synchronous = OFF").fetchall()
        self.service = open_service(self.opened, "campaign")

    def close_keeper(self) -> None:
        """Let the keeper go."""
        self.opened.connection.exec_trace = None
        self.opened.close()

    def ask(self, operation: str, **arguments: Any) -> Any:
        """Ask as a surface does: what was recorded before is part of the answer."""
        self.service.intake.drain()
        self.service.intake.bury()
        answer = dispatch(self.service, operation, arguments)
        if isinstance(answer, Deferred):
            return answer.finish(answer.work())
        if isinstance(answer, Sliced):
            for _ in answer.steps:
                pass
            return answer.finish()
        return answer

    def identity(self) -> ProcessIdentity:
        """Who records."""
        return replace(processes.this_process(), pid=self.process, start_time="1")

    def end_process(self) -> None:
        """Leave nothing behind of what stood for the recording process."""

    def die(self) -> None:
        """The process that records is gone, and the keeper has seen it."""
        Lives.dead.add(self.process)
        self.ask("store.status")

    def begin_process(self) -> None:
        """A new process that records; its name sorts behind that of the one before, as ids do."""
        self.process += 1
        process = f"{self.process:08d}"
        self.writer = JournalWriter(self.store / "journal" / (process + SUFFIX))
        self.writer.open()
        self.writer.append(
            records.ProcessStarted(
                process=process, time=time.time_ns(), user="u", executable="python", nbtrack="0.1.0",
                **asdict(self.identity()),
            )
        )  # fmt: skip
        self.recorder = Recorder(
            self.writer.append, self.store / "incoming", process, lambda: 10**9, lambda: self.writer
        )

    def some(self, data: st.DataObject, *, running: bool | None = None, trashed: bool = False) -> Run | None:
        """One of the runs that are as asked for."""
        found = [
            run
            for run in self.runs.values()
            if run.trashed == trashed and (running is None or (run.status == "running") == running)
        ]
        return data.draw(st.sampled_from(found)) if found else None

    @invariant()
    def count(self) -> None:
        """Count the step."""
        self.tally.acknowledged += 1

    @initialize(name=NAMES, experiment=EXPERIMENTS)
    def first(self, name: str, experiment: str) -> None:
        """Begin a run."""
        self.start(name, experiment)

    @precondition(lambda self: sum(run.status == "running" for run in self.runs.values()) < 3)
    @rule(name=NAMES, experiment=EXPERIMENTS)
    def start(self, name: str, experiment: str) -> None:
        """Begin a run."""
        number = self.last[experiment, name] = self.last.get((experiment, name), 0) + 1
        active = self.recorder.start_run(name, experiment)
        self.runs[active.id] = Run(active, f"{experiment}/{name}-{number}")

    @rule(data=st.data(), name=KEYS, value=VALUES)
    def params(self, data: st.DataObject, name: str, value: object) -> None:
        """Set a param."""
        if run := self.some(data, running=True):
            self.recorder.params(run.active, {name: value})
            run.params[name] = repr(value)

    @rule(data=st.data(), name=KEYS, value=NUMBERS, step=st.one_of(st.none(), st.integers(-5, 100)))
    def log(self, data: st.DataObject, name: str, value: float, step: int | None) -> None:
        """Log a point."""
        if run := self.some(data, running=True):
            self.recorder.log(run.active, {name: value}, step)
            points = run.series.setdefault(name, [])
            points.append((self.next_step(points) if step is None else step, repr(float(value))))

    @rule(data=st.data(), name=KEYS, count=st.integers(1, 300), given=st.booleans())
    def log_series(self, data: st.DataObject, name: str, count: int, given: bool) -> None:
        """Log many points."""
        if run := self.some(data, running=True):
            values = array("d", (index / 7 for index in range(count)))
            steps = array("q", range(10, 10 + count)) if given else None
            self.recorder.log_series(run.active, name, values, steps)
            points = run.series.setdefault(name, [])
            for index, value in enumerate(values):
                points.append((self.next_step(points) if steps is None else steps[index], repr(value)))

    @staticmethod
    def next_step(points: list[tuple[int, str]]) -> int:
        """The step that is counted on to."""
        return points[-1][0] + 1 if points else 0

    @rule(data=st.data(), name=KEYS, value=TEXTS)
    def tag(self, data: st.DataObject, name: str, value: str) -> None:
        """Set a tag, also on a run that has ended."""
        if run := self.some(data):
            self.recorder.tag(run.active, {name: value})
            run.tags[name] = value

    @rule(data=st.data(), note=TEXTS)
    def note(self, data: st.DataObject, note: str) -> None:
        """Write a note."""
        if run := self.some(data):
            self.recorder.note(run.active, note)
            run.notes.append(note)

    @rule(data=st.data(), name=KEYS, size=st.sampled_from([0, 1, 1000, 40_000]))
    def artifact(self, data: st.DataObject, name: str, size: int) -> None:
        """Store a file; one of the same name is replaced."""
        if run := self.some(data, running=True):
            content = (f"{run.id}{len(run.artifacts)}".encode() * (size // 10 + 1))[:size]
            self.recorder.artifact(run.active, content, name)
            run.artifacts[name] = digest_of(content)

    @rule(data=st.data(), status=st.sampled_from(["finished", "failed", "interrupted"]))
    def end(self, data: st.DataObject, status: str) -> None:
        """End a run."""
        if run := self.some(data, running=True):
            self.recorder.end_run(run.active, status)
            run.status = status

    @rule(data=st.data())
    def go_on(self, data: st.DataObject) -> None:
        """Go on with a run that has ended."""
        if run := self.some(data, running=False):
            run.active = ActiveRun(run.id, run.active.name, run.active.experiment)
            self.recorder.continue_run(run.active)
            run.status = "running"

    @rule()
    def kernel_dies(self) -> None:
        """The recording process is gone at once, and another one begins."""
        self.writer.abandon()
        for run in self.runs.values():
            if run.status == "running":
                run.status = "crashed"
        self.die()
        self.begin_process()

    @rule()
    def keeper_leaves(self) -> None:
        """The keeper ends in order, and another one begins."""
        self.close_keeper()
        self.open_keeper()

    @rule(after=st.integers(0, 60), bury=st.booleans())
    def keeper_dies(self, after: int, bury: bool) -> None:
        """The keeper dies while it takes in what was recorded, and another one begins."""
        self.kill_keeper(after, bury)

    def kill_keeper(self, after: int, bury: bool) -> None:
        """Let the keeper die at one of its statements."""
        left = [after]

        def count(cursor: object, sql: str, bindings: object) -> bool:
            left[0] -= 1
            if left[0] < 0:
                raise KeeperDied
            return True

        self.opened.connection.exec_trace = count
        with contextlib.suppress(KeeperDied):
            self.service.intake.drain()
            if bury:
                self.service.intake.bury()
        self.close_keeper()
        self.open_keeper()

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        """Move a run to the trash; one that is running stays."""
        run = self.some(data)
        if run is None:
            return
        if run.status == "running":
            with contextlib.suppress(Conflict):
                self.ask("trash.delete", runs=[run.id])
                raise AssertionError(f"{run.label} is running and was deleted")
            return
        self.ask("trash.delete", runs=[run.label])
        run.trashed = True
        self.deletions.append([run])

    @rule()
    def undo(self) -> None:
        """Take the last deletion back."""
        if not self.deletions:
            with contextlib.suppress(NotFound):
                self.ask("trash.undo")
                raise AssertionError("something came out of an empty trash")
            return
        self.ask("trash.undo")
        for run in self.deletions.pop():
            run.trashed = False

    @rule(grace=st.sampled_from([0, 14]))
    def collect(self, grace: int) -> None:
        """Empty the trash for good."""
        self.ask("retention.collect", trash_days=0, grace_days=grace)
        for deletion in self.deletions:
            for run in deletion:
                del self.runs[run.id]
        self.deletions.clear()

    @rule(data=st.data())
    def look_at_one(self, data: st.DataObject) -> None:
        """Compare one run with the model, points and files too."""
        run = self.some(data)
        if run is None:
            return
        detail = self.ask("runs.get", run=data.draw(st.sampled_from([run.id, run.label])))
        self.compare(run, detail.row)
        assert detail.notes == run.notes, (run.label, detail.notes, run.notes)
        assert {item.name: item.digest for item in detail.artifacts} == run.artifacts, run.label
        for name, points in run.series.items():
            found = self.ask("runs.metric", run=run.id, name=name)
            told = list(zip(found.steps, map(repr, found.values), strict=True))
            assert told == points, (run.label, name, told[-3:], points[-3:])

    @rule()
    def look_at_all(self) -> None:
        """Compare the table of runs with the model."""
        table = self.ask("runs.search", filter="", limit=1000)
        rows = {row.id: row for row in table.runs}
        wanted = {run.id: run for run in self.runs.values() if not run.trashed}
        assert rows.keys() == wanted.keys(), (len(rows), [run.label for run in wanted.values()])
        for id, run in wanted.items():
            self.compare(run, rows[id])

    def compare(self, run: Run, row: Any) -> None:
        """Compare a row with the model."""
        found = {
            "label": f"{row.experiment}/{row.name}",
            "status": str(row.status),
            "params": {name: repr(value) for name, value in row.params.items()},
            "metrics": {name: repr(float(value)) for name, value in row.metrics.items()},
            "tags": row.tags,
        }
        assert found == run.held(), (found, run.held())


class KeptMachine(Machine):
    """The same steps, answered by a real keeper that is killed; a program that sleeps stands for the recording process."""

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
            with patch.object(processes, "is_alive", Lives.is_alive):
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
    short=40_000,
    long=1_000_000,
    minutes=2.5,
    weakenings=(
        Weakening(
            "a step that is counted on is the last one again",
            "store/metrics.py",
            (("min(old.last_step + 1, 2**63 - 1) if old", "old.last_step if old"),),
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
