"""The run that a process hands over to the processes that it starts: pools, joblib, and whatever else logs for it.

The process keeps the id of its current run in a piece of memory that others can read through its path; the path travels in
an environment variable. A worker asks at each call, so that one that is used again in a later cell (joblib keeps its
workers for minutes) logs to the run that is current then.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

VARIABLE = "NBTRACK_PARENT"
"""``PID:DESCRIPTOR:STORE`` of the process that hands over its run."""

_NAME = "nbtrack-run"
_SIZE = 64
_MARK = b"nbtrack run "


class RunPointer:
    """The id of a process's current run, where the processes that it started can read it.

    Only Linux has the memory for it; elsewhere workers that are not forked begin runs of their own.
    """

    def __init__(self) -> None:
        self.parent: HandedOver | None = None
        """What this process was given by the one that started it."""
        self._descriptor = -1
        self._owner = -1
        self._variable = ""

    def open(self, store: Path) -> None:
        """Begin to hand over; a second time does nothing. A worker's own workers go on asking the first process."""
        if self._descriptor < 0 and self.parent is None and hasattr(os, "memfd_create"):
            with contextlib.suppress(OSError):
                self._descriptor = os.memfd_create(_NAME)
                self._owner = os.getpid()
                self._variable = f"{self._owner}:{self._descriptor}:{store}"
                os.environ[VARIABLE] = self._variable

    def point(self, run: str | None) -> None:
        """Hand over the run of this id, or none. A forked child hands over nothing of its own."""
        if self._descriptor >= 0 and self._owner == os.getpid():
            with contextlib.suppress(OSError):
                os.pwrite(self._descriptor, (_MARK + (run or "").encode()).ljust(_SIZE), 0)

    def read(self) -> str | None:
        """The run that is current in the process that opened this: for a forked child."""
        return _read(self._descriptor)

    def handed(self) -> str | None:
        """The run that is current in the process that forked or started this one; None in one that is its own."""
        if self.parent is not None:
            return self.parent.run()
        return self.read() if self._owner not in (-1, os.getpid()) else None

    def close(self) -> None:
        """Hand over nothing any more."""
        self.point(None)
        if self._owner == os.getpid() and os.environ.get(VARIABLE) == self._variable:
            del os.environ[VARIABLE]
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
        self._descriptor = -1


class HandedOver:
    """The run of the process that started this one, seen from here."""

    def __init__(self, store: Path, descriptor: int) -> None:
        self.store = store
        self._descriptor = descriptor

    def run(self) -> str | None:
        """The id of the run that is current there now."""
        return _read(self._descriptor)


def handed_over() -> HandedOver | None:
    """What was handed to this process; None where nothing was, or who did it is gone."""
    pid, _, rest = os.environ.get(VARIABLE, "").partition(":")
    number, _, store = rest.partition(":")
    if not (pid.isdecimal() and number.isdecimal() and store) or int(pid) == os.getpid():
        return None
    try:
        descriptor = os.open(f"/proc/{pid}/fd/{number}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    # The pid may be another process's by now, or mean another one in this container.
    with contextlib.suppress(OSError):
        if _NAME in os.readlink(f"/proc/self/fd/{descriptor}"):  # noqa: PTH115 - the link's target is no path
            return HandedOver(Path(store), descriptor)
    os.close(descriptor)
    return None


def _read(descriptor: int) -> str | None:
    with contextlib.suppress(OSError):
        content = os.pread(descriptor, _SIZE, 0)
        if content.startswith(_MARK):
            return content[len(_MARK) :].strip().decode() or None
    return None
