"""SQL and files of the question what takes the space of a store. A few statements, however many runs there are."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import apsw

from nbtrack.store.references import union

DATABASE, LOG = "database", "log"

_PLACES = {
    "store.db": DATABASE,
    "store.db-wal": LOG,
    "store.db-shm": LOG,
    "blobs": "blobs",
    "journal": "journals",
    "incoming": "incoming",
    "quarantine": "quarantine",
}
_POINTS = "sum(length(points) + coalesce(length(extremes), 0))"
_OF_SOMETHING = "{run} IS NOT NULL OR {cell} IS NOT NULL"
_OWNER = {
    # The key of the run; 0 for cells of no run and of runs that are deleted for good.
    "run": ("coalesce((SELECT key FROM runs WHERE id = {run}), 0)", "run"),
    "cell": (
        "coalesce({cell}, '')",
        "(SELECT coalesce((SELECT text FROM texts WHERE id = runs.notebook) || char(31) ||"
        " coalesce((SELECT text FROM texts WHERE id = runs.cell), ''), '') FROM runs WHERE key = run)",
    ),
}


def file_sizes(folder: Path) -> dict[str, int]:
    """The bytes of all files of a store by their place: ``blobs``, ``journals`` …, ``files`` for all others."""
    found: dict[str, int] = {}
    for path, size in _files(folder):
        place = _PLACES.get(path.relative_to(folder).parts[0], "files")
        found[place] = found.get(place, 0) + size
    return found


def _files(folder: Path) -> Iterator[tuple[Path, int]]:
    for root, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # gone meanwhile
                path = Path(root, name)
                yield path, path.lstat().st_size


class Usage:
    """What of the database and the blobs belongs to what."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def _all(self, sql: str, bindings: Sequence[Any] = ()) -> list[Any]:
        return self._connection.execute(sql, bindings).fetchall()

    def _number(self, sql: str) -> int:
        return int(self._all(sql)[0][0] or 0)

    def kinds(self) -> list[tuple[str, int, int]]:
        """Kinds of blobs, their bytes and number; ``trash`` is what only the trash needs, ``unused`` what nothing does."""
        return self._all(
            "WITH used AS MATERIALIZED (SELECT digest, min(rank), kind, count(*) = count(deleted) AS trashed"
            f" FROM {union('{rank} AS rank, {kind} AS kind, {deleted} AS deleted')} GROUP BY digest)"
            " SELECT iif(kind IS NULL, 'unused', iif(trashed, 'trash', kind)), sum(stored_size), count(*)"
            " FROM blobs LEFT JOIN used USING (digest) GROUP BY 1"
        )

    def points(self) -> tuple[int, int, int, int]:
        """The bytes of metric points and the number of their chunks, outside of the trash, and inside."""
        rows = self._all(
            f"SELECT deleted IS NOT NULL, {_POINTS}, count(*) FROM metric_chunks JOIN runs ON key = run GROUP BY 1"
        )
        found = {bool(trashed): (size, count) for trashed, size, count in rows}
        return (*found.get(False, (0, 0)), *found.get(True, (0, 0)))

    def index(self) -> int:
        """The bytes of the search index, as far as they are its content."""
        parts = (
            "SELECT sum(length(block)) FROM search_words_data",
            "SELECT sum(length(sz)) FROM search_words_docsize",
            "SELECT sum(length(kind) + length(key)) FROM search_pieces",
            "SELECT sum(length(execution)) FROM search_uses",
        )
        return sum(self._number(sql) for sql in parts)

    def datasets(self) -> tuple[int, int]:
        """The bytes and the number of descriptions of data."""
        size, count = self._all(
            "SELECT sum(size), sum(count) FROM ("
            "SELECT sum(length(content) + coalesce(length(profile), 0)) AS size, count(*) AS count FROM datasets"
            " UNION ALL SELECT sum(length(content)), count(*) FROM cell_data"
            " UNION ALL SELECT sum(length(request) + coalesce(length(profile), 0)), 0 FROM file_profiles)"
        )[0]
        return size or 0, count

    def rows_of_blobs(self) -> int:
        """The bytes of the blobs that stand in the database."""
        return self._number("SELECT sum(stored_size) FROM blobs WHERE content IS NOT NULL")

    def free(self) -> int:
        """The bytes of the database that nothing takes."""
        return self._number("PRAGMA freelist_count") * self._number("PRAGMA page_size")

    def owners(self, by: str) -> tuple[Iterator[tuple[Any, int, int, int]], int, int]:
        """Each run (by its key) or cell (notebook, U+001F, cell id), largest first: own and shared bytes, and its pieces.

        Behind it: the bytes of all that are owned alone, points among them, and of all that are shared, each counted once.
        """
        owner, of_points = _OWNER[by]
        owned = union(f"{owner} AS owner", _OF_SOMETHING)
        run = self._connection.execute
        run("DROP TABLE IF EXISTS temp.owned")
        # One sorting by digest, and then few rows are left that need a closer look: most content has one owner.
        run(
            "CREATE TEMP TABLE owned AS SELECT digest, owner, owner = other AS alone, uses, stored_size FROM"
            f" (SELECT digest, min(owner) AS owner, max(owner) AS other, count(*) AS uses FROM {owned} GROUP BY digest)"
            " CROSS JOIN blobs USING (digest)"
        )
        run("DROP TABLE IF EXISTS temp.taken")
        run(
            "CREATE TEMP TABLE taken AS SELECT owner, sum(own) AS size, sum(shared) AS shared, sum(pieces) AS pieces FROM ("
            " SELECT owner, sum(stored_size) AS own, 0 AS shared, count(*) AS pieces FROM temp.owned WHERE alone GROUP BY 1"
            " UNION ALL SELECT u.owner, 0, sum(stored_size), count(*) FROM"
            f" (SELECT DISTINCT digest, owner FROM {owned} WHERE digest IN"
            " (SELECT digest FROM temp.owned WHERE NOT alone)) AS u"
            " JOIN temp.owned AS o ON o.digest = u.digest AND NOT o.alone GROUP BY 1"
            f" UNION ALL SELECT {of_points} AS owner, points, 0, chunks"
            f" FROM (SELECT run, {_POINTS} AS points, count(*) AS chunks FROM metric_chunks GROUP BY run)"
            ") GROUP BY owner"
        )
        rows = run(
            "SELECT owner, size, shared, pieces FROM temp.taken ORDER BY size DESC, shared DESC, owner"
        )
        own = self._number("SELECT sum(size) FROM temp.taken")
        shared = self._number("SELECT sum(stored_size) FROM temp.owned WHERE NOT alone")
        return iter(rows), own, shared

    def runs(self, keys: Sequence[int]) -> dict[int, tuple[str, bool, bool]]:
        """Runs by their keys: name with experiment, whether it is pinned, and whether it is in the trash."""
        rows = self._all(
            "SELECT key, experiments.name || '/' || run_names.name || '-' || number, pinned IS NOT NULL,"
            " deleted IS NOT NULL FROM runs JOIN run_names ON run_names.id = runs.name"
            " JOIN experiments ON experiments.id = experiment WHERE key IN (SELECT value FROM json_each(?))",
            (json.dumps(list(keys)),),
        )
        return {key: (name, bool(pinned), bool(trashed)) for key, name, pinned, trashed in rows}

    def newest_source(self, notebook: str, cell: str) -> str | None:
        """The digest of a cell's source as it was executed last."""
        rows = self._all(
            "SELECT source FROM executions WHERE notebook = ? AND coalesce(cell_id, '') = ? ORDER BY started DESC LIMIT 1",
            (notebook, cell),
        )
        return rows[0][0] if rows else None
