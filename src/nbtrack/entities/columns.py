"""Answers that are numbers in bulk. Their bytes travel as they are, beside the message and not inside its JSON."""

from __future__ import annotations

from dataclasses import dataclass, field

Bulk = bytes | memoryview
"""Bytes; those of an answer are views of the message that brought them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table of runs.

    ``group`` is ``run``, ``params``, ``metrics`` or ``tags``. By ``kind`` the rows are

    * ``float``, ``int``, ``time``: little-endian float64, int64, int64 (Unix time in ns) in ``data``;
    * ``text``: int32 places in ``words``, -1 where absent, in ``data``;
    * ``json``: ``words``, one value a row.

    ``words`` is a list as JSON.

    ``present`` has a byte a row, 0 where nothing was recorded; None where every row has a value.
    """

    name: str
    group: str
    kind: str
    data: Bulk = b""
    words: Bulk = b"[]"
    present: Bulk | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunColumns:
    """An answer to a search by columns: ``total`` runs match, ``count`` of them are rows here."""

    store: str
    version: int
    total: int
    count: int
    columns: list[Column] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricCurve:
    """All points of one metric of one run, as the packed chunks of `nbtrack.store.points`."""

    run: str
    name: str
    chunks: list[Bulk] = field(default_factory=list)
