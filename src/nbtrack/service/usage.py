"""What takes the space of a store: by kind of content, by run, by cell."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import apsw

from nbtrack.entities.ownership import Usage, UsageRow
from nbtrack.errors import InvalidInput, StoreCorrupt
from nbtrack.service import Deferred
from nbtrack.service.retention import Collector
from nbtrack.store.database import Store
from nbtrack.store.usage import DATABASE, LOG, file_sizes
from nbtrack.store.usage import Usage as Stored

WAYS = ("kind", "run", "cell")
_COLLECTABLE = {"trash", "unused", "strays", "incoming"}
"""Kinds of which collecting frees something when it is old enough."""
_ROOM = "PRAGMA cache_size = -16000"
"""For sorting what refers to content, which may be a million digests."""
_SHOWN = 80
"""Characters of a cell's source that tell it from others."""

_Measured = tuple[Usage, bool]
"""What takes the space, and whether something in it may be collected."""


class Space:
    """What may be asked about the space that a store takes."""

    def __init__(self, store: Store, collector: Collector) -> None:
        self._store = store
        self._collector = collector

    def measure(
        self,
        by: str = "kind",
        limit: int = 20,
        trash_days: int = 30,
        grace_days: int = 14,
        executions_days: int = 0,
    ) -> Deferred:
        """What takes the space, largest first; the days are those of `nbtrack.service.retention.Collector.collect`.

        Sizes are those of files, as they are and not in blocks of a disk. Others are answered meanwhile.

        Parameters
        ----------
        by
            ``kind``, ``run`` or ``cell``.
        limit
            Rows at most.
        """
        if by not in WAYS:
            raise InvalidInput(f"Space is told by {', '.join(WAYS)}, not by {by[:40]!r}.")
        if limit < 1:
            raise InvalidInput(f"limit counts rows and is at least 1, not {limit}.")

        def work() -> _Measured | None:
            with contextlib.suppress(apsw.BusyError, apsw.CantOpenError), self._store.snapshot() as snapshot:
                snapshot.connection.execute(_ROOM)
                return _measured(snapshot, by, limit)
            return None  # where only one connection may be open, on a network home

        def finish(measured: _Measured | None) -> Usage:
            found, collectable = measured or _measured(self._store, by, limit)
            if by != "kind" or not (collectable or executions_days):
                return found  # a dry run of collecting makes others wait
            collection = self._collector.collect(
                trash_days=trash_days, grace_days=grace_days, executions_days=executions_days, dry_run=True
            ).result()
            return replace(found, freed=collection.size)

        return Deferred(work, finish)


def _measured(store: Store, by: str, limit: int) -> _Measured:
    stored, files = Stored(store.connection), file_sizes(store.folder)
    if by != "kind":
        return _by_owner(store, stored, files, by, limit), False
    rows = _added(_kinds(stored, files))
    left = rows[limit:]
    usage = Usage(
        by=by,
        rows=rows[:limit],
        left_out=len(left),
        rest=sum(row.size for row in left),
        total=sum(row.size for row in rows),
    )
    return usage, any(row.name in _COLLECTABLE for row in rows)


def _kinds(stored: Stored, files: dict[str, int]) -> list[UsageRow]:
    """Every byte of every file once."""
    rows = [UsageRow(name=kind, size=size, count=count) for kind, size, count in stored.kinds()]
    blobs = sum(row.size for row in rows)
    in_rows = stored.rows_of_blobs()
    points, chunks, trashed_points, trashed_chunks = stored.points()
    described, descriptions = stored.datasets()
    inside = [
        UsageRow(name="points", size=points, count=chunks),
        UsageRow(name="trash", size=trashed_points, count=trashed_chunks),
        UsageRow(name="datasets", size=described, count=descriptions),
        UsageRow(name="index", size=stored.index()),
        UsageRow(name="free", size=stored.free()),
    ]
    database = files.pop(DATABASE, 0)
    rest = database - in_rows - sum(row.size for row in inside)
    # What the log holds is not in the database's file yet: then less of that is left for tables than they take.
    log = files.pop(LOG, 0) + min(rest, 0)
    strays = files.pop("blobs", 0) - (blobs - in_rows)
    outside = {"tables": max(rest, 0), "log": log, "strays": strays, **files}
    return [*rows, *inside, *(UsageRow(name=name, size=size) for name, size in outside.items())]


def _added(rows: Iterable[UsageRow]) -> list[UsageRow]:
    """Rows of the same name as one, largest first; none without content."""
    found: dict[str, UsageRow] = {}
    for row in rows:
        before = found.get(row.name, UsageRow(name=row.name, size=0))
        found[row.name] = replace(before, size=before.size + row.size, count=before.count + row.count)
    return sorted((row for row in found.values() if row.size), key=lambda row: (-row.size, row.name))


def _by_owner(store: Store, stored: Stored, files: dict[str, int], by: str, limit: int) -> Usage:
    found, own, shared = stored.owners(by)
    shown = list(islice(found, limit))
    left_out = sum(1 for _ in found)
    rest = own - sum(size for _, size, _, _ in shown)
    total = sum(files.values())
    rows = _runs(stored, shown) if by == "run" else _cells(store, stored, shown)
    return Usage(
        by=by, rows=rows, left_out=left_out, rest=rest, shared=shared, other=total - own - shared, total=total
    )


def _runs(stored: Stored, shown: list[tuple[Any, int, int, int]]) -> list[UsageRow]:
    names = stored.runs([owner for owner, *_ in shown])
    rows = []
    for owner, size, shared, count in shown:
        name, pinned, trashed = names.get(owner, ("", False, False))
        detail = ", ".join(filter(None, ["in the trash" * trashed, "pinned" * pinned]))
        rows.append(UsageRow(name=name, size=size, shared=shared, count=count, detail=detail))
    return rows


def _cells(store: Store, stored: Stored, shown: list[tuple[Any, int, int, int]]) -> list[UsageRow]:
    rows = []
    for owner, size, shared, count in shown:
        notebook, _, cell = owner.partition("\x1f")
        digest = stored.newest_source(notebook, cell)
        source = ""
        if digest is not None:
            with contextlib.suppress(StoreCorrupt):
                source = store.blobs.get(digest).decode().strip().partition("\n")[0][:_SHOWN]
        name = " · ".join(filter(None, [notebook and Path(notebook).name, cell[:8]]))
        rows.append(UsageRow(name=name, size=size, shared=shared, count=count, detail=source))
    return rows
