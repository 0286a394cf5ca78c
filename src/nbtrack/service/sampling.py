"""What runs take of the machine while they are open: asked by the keeper, of the system, so that no kernel is disturbed."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import Any

from nbtrack.entities.processes import ProcessIdentity
from nbtrack.entities.surroundings import Fact, Use
from nbtrack.service import Deferred
from nbtrack.store import gpus
from nbtrack.store.database import Store
from nbtrack.store.facts import Points
from nbtrack.store.gpus import GpuUse
from nbtrack.store.machine import Taken, hardware, taken
from nbtrack.store.processes import is_alive, this_process

SHORTEST = 1.0
"""Seconds between two samples of a run that has just begun."""

GROWTH = 50
"""The pause grows with the run to this part of its time: a day has 420 points, a week 520."""

SLOWEST_WRITE = 10
"""Samples that wait for a write at most: each write waits for the disk."""

GPU_PAUSE = 30.0
"""Seconds between two questions to ``nvidia-smi`` at least."""

CPU, MEMORY, GPU, GPU_MEMORY = "cpu_percent", "memory_bytes", "gpu_percent", "gpu_memory_bytes"


@dataclass(slots=True)
class _Followed:
    """A run that is open, and what was seen of it since the last write."""

    run: str
    pid: int
    began: float
    """When the run began, on this process's clock."""
    at: float
    last: Taken
    peak_before: int
    due: float
    points: Points = field(default_factory=dict)
    span: float = 0.0
    cpu: float = 0.0
    memory: int = 0
    gpu_memory: int | None = None
    waiting: int = 0

    def see(self, now: float, seen: Taken) -> None:
        """Take in one sample."""
        passed = now - self.at
        if passed > 0:
            self._add(CPU, now, 100 * max(0.0, seen.cpu - self.last.cpu) / passed)
            self.span += passed
            self.cpu += max(0.0, seen.cpu - self.last.cpu)
        self._add(MEMORY, now, seen.memory)
        self.keep(seen)
        self.at, self.last, self.waiting = now, seen, self.waiting + 1
        self.due = now + max(SHORTEST, (now - self.began) / GROWTH)

    def keep(self, seen: Taken) -> None:
        """Count a sample for the most memory."""
        # A process's peak that has grown since the run began was reached in the run, between two samples perhaps.
        peak = seen.peak if seen.peak > self.peak_before else 0
        self.memory = max(self.memory, seen.memory, peak)

    def see_gpu(self, now: float, use: GpuUse) -> None:
        """Take in what the GPUs do."""
        if use.percent is not None:
            self._add(GPU, now, use.percent)
        if self.pid in use.memory:
            self._add(GPU_MEMORY, now, use.memory[self.pid])
            self.gpu_memory = max(self.gpu_memory or 0, use.memory[self.pid])

    def _add(self, name: str, now: float, value: float) -> None:
        seconds, values = self.points.setdefault(name, ([], []))
        seconds.append(round(now - self.began))
        values.append(round(value, 1))

    def take(self) -> tuple[Use, Points]:
        """What was seen since the last time; it is forgotten here."""
        use = Use(
            span=round(self.span, 3), cpu=round(self.cpu, 3), memory=self.memory, gpu_memory=self.gpu_memory
        )
        points, self.points = self.points, {}
        self.span = self.cpu = 0.0
        self.waiting = 0
        return use, points


class Sampler:
    """Follows the open runs of a store whose processes live on this machine.

    Attributes
    ----------
    background
        Slow questions that whoever looks has answered.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._here = this_process()
        self._followed: dict[str, _Followed] = {}
        self._changes = -1
        self._program = gpus.smi()
        self._gpu_due = 0.0
        self._gpu_names: dict[str, str] = {}
        self.background: list[Deferred] = []

    @property
    def follows(self) -> int:
        """How many runs are open."""
        return len(self._followed)

    def state(self) -> str:
        """What is followed, in words."""
        if taken(os.getpid()) is None:
            return "none: this system does not show what a process takes"
        running = self._store.runs.count_running()
        followed = f"{self.follows} of {running} open run{'s' * (running != 1)}" if running else "no open run"
        return followed + (", GPUs by nvidia-smi" if self._program is not None else "")

    def look(self) -> None:
        """Begin to follow what has begun, take the samples that are due, and write what was seen of what has ended."""
        now = time.monotonic()
        changes = self._store.connection.total_changes()
        if changes != self._changes:
            self._changes = changes
            ended = self._update(now)
        else:
            ended = []
        due = [item for item in self._followed.values() if item.due <= now]
        seen: dict[int, Taken | None] = {}
        for item in (*due, *ended):
            if item.pid not in seen:
                seen[item.pid] = taken(item.pid)
            if (sample := seen[item.pid]) is not None:
                item.see(now, sample)
            else:
                item.due = now + SHORTEST  # it has died: the intake will see that
        if due and self._program is not None and now >= self._gpu_due:
            self._ask_gpus(now, self._program)
        self._write([*ended, *(item for item in due if item.waiting >= SLOWEST_WRITE)])

    def _update(self, now: float) -> list[_Followed]:
        """Compare what is followed with the runs that are open; those that are not any more."""
        running = {run: (started, identity) for run, started, identity in self._store.facts.open_runs()}
        ended = [self._followed.pop(run) for run in list(self._followed) if run not in running]
        new = [run for run in running if run not in self._followed]
        for run in new:
            started, identity = running[run]
            self._follow(run, started, identity, now)
        self._describe([run for run in new if run in self._followed])
        return ended

    def _follow(self, run: str, started: int, identity: ProcessIdentity, now: float) -> None:
        here = (self._here.host, self._here.boot_id, self._here.pid_namespace)
        if (identity.host, identity.boot_id, identity.pid_namespace) != here or not is_alive(identity):
            return
        seen = taken(identity.pid)
        if seen is not None:
            began = now - max(0.0, (time.time_ns() - started) / 1e9)
            item = _Followed(run, identity.pid, began, now, seen, seen.peak, now + SHORTEST)
            item.memory = seen.memory
            self._followed[run] = item

    def _describe(self, runs: list[str]) -> None:
        """Remember on what machine runs are."""
        by_process: dict[int, list[str]] = {}
        for run in runs:
            by_process.setdefault(self._followed[run].pid, []).append(run)
        for pid, group in by_process.items():
            found = {**hardware(pid), **self._gpu_names}
            facts = [Fact(kind="hardware", name=name, text=text) for name, text in found.items()]
            self._change(lambda group=group, facts=facts: self._store.facts.set(group, "machine", facts))

    def _ask_gpus(self, now: float, program: str) -> None:
        self._gpu_due = float("inf")  # until the answer has come

        def finish(use: GpuUse) -> None:
            moment = time.monotonic()
            pause = min((item.due - now for item in self._followed.values()), default=0.0)
            self._gpu_due = moment + max(GPU_PAUSE, pause)
            if not use.names:
                self._program = None  # there is the program but no GPU: it is not asked again
            for item in self._followed.values():
                item.see_gpu(moment, use)
            if use.names != self._gpu_names:
                self._gpu_names = use.names
                self._describe(list(self._followed))

        self.background.append(Deferred(lambda: gpus.gpu_use(program), finish))

    def _write(self, items: list[_Followed]) -> None:
        def write() -> None:
            for item in items:
                self._store.facts.add_use(item.run, *item.take())

        if items:
            self._change(write)

    def _change(self, change: Any) -> None:
        with self._store.transaction():
            change()
        self._changes = self._store.connection.total_changes()
