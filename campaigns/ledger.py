"""How a worker tells which of its calls have returned: numbers in a mapped file outside the store.

A store into mapped memory is there for others at once, survives ``kill -9``, and costs the worker less than a system call,
so that the kill falls into nbtrack most of the time and not into the telling.
"""

from __future__ import annotations

import mmap
import os
import time
from pathlib import Path

_SIZE = 1 << 16
_RETURNED, _FLUSHED, _MOMENTS = 0, 1, 2
_FIRST_MOMENT = 8
_ALL_MOMENTS = (_SIZE // 8 - _FIRST_MOMENT) // 2
MOMENT = 20_000_000
"""Nanoseconds between two entries of how many calls had returned when."""


class Ledger:
    """The acknowledgements of one worker.

    Parameters
    ----------
    path
        The file; made where it is missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if os.fstat(descriptor).st_size < _SIZE:
                os.ftruncate(descriptor, _SIZE)
            # a view of u64 is written by one store, never byte by byte
            self._numbers = memoryview(mmap.mmap(descriptor, _SIZE)).cast("Q")
        finally:
            os.close(descriptor)
        self._next = 0

    @property
    def returned(self) -> int:
        """How many calls have returned."""
        return self._numbers[_RETURNED]

    @property
    def flushed(self) -> int:
        """How many calls had returned when the last ``flush()`` did."""
        return self._numbers[_FLUSHED]

    def acknowledge(self, flushed: bool = False) -> None:
        """One more call has returned."""
        returned = self._numbers[_RETURNED] + 1
        self._numbers[_RETURNED] = returned
        if flushed:
            self._numbers[_FLUSHED] = returned
        now = time.monotonic_ns()
        if now > self._next:
            self._next = now + MOMENT
            entries = self._numbers[_MOMENTS]
            if entries < _ALL_MOMENTS:
                place = _FIRST_MOMENT + 2 * entries
                self._numbers[place], self._numbers[place + 1] = now, returned
                self._numbers[_MOMENTS] = entries + 1

    def returned_at(self, moment: int) -> int:
        """How many calls had surely returned at a moment of the monotonic clock (ns)."""
        found = 0
        for entry in range(self._numbers[_MOMENTS]):
            place = _FIRST_MOMENT + 2 * entry
            if self._numbers[place] <= moment:
                found = self._numbers[place + 1]
        return found

    @property
    def trouble(self) -> Path:
        """Where the worker writes what a call of nbtrack raised: they never should."""
        return self.path.with_suffix(".trouble")
