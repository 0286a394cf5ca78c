"""SQL of the full-text search: what waits to be indexed, and which cells have some words."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apsw

from nbtrack.errors import StoreCorrupt
from nbtrack.store.blobs import Blobs
from nbtrack.store.search_text import prepared, texts_of_outputs, without_colours

_WEIGHTS = "4.0, 1.0, 2.0, 4.0"
"""How much a word counts in the source, outputs, errors, notes."""

_CELL = """
SELECT e.id, e.run_id, run_names.name || '-' || runs.number, experiments.name, e.notebook, e.cell_id, e.execution_count,
    e.outcome, e.started, count(*) OVER () FROM search_uses AS u JOIN executions AS e ON e.id = u.execution
LEFT JOIN runs ON runs.id = e.run_id LEFT JOIN run_names ON run_names.id = runs.name
LEFT JOIN experiments ON experiments.id = run_names.experiment
WHERE u.piece = ?1 AND (e.run_id IS NULL OR (runs.key IS NOT NULL AND runs.deleted IS NULL))
    AND (?2 IS NULL OR experiments.name = ?2 OR (e.run_id IS NULL AND e.notebook IN (
        SELECT texts.text FROM runs AS r JOIN texts ON texts.id = r.notebook JOIN run_names AS n ON n.id = r.name
        JOIN experiments AS x ON x.id = n.experiment WHERE x.name = ?2)))
ORDER BY e.run_id IS NULL, e.started DESC LIMIT 1
"""
_RUN = """
SELECT NULL, runs.id, run_names.name || '-' || runs.number, experiments.name,
    (SELECT text FROM texts WHERE id = runs.notebook), (SELECT text FROM texts WHERE id = runs.cell), NULL, runs.status,
    runs.started, 1 FROM runs JOIN run_names ON run_names.id = runs.name
JOIN experiments ON experiments.id = run_names.experiment
WHERE runs.id = CAST(?1 AS TEXT) AND runs.deleted IS NULL AND (?2 IS NULL OR experiments.name = ?2)
"""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """A text that has the words: of which kind, its key, and the newest execution (or the run) that has it."""

    kind: str
    key: bytes
    execution: str | None
    run_id: str | None
    run: str | None
    experiment: str | None
    notebook: str | None
    cell_id: str | None
    execution_count: int | None
    outcome: str | None
    started: int
    times: int


class Search:
    """The searchable texts of one store."""

    def __init__(self, connection: apsw.Connection, blobs: Blobs) -> None:
        self._connection = connection
        self._blobs = blobs

    def _one(self, sql: str, bindings: tuple[Any, ...] = ()) -> Any:
        return next(self._connection.execute(sql, bindings), None)

    def waiting(self) -> int:
        """How many executions and runs are not indexed yet."""
        (count,) = self._one("SELECT count(*) FROM search_waiting")
        return int(count)

    def index(self, most: int) -> int:
        """Index up to `most` of what waits; how many that were. To be called inside a transaction."""
        waiting: list[Any] = self._connection.execute(
            "SELECT kind, id FROM search_waiting LIMIT ?", (most,)
        ).fetchall()
        for kind, identifier in waiting:
            try:
                with self._connection:  # a savepoint: a text that cannot be read costs itself alone
                    self._index_cell(identifier) if kind == "cell" else self._index_run(identifier)
            except (StoreCorrupt, ValueError, AttributeError, TypeError):
                log.exception("the %s %s cannot be searched", kind, identifier)
            self._connection.execute(
                "DELETE FROM search_waiting WHERE kind = ? AND id = ?", (kind, identifier)
            )
        return len(waiting)

    def _index_cell(self, execution: str) -> None:
        row = self._one("SELECT source, outputs FROM executions WHERE id = ?", (execution,))
        for kind, digest in zip(("source", "outputs"), row or (), strict=False):
            if digest is not None:
                key = bytes.fromhex(digest.partition(":")[2])
                piece = self._piece(kind, key) or self._add(kind, key, self.texts(kind, digest))
                self._connection.execute(
                    "INSERT OR IGNORE INTO search_uses VALUES (?, ?)", (piece, execution)
                )

    def _index_run(self, run: str) -> None:
        key = run.encode()
        piece = self._piece("run", key)
        if piece is not None:
            self._connection.execute("DELETE FROM search_words WHERE rowid = ?", (piece,))
            self._connection.execute("DELETE FROM search_pieces WHERE id = ?", (piece,))
        texts = self.texts("run", run)
        if any(texts.values()):
            self._add("run", key, texts)

    def _piece(self, kind: str, key: bytes) -> int | None:
        row = self._one("SELECT id FROM search_pieces WHERE kind = ? AND key = ?", (kind, key))
        return row[0] if row else None

    def _add(self, kind: str, key: bytes, texts: dict[str, str]) -> int:
        (piece,) = self._one("INSERT INTO search_pieces (kind, key) VALUES (?, ?) RETURNING id", (kind, key))
        words = {column: prepared(text) for column, text in texts.items() if text}
        if words:
            self._connection.execute(
                f"INSERT INTO search_words (rowid, {', '.join(words)}) VALUES (?{', ?' * len(words)})",
                (piece, *words.values()),
            )
        return int(piece)

    def texts(self, kind: str, key: str) -> dict[str, str]:
        """The texts of a piece by their place: of a source or outputs by their digest, of a run by its id."""
        if kind == "source":
            return {"source": self._blobs.get(key).decode()}
        if kind == "outputs":
            output, error = texts_of_outputs(json.loads(self._blobs.get(key)))
            return {"output": output, "error": error}
        notes = self._connection.execute("SELECT note FROM notes WHERE run_id = ? ORDER BY position", (key,))
        # The traceback of a cell is among its outputs; only what ran without a cell has one of its own.
        trace = self._one(
            "SELECT traceback FROM tracebacks JOIN runs ON runs.key = tracebacks.run WHERE runs.id = ?1"
            " AND NOT EXISTS (SELECT 1 FROM executions WHERE run_id = ?1)",
            (key,),
        )
        return {
            "note": "\n".join(note for (note,) in notes),
            "error": without_colours(trace[0]) if trace else "",
        }

    def find(self, match: str, experiment: str | None) -> Iterator[Found]:
        """The texts that fit an FTS5 expression, best first, and of equals the newest; runs in the trash have none."""
        pieces: list[Any] = self._connection.execute(
            f"SELECT p.id, p.kind, p.key FROM search_words JOIN search_pieces AS p ON p.id = search_words.rowid"
            f" WHERE search_words MATCH ? ORDER BY bm25(search_words, {_WEIGHTS}), p.id DESC",
            (match,),
        ).fetchall()
        for piece, kind, key in pieces:
            row = self._one(*((_RUN, (key, experiment)) if kind == "run" else (_CELL, (piece, experiment))))
            if row is not None:
                yield Found(kind, key, *row)
