"""A recording process: makes the calls of its seed until it is killed. Uses the public functions of nbtrack alone."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
import traceback
from pathlib import Path

import nbtrack
from campaigns.ledger import Ledger
from campaigns.workload import Artifact, Begin, Call, End, Flush, Log, Params, Tag, calls

PUBLIC = (nbtrack.run, nbtrack.log, nbtrack.params, nbtrack.tag, nbtrack.artifact, nbtrack.flush)
"""Loaded before the fork, so that a worker of the fork server begins at once."""


class Worker:
    """Makes calls one after another.

    Parameters
    ----------
    experiment
        The experiment of its runs.
    """

    def __init__(self, experiment: str) -> None:
        self._experiment = experiment
        self._run = contextlib.ExitStack()

    def make(self, call: Call) -> None:
        """Make one call."""
        match call:
            case Log(values, step):
                nbtrack.log(dict(values), step=step)
            case Params(values):
                nbtrack.params(dict(values))
            case Tag(name, value):
                nbtrack.tag(**{name: value})
            case Artifact(name, content):
                nbtrack.artifact(content, name)
            case Begin(name):
                self._run.enter_context(nbtrack.run(name, experiment=self._experiment))
            case End():
                self._run.close()
            case Flush():
                nbtrack.flush()


def work(
    store: str,
    seed: str,
    name: str,
    ledger: str,
    most: int | None = None,
    rest: float = 0.0,
    slow: float = 0.0,
) -> None:
    """Make the calls of `seed`, each acknowledged after it has returned.

    Parameters
    ----------
    rest
        Seconds to rest after every 50 calls.
    slow
        Seconds that the disk takes to give space to whoever asks for it beside the calls.
    """
    if slow:
        _slow_down(slow)
    book = Ledger(Path(ledger))
    os.environ["NBTRACK_STORE"] = store
    os.chdir(Path(store).parent)
    worker = Worker(name)
    try:
        for call in calls(seed, name, most):
            worker.make(call)
            book.acknowledge(isinstance(call, Flush))
            if rest and book.returned % 50 == 0:
                time.sleep(rest)
    except BaseException:
        book.trouble.write_text(traceback.format_exc(), encoding="utf-8")
        raise


def _slow_down(seconds: float) -> None:
    """Have the calls be faster than the thread that prepares their next file."""
    allocate = os.posix_fallocate

    def slowly(file: int, start: int, length: int) -> None:
        allocate(file, start, length)
        if threading.current_thread() is not threading.main_thread():
            time.sleep(seconds)

    os.posix_fallocate = slowly


if __name__ == "__main__":
    store, seed, name, ledger, number, *more = sys.argv[1:]
    work(store, seed, name, ledger, int(number), *map(float, more))
