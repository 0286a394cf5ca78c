"""Sketches of a column that can be merged: quantiles, distinct values and moments of parts give those of the whole.

They hold numbers of numpy, which has been imported wherever there is data; nothing here imports it by itself.
"""

from __future__ import annotations

import bisect
import itertools
import math
import random
from collections.abc import Iterable
from typing import Any, Final

from nbtrack.capture.params import loaded

RANK_ERROR: Final = 0.02
"""By how much (as a share of all values) the rank of a quantile may be off; less in 99 of 100 cases."""

DISTINCT_ERROR: Final = 0.07
"""By how much (relative) a number of distinct values may be off: three standard errors."""

_K: Final = 200
_SHRINK: Final = 2 / 3
_EXACT: Final = 1_024
_BITS: Final = 11
_SEED: Final = 20160317


class Quantiles:
    """The quantile sketch KLL: Karnin, Lang and Liberty, *Optimal Quantile Approximation in Streams*, FOCS 2016.

    Values stand on levels; one on level h counts for 2^h. A level that is full is sorted, and every second value goes one
    level up. With k = 200 the rank of an answer is off by 1.33 % at most with a probability of 99 %, however many parts were
    merged in whatever order. Up to k values are kept exactly.
    """

    def __init__(self) -> None:
        self.count = 0
        self._levels: list[list[float]] = [[]]
        self._coin = random.Random(_SEED)  # of its own: the person's random numbers stay as they are

    def add(self, values: Iterable[float]) -> None:
        """Take in finite numbers."""
        before = len(self._levels[0])
        self._levels[0].extend(values)
        self.count += len(self._levels[0]) - before
        self._compress()

    def add_sorted(self, values: Any) -> None:
        """Take in a rising array of finite numbers: as `add`, but most of them never become objects of Python."""
        self.count += int(values.size)
        level = 0
        while values.size > _K:
            self._grow(level + 1)
            if values.size % 2:
                self._levels[level].append(float(values[-1]))
                values = values[:-1]
            values = values[self._coin.getrandbits(1) :: 2]
            level += 1
        self._grow(level + 1)
        self._levels[level].extend(values.tolist())
        self._compress()

    def _grow(self, levels: int) -> None:
        while len(self._levels) < levels:
            self._levels.append([])

    def merge(self, other: Quantiles) -> None:
        """Take in what another sketch has seen; the other stays as it is."""
        self._grow(len(other._levels))
        for level, values in enumerate(other._levels):
            self._levels[level].extend(values)
        self.count += other.count
        self._compress()

    def _capacity(self, level: int) -> int:
        return max(2, math.ceil(_K * _SHRINK ** (len(self._levels) - level - 1)))

    def _compress(self) -> None:
        level = 0
        while level < len(self._levels):
            values = self._levels[level]
            if len(values) > self._capacity(level):
                self._grow(level + 2)
                values.sort()
                rest = [values.pop()] if len(values) % 2 else []
                self._levels[level + 1].extend(values[self._coin.getrandbits(1) :: 2])
                self._levels[level] = rest
                level = 0 if level == 0 else level - 1  # a new level makes those below smaller
            else:
                level += 1

    def at(self, shares: Iterable[float]) -> list[float]:
        """The values below which these shares (rising, 0 to 1) of all values lie; empty where there are none."""
        weighted = sorted(
            (value, 1 << level) for level, values in enumerate(self._levels) for value in values
        )
        if not weighted:
            return []
        ranks = list(itertools.accumulate(weight for _, weight in weighted))
        return [
            weighted[min(bisect.bisect_left(ranks, max(1, share * self.count)), len(ranks) - 1)][0]
            for share in shares
        ]


class Distinct:
    """The number of distinct values: exact up to 1,024, then HyperLogLog.

    Flajolet, Fusy, Gandouet and Meunier, *HyperLogLog*, AofA 2007, with linear counting for few values. 2,048 registers have
    a standard error of 2.3 %.
    """

    def __init__(self) -> None:
        self._hashes: set[int] | None = set()
        self._registers: Any = None

    @property
    def is_exact(self) -> bool:
        """Whether the number is exact, but for two values of 2^64 that have one hash."""
        return self._hashes is not None

    def add(self, hashes: Any) -> None:
        """Take in values by their hashes, an array of uint64 without repetitions."""
        if self._hashes is not None and hashes.size <= _EXACT:
            self._hashes.update(hashes.tolist())
            if len(self._hashes) > _EXACT:
                self._leave_exact()
            return
        self._leave_exact()
        rest = 64 - _BITS
        unsigned = loaded("numpy", "uint64")
        places = (hashes >> unsigned(rest)).astype("int64")
        # the rest has 53 bits, which a float holds: its exponent is the place of the first bit
        lengths = loaded("numpy", "frexp")((hashes & unsigned((1 << rest) - 1)).astype("float64"))[1]
        loaded("numpy", "maximum").at(self._registers, places, (rest + 1 - lengths).astype("uint8"))

    def _leave_exact(self) -> None:
        if self._hashes is not None:
            known, self._hashes = self._hashes, None
            self._registers = loaded("numpy", "zeros")(1 << _BITS, dtype="uint8")
            self.add(loaded("numpy", "array")(list(known), dtype="uint64"))

    def merge(self, other: Distinct) -> None:
        """Take in what another sketch has seen; the other stays as it is."""
        if other._hashes is not None:
            self.add(loaded("numpy", "array")(list(other._hashes), dtype="uint64"))
            return
        self._leave_exact()
        self._registers = loaded("numpy", "maximum")(self._registers, other._registers)

    def count(self) -> int:
        """How many there are."""
        if self._hashes is not None:
            return len(self._hashes)
        number = 1 << _BITS
        estimate = (
            0.7213
            / (1 + 1.079 / number)
            * number**2
            / float((2.0 ** -self._registers.astype("float64")).sum())
        )
        empty = int((self._registers == 0).sum())
        if estimate <= 2.5 * number and empty:
            estimate = number * math.log(number / empty)
        return round(estimate)


class Moments:
    """Count, mean, variance and extremes, merged as Chan, Golub and LeVeque (1979) do: exact also far from zero."""

    def __init__(self) -> None:
        self.count = 0
        self.mean = 0.0
        self._squares = 0.0
        self.lowest = math.inf
        self.highest = -math.inf

    def add(self, values: Any) -> None:
        """Take in an array of finite float64."""
        if not values.size:
            return
        part = Moments()
        part.count, part.mean = int(values.size), float(values.mean())
        part.lowest, part.highest = float(values.min()), float(values.max())
        part._squares = float(((values - part.mean) ** 2).sum())
        self.merge(part)

    def merge(self, other: Moments) -> None:
        """Take in what another has seen; the other stays as it is."""
        count = self.count + other.count
        if not other.count:
            return
        apart = other.mean - self.mean
        self._squares += other._squares + apart * apart * (self.count * other.count / count)
        self.mean = self.mean * (self.count / count) + other.mean * (other.count / count)
        self.count = count
        self.lowest, self.highest = min(self.lowest, other.lowest), max(self.highest, other.highest)

    @property
    def std(self) -> float:
        """The standard deviation of the values as they are (divided by their number)."""
        return math.sqrt(self._squares / self.count) if self.count else math.nan
