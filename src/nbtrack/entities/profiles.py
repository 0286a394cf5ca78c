"""What the columns of data hold."""

from __future__ import annotations

from dataclasses import dataclass, field

from nbtrack.entities.datasets import Dataset

QUANTILES = 33
"""Quantiles of a profile: the lowest value, the highest, and 31 between them in equal steps of rank."""

MOST_TOP = 50
"""A column with more distinct values than this has no list of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProfile:
    """What a column holds, as far as it was looked at.

    ``kind`` is ``number``, ``time`` (its values are Unix times in seconds), ``boolean``, ``text`` or ``other``.
    ``count`` rows were looked at; ``missing`` of them hold nothing (NaN, None) and ``infinite`` an infinity, and neither
    counts for the rest. ``distinct`` is exact or an estimate. ``top`` has the values and how often each occurs, where there
    are few. For texts ``minimum``, ``maximum``, ``mean``, ``std`` and ``quantiles`` are those of their lengths.
    """

    name: str
    dtype: str
    kind: str
    count: int = 0
    missing: int = 0
    infinite: int = 0
    distinct: int | None = None
    exact: bool = True
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    std: float | None = None
    quantiles: list[float] = field(default_factory=list)
    top: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataProfile:
    """What data holds: ``read`` of its ``rows`` rows and the ``columns`` named, out of ``width``.

    ``sampled`` where that is not all; ``note`` then says what was left out and why.
    """

    rows: int
    read: int
    width: int
    sampled: bool = False
    note: str | None = None
    columns: list[ColumnProfile] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfiledData:
    """Data of a run, and what it holds where that is known."""

    data: Dataset
    profile: DataProfile | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunData:
    """The data of a run: what it read, and what its models were fitted on."""

    run: str
    name: str
    experiment: str
    data: list[ProfiledData] = field(default_factory=list)
