"""The executions under way in one shell, and which of them has ended."""

from __future__ import annotations

import threading
from contextvars import Token
from dataclasses import dataclass, field
from time import monotonic, perf_counter  # by name: a notebook may put something else into the module
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from nbtrack.capture.active_run import ActiveRun
from nbtrack.capture.cells import CellCapture
from nbtrack.capture.training import CellTraining
from nbtrack.ipython.header import RunRequest
from nbtrack.ipython.outputs import OutputCollector


@dataclass(slots=True)
class Frame:
    """One execution that is recorded: its capture, and the run that it belongs to."""

    capture: CellCapture
    outputs: OutputCollector
    cell_id: str | None = None
    notebook: str | None = None
    request: RunRequest = field(default_factory=RunRequest)
    run: ActiveRun | None = None
    ends_run: bool = False
    looked: bool = False
    problem: str | None = None
    training: CellTraining | None = None
    by_itself: bool = False
    """Whether it became a run because it trained something, and not because the person asked."""
    earlier: ActiveRun | None = None
    """The earlier run whose model it has measured, where it has none of its own."""
    began: float = field(default_factory=perf_counter)
    arrived: float = field(default_factory=monotonic)
    thread: int = field(default_factory=threading.get_ident)
    token: Token[ActiveRun | None] | None = None
    threads: frozenset[threading.Thread] = frozenset()


@dataclass(slots=True, eq=False)
class Execution:
    """One execution under way. Without a frame it is not recorded: a cell inside a cell, or tracking is paused."""

    info: Any
    frame: Frame | None = None


class Executions:
    """The executions under way, in one stack per thread.

    Subshells run cells on threads of their own beside the main one, and ``%%capture`` runs a cell inside a cell. An
    execution is known by its info, the object that IPython hands to both events: an event that was missed or that
    failed must not make one cell end another.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self._stacks: dict[int, list[Execution]] = {}
        self._requests: dict[int, str] = {}

    @property
    def stack(self) -> list[Execution]:
        """Those of this thread, the outermost first."""
        return self._stacks.setdefault(threading.get_ident(), [])

    @property
    def frame(self) -> Frame | None:
        """The recorded execution of this thread, or (from a thread that the cell started) of the main one."""
        for stack in (self.stack, *self._stacks.values()):
            for execution in stack:
                if execution.frame is not None:
                    return execution.frame
        return None

    def push(self, info: Any) -> Execution:
        """Begin an execution."""
        execution = Execution(info)
        self.stack.append(execution)
        return execution

    def find(self, info: Any) -> Execution | None:
        """The execution that `info` tells of. IPython makes another info of the same cell where a runner failed."""
        stack = self.stack
        for execution in reversed(stack):
            if execution.info is info:
                return execution
        source = getattr(info, "raw_cell", None)
        if stack and (info is None or getattr(stack[-1].info, "raw_cell", None) == source is not None):
            return stack[-1]
        return None

    def remove(self, execution: Execution) -> list[Frame]:
        """End `execution` and all inside it; gives the frames of those that never told their own end."""
        stack = self.stack
        if execution not in stack:
            return []
        place = stack.index(execution)
        inside = [inner.frame for inner in stack[place + 1 :] if inner.frame is not None]
        del stack[place:]
        return inside

    def drop_stale(self) -> list[Frame]:
        """Forget executions that never told their end: otherwise every later cell would be taken for one inside them.

        They are over where another request has come (in a kernel), or where IPython has their result.
        """
        parent = getattr(self._shell, "parent_header", None) or {}
        request = (parent.get("header") or parent).get("msg_id")
        thread, stack = threading.get_ident(), self.stack
        last = getattr(getattr(self._shell, "last_execution_result", None), "info", None)
        over = 0
        if request is not None and self._requests.get(thread) != request:
            self._requests[thread] = request
            over = len(stack)
        while over < len(stack) and last is not None and stack[over].info is last:
            over += 1
        stale = [execution.frame for execution in stack[:over] if execution.frame is not None]
        del stack[:over]
        return stale
