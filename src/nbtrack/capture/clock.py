"""The time of records: Unix time that goes on evenly, whatever happens to the system's clock meanwhile."""

from __future__ import annotations

import functools
import time


def _elapsed() -> int:
    # Of the clocks that are never set, the one that counts on while the machine sleeps, where there is such a one.
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    return time.monotonic_ns()


@functools.cache
def _start() -> int:
    """What the system's clock said when this process asked first, less what had elapsed."""
    return time.time_ns() - _elapsed()


def now_ns() -> int:
    """Unix time in ns. Within a process a later call never gives an earlier time: the order of its records rests on it."""
    return _start() + _elapsed()
