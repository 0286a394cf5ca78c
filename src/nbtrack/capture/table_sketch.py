"""Profiles that grow: a sketch of each column, to which rows are added part by part, and which can be merged."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace
from typing import Any, Final

from nbtrack.capture.column_values import Values, shortened
from nbtrack.capture.params import loaded
from nbtrack.capture.sketches import Distinct, Moments, Quantiles
from nbtrack.entities.profiles import MOST_TOP, QUANTILES, ColumnProfile

SHARES: Final = [place / (QUANTILES - 1) for place in range(QUANTILES)]


class ColumnSketch:
    """A column as far as it was seen."""

    def __init__(self, name: str, dtype: str) -> None:
        self.name = name
        self.dtype = dtype
        self.kind: str | None = None
        self.rows = self.missing = self.infinite = 0
        self._moments = Moments()
        self._quantiles = Quantiles()
        self._distinct = Distinct()
        self._top: Counter[float | str] | None = Counter()

    def add(self, values: Values) -> None:
        """Take in some rows."""
        self._is_of(values.kind)
        if values.numbers is not None:
            self._add_numbers(values.numbers, values.keys)
        else:
            objects = values.objects or []
            present = [one for one in objects if one is not None]
            self.rows += len(objects)
            self.missing += len(objects) - len(present)
            if values.kind == "text":
                self._add_texts(present)

    def _is_of(self, kind: str) -> None:
        """A column whose parts are of several kinds is of none of them, and only what is missing is known of it."""
        if self.kind is None or self.kind == kind:
            self.kind = kind
            return
        self.kind = "other"
        self._moments, self._quantiles, self._distinct = Moments(), Quantiles(), Distinct()
        self._top = None

    def _add_numbers(self, numbers: Any, keys: Any) -> None:
        self.rows += int(numbers.size)
        finite = loaded("numpy", "isfinite")(numbers)
        missing = int(loaded("numpy", "isnan")(numbers).sum())
        self.missing += missing
        self.infinite += int(numbers.size) - int(finite.sum()) - missing
        if self.kind == "other":
            return
        if int(finite.sum()) != numbers.size:
            numbers = numbers[finite]
            keys = None if keys is None else keys[finite]
        with loaded("numpy", "errstate")(all="ignore"):
            self._moments.add(numbers)
            found, counts = loaded("numpy", "unique")(numbers + 0.0, return_counts=True)  # -0.0 is 0.0
            self._quantiles.add_sorted(loaded("numpy", "repeat")(found, counts))
            apart = (
                found.view(loaded("numpy", "uint64"))
                if keys is None
                else _unsigned(loaded("numpy", "unique")(keys))
            )
            self._distinct.add(_mixed(apart))
        self._count(found, counts)

    def _count(self, found: Any, counts: Any) -> None:
        if self._top is None:
            return
        if len(found) > MOST_TOP:
            self._top = None
            return
        self._top.update(dict(zip(found.tolist(), counts.tolist(), strict=True)))
        self._few()

    def _add_texts(self, texts: list[str]) -> None:
        if self.kind == "other" or not texts:
            return
        lengths = loaded("numpy", "array")(list(map(len, texts)), dtype=loaded("numpy", "float64"))
        self._moments.add(lengths)
        lengths.sort()
        self._quantiles.add_sorted(lengths)
        counted = Counter(texts)
        self._distinct.add(loaded("numpy", "array")([_hash(text) for text in counted], dtype="uint64"))
        if self._top is not None:
            if len(counted) > MOST_TOP:
                self._top = None
            else:
                self._top.update({shortened(text): count for text, count in counted.items()})
                self._few()

    def _few(self) -> None:
        if self._top is not None and len(self._top) > MOST_TOP:
            self._top = None

    def merge(self, other: ColumnSketch) -> None:
        """Take in what the sketch of other rows of the same column has seen; the other stays as it is."""
        if other.kind is not None:
            self._is_of(other.kind)
        self.rows += other.rows
        self.missing += other.missing
        self.infinite += other.infinite
        if self.kind == "other":
            return
        self._moments.merge(other._moments)
        self._quantiles.merge(other._quantiles)
        self._distinct.merge(other._distinct)
        if self._top is not None and other._top is not None:
            self._top.update(other._top)
            self._few()
        else:
            self._top = None

    def profile(self) -> ColumnProfile:
        """What is known now."""
        kind = self.kind or "other"
        counted = ColumnProfile(
            name=self.name,
            dtype=self.dtype,
            kind=kind,
            count=self.rows,
            missing=self.missing,
            infinite=self.infinite,
            distinct=None if kind == "other" else 0,
        )
        if kind == "other" or not self._moments.count:
            return counted
        quantiles = self._quantiles.at(SHARES)
        quantiles[0], quantiles[-1] = self._moments.lowest, self._moments.highest
        top = {} if self._top is None else dict(self._top.most_common())
        return replace(
            counted,
            distinct=min(self._distinct.count(), self._moments.count),
            exact=self._distinct.is_exact,
            minimum=self._moments.lowest,
            maximum=self._moments.highest,
            mean=self._moments.mean,
            std=self._moments.std,
            quantiles=quantiles,
            top={told(value, kind, self.dtype): count for value, count in top.items()},
        )


def told(value: float | str, kind: str, dtype: str) -> str:
    """A value of a column as a text: whole numbers of whole columns without a point, truths by their names."""
    if isinstance(value, str):
        return value
    if kind == "boolean":
        return str(bool(value))
    return str(int(value)) if value.is_integer() and "float" not in dtype.lower() else repr(value)


def _unsigned(keys: Any) -> Any:
    return keys.astype(
        loaded("numpy", "int64") if keys.dtype.kind == "i" else loaded("numpy", "uint64")
    ).view(loaded("numpy", "uint64"))


def _mixed(keys: Any) -> Any:
    """Hashes of 64-bit numbers: the finalizer of splitmix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    unsigned = loaded("numpy", "uint64")
    keys = keys + unsigned(0x9E3779B97F4A7C15)
    keys = (keys ^ (keys >> unsigned(30))) * unsigned(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> unsigned(27))) * unsigned(0x94D049BB133111EB)
    return keys ^ (keys >> unsigned(31))


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest())
