"""A recorder and a keeper whose every step is a step of hypothesis, with their deaths, beside a model in plain Python.

Recorder, journal, keeper's rules and SQLite are the real ones, in this process, for speed: a recording process dies by being
forgotten, the keeper by an exception out of any SQL statement, after which none of its statements works; then the store is
opened anew. ``fsync`` is off: power cuts are another campaign.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import shutil
import time
from array import array
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from campaigns.campaign import Tally
from nbtrack.capture.active_run import ActiveRun
from nbtrack.capture.recorder import Recorder
from nbtrack.entities import records
from nbtrack.entities.ids import new_id
from nbtrack.entities.processes import ProcessIdentity
from nbtrack.operations import dispatch
from nbtrack.service import completed, open_service
from nbtrack.store import processes
from nbtrack.store.blobs import digest_of
from nbtrack.store.database import Store
from nbtrack.store.journal import SUFFIX
from nbtrack.store.journal_writer import JournalWriter
from nbtrack.store.location import create_store

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


@dataclass(slots=True, repr=False)
class Run:
    """A run as the model has it.

    ``numbers`` are those that it was ever given, by experiment and name; the present ones are ``experiment`` and ``name``.
    """

    active: ActiveRun
    experiment: str
    name: str
    numbers: dict[tuple[str, str], int]
    status: str = "running"
    params: dict[str, str] = field(default_factory=dict)
    series: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    artifacts: dict[str, str] = field(default_factory=dict)
    cells: list[str] = field(default_factory=list)
    trashed: bool = False
    pinned: bool = False

    @property
    def id(self) -> str:
        """The run's id."""
        return self.active.id

    @property
    def number(self) -> int:
        """Its present number."""
        return self.numbers[self.experiment, self.name]

    @property
    def label(self) -> str:
        """What it is called now."""
        return f"{self.experiment}/{self.name}-{self.number}"

    @property
    def labels(self) -> list[str]:
        """What it is or was called."""
        return [f"{experiment}/{name}-{number}" for (experiment, name), number in self.numbers.items()]

    def __repr__(self) -> str:
        """For the steps of an example that failed."""
        return f"<{self.label}, {self.status}>"

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


class Recording(RuleBasedStateMachine):
    """Steps of a recording process and of a keeper; in class attributes what all examples of a batch share."""

    folder: ClassVar[Path]
    tally: ClassVar[Tally]
    examples: ClassVar[itertools.count[int]] = itertools.count()
    converts: ClassVar[bool] = True
    """Whether registering a model is quick."""

    def __init__(self) -> None:
        super().__init__()
        self.place = self.folder / f"example-{next(self.examples)}"
        self.store = create_store(self.place)
        self.runs: dict[str, Run] = {}
        self.last: dict[tuple[str, str], int] = {}
        self.process = self.words = 0
        Lives.dead = set()
        self.open_keeper()
        self.begin_process()

    def teardown(self) -> None:
        """Check the whole store, then remove it."""
        try:
            self.kernel_dies()
            self.look_once_more()
            found = self.ask("verification.make")
            problems = [item for item in found.findings if item.error]
            assert not problems, problems
        finally:
            self.writer.close()
            self.end_process()
            self.close_keeper()
            shutil.rmtree(self.place, ignore_errors=True)
            self.place.with_suffix(".bundle").unlink(missing_ok=True)

    def look_once_more(self) -> None:
        """Compare all of the store with the model."""

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
        return completed(dispatch(self.service, operation, arguments))

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
        active = self.recorder.start_run(name, experiment)
        self.runs[active.id] = Run(
            active, experiment, name, {(experiment, name): self.next_number(experiment, name)}
        )

    def next_number(self, experiment: str, name: str) -> int:
        """The number that comes next under a name; none is given twice."""
        number = self.last[experiment, name] = self.last.get((experiment, name), 0) + 1
        return number

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

    def word(self) -> str:
        """A word that is in one text alone."""
        self.words += 1
        return f"word{self.words}x"

    @rule(data=st.data(), note=TEXTS)
    def note(self, data: st.DataObject, note: str) -> None:
        """Write a note, also on a run that has ended."""
        if run := self.some(data):
            run.notes.append(f"{self.word()} {note}".strip())
            self.recorder.note(run.active, run.notes[-1])

    @rule(data=st.data())
    def execute(self, data: st.DataObject) -> None:
        """Execute a cell of a run."""
        if run := self.some(data, running=True):
            run.cells.append(f"{self.word()} = 1")
            self.writer.append(
                records.CellExecuted(
                    execution=new_id(), process=f"{self.process:08d}", time=time.time_ns(), duration=0.1,
                    source=run.cells[-1], outcome="ok", run=run.id,
                )
            )  # fmt: skip

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
        self.writer.abandon()  # a descriptor and a map less; what was written stays
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
