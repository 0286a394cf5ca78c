"""Whatever is raised inside a hook, the person's cell gives what it gives without nbtrack.

The ordinary suite tries lines and kinds of exceptions drawn by chance, for some seconds; the seed is printed.
``NBTRACK_TEST_ALL_LINES=1 pytest tests/integration/test_faults_raised.py`` tries each line with each kind of exception
(five minutes), and ``NBTRACK_TEST_ALL_LINES=cells`` that in each of the cells (an hour).
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import nbtrack
from nbtrack.keeper import connect
from nbtrack.store.location import create_store

SECONDS = 15
PROGRAM = Path(__file__).with_name("raised_inside_hooks.py")

ALL_LINES = os.environ.get(
    "NBTRACK_TEST_ALL_LINES", ""
)  # read now: the tests' fixtures remove such variables


def test_an_exception_at_any_line_of_a_hook_leaves_the_cell_alone(folder: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    words = {"": ["--seconds", str(SECONDS)], "cells": ["--every-cell"]}.get(ALL_LINES, [])
    print(f"seed {seed}; the same again: {PROGRAM.name} --seed {seed} {' '.join(words)}")
    done = subprocess.run(
        [sys.executable, str(PROGRAM), "--seed", str(seed), *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=None if ALL_LINES else 240,
    )
    assert "RESULT " in done.stdout, done.stdout[-2000:] + done.stderr[-2000:]
    found = json.loads(done.stdout.rpartition("RESULT ")[2])
    print({name: count for name, count in found.items() if name != "wrong"})
    assert found["wrong"] == []
    assert found["lines"] > 500
    assert found["tried"] > 50
    # Of a line that does not run again (where there is no time for it) nothing is said; those are few.
    assert found["missed"] < max(10, found["tried"] / 8)
    # What began ended: nothing that failed has left a run open, but for the few lines before anyone knows of it.
    runs = nbtrack.open(folder).runs
    crashed = len(runs.search("run.status in ('crashed', 'running')"))
    assert crashed <= max(3, found["tried"] / 50)


def interrupt_at_line(number: int, ask: Callable[[], object]) -> bool:
    """Interrupt `ask` at the proxy's line of this number, counted from its beginning; whether it has that many."""
    lines = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal lines
        if not frame.f_code.co_filename.endswith("proxy.py"):
            return None
        lines += event == "line"
        if lines == number and event == "line":
            raise KeyboardInterrupt
        return trace

    sys.settrace(trace)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            ask()
    finally:
        sys.settrace(None)
    return lines >= number


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no local sockets")
def test_an_interrupt_in_the_middle_of_a_question_leaves_neither_lock_nor_half_answer(folder: Path) -> None:
    proxy = connect(create_store(folder / ".nbtrack"))
    assert proxy.ask("runs.search").total == 0
    lines, interrupted = 0, True
    while interrupted:
        lines += 1
        interrupted = interrupt_at_line(lines, lambda: proxy.ask("store.status"))
        # whoever asks next gets its own answer, and soon
        assert proxy.ask_soon("runs.search", within=10).total == 0
    assert lines > 10


SLOW = """
import time
from nbtrack.capture.cells import CellCapture
def slow(method):
    def call(*a, **k):
        open(f"in {method.__name__}", "w").close()
        time.sleep(2)
        return method(*a, **k)
    return call
CellCapture.look, CellCapture.end = slow(CellCapture.look), slow(CellCapture.end)
"""


def test_a_real_interrupt_that_lands_in_a_hook_only_cuts_the_hook_short(kernel: Any, folder: Path) -> None:
    kernel.run(SLOW)
    (folder / "in end").unlink(missing_ok=True)
    request = kernel.send("%%track cut\nlr = 0.5\nprint('whole')\nlr")
    for hook in ("look", "end"):
        deadline = time.monotonic() + 30
        while not (folder / f"in {hook}").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        kernel.manager.interrupt_kernel()
    answer = kernel.wait(request)
    assert (answer.status, answer.stdout, answer.result, answer.stderr) == ("ok", "whole\n", "0.5", "")
    assert "KeyboardInterrupt" in kernel.run("%track").stdout
    row = nbtrack.open(folder).runs.get("cut-1")
    assert row.status == "finished"  # the run began and ended; what the hook did not get to is missing
