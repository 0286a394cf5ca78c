"""The time of records: Unix time that goes on evenly, whatever happens to the system's clock meanwhile."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from time import time_ns  # by name: a notebook may put something else into the module

# Of the clocks that are never set, the one that counts on while the machine sleeps, where there is such a one.
elapsed: Callable[[], int] = (
    functools.partial(time.clock_gettime_ns, time.CLOCK_BOOTTIME)
    if hasattr(time, "CLOCK_BOOTTIME")
    else time.monotonic_ns
)
"""Nanoseconds since some moment before this process began."""


@functools.cache
def origin() -> int:
    """The Unix time in ns at which `elapsed` was nothing, by the system's clock when this process asked first."""
    return time_ns() - elapsed()


def now_ns() -> int:
    """Unix time in ns. Within a process a later call never gives an earlier time: the order of its records rests on it."""
    return origin() + elapsed()
