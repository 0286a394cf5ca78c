"""SQL of reviews: what happened in each, one row for each event, which is never changed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

import apsw

from nbtrack.entities.reviews import ReviewEvent, ReviewEventKind
from nbtrack.store.trash import IDS, bound
from nbtrack.store.values import encodable

REVIEWS: Final = """
CREATE TABLE review_events (
    id TEXT PRIMARY KEY, review TEXT NOT NULL, time INTEGER NOT NULL, author TEXT NOT NULL, kind TEXT NOT NULL,
    content TEXT NOT NULL,              -- JSON
    base TEXT, head TEXT                -- digests of the notebooks' files
) WITHOUT ROWID;
CREATE INDEX review_events_of_review ON review_events (review, time);
"""

_COLUMNS = "id, review, time, author, kind, content, base, head"


class Reviews:
    """The reviews of a store."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def add(self, event: ReviewEvent) -> bool:
        """Add an event, unless it is here already; whether it was new. To be called inside a transaction."""
        self._connection.execute(
            f"INSERT OR IGNORE INTO review_events ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (event.id, event.review, event.time, encodable(event.author), str(event.kind))
            + (json.dumps(event.content), event.base, event.head),
        )
        return bool(self._connection.changes())

    def events(self, review: str) -> list[ReviewEvent]:
        """What happened in a review, its opening first, then in the order of time."""
        return self._events("review = ?", review)

    def opened(self) -> list[ReviewEvent]:
        """The first event of each review, newest first."""
        return self._events(f"kind = '{ReviewEventKind.OPENED}' AND ?1 IS NULL", None)[::-1]

    def find(self, name: str) -> list[str]:
        """The ids of the reviews that are called so: by the id, or the end of it."""
        rows: list[Any] = self._connection.execute(
            "SELECT DISTINCT review FROM review_events WHERE review = ?1"
            " OR (length(?1) >= 4 AND substr(review, -length(?1)) = ?1) ORDER BY review",
            (name,),
        ).fetchall()
        return [review for (review,) in rows]

    def of_runs(self, runs: Iterable[str] | None) -> list[ReviewEvent]:
        """All that happened in reviews that are about one of these runs (by id); None: in every review."""
        if runs is None:
            return self._events("?1 IS NULL", None)
        where = (
            "review IN (SELECT review FROM review_events WHERE content ->> '$.base_run' IN {ids}"
            " OR content ->> '$.head_run' IN {ids})"
        )
        return self._events(where.format(ids=IDS.replace("?", "?1")), bound(runs))

    def _events(self, where: str, value: str | None) -> list[ReviewEvent]:
        rows: list[Any] = self._connection.execute(
            f"SELECT {_COLUMNS} FROM review_events WHERE {where} ORDER BY id <> review, time, id", (value,)
        ).fetchall()
        return [
            ReviewEvent(
                id=identity, review=review, time=time, author=author, kind=ReviewEventKind(kind),
                content=json.loads(content), base=base, head=head,
            )
            for identity, review, time, author, kind, content, base, head in rows
        ]  # fmt: skip
