"""SQL of where merged things came from: stores, their audit logs, and what their names became here.

What was recorded here has no row in these tables: its origin is this store.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Sequence
from typing import Any, Final

import apsw

from nbtrack.entities.bundles import ChainDocument, LineDocument, OriginDocument, TombstoneDocument

ORIGINS: Final = """
ALTER TABLE store ADD COLUMN name TEXT; -- what the store calls itself towards others; NULL: it has never been asked
ALTER TABLE run_names ADD COLUMN origin TEXT; -- the one other store whose numbers these are; NULL: this store gave some
ALTER TABLE models ADD COLUMN origin TEXT;    -- likewise of the versions
CREATE TABLE origins (                  -- mark: what is added here to names of this store that clash; never changes
    id TEXT PRIMARY KEY, name TEXT NOT NULL, mark TEXT NOT NULL UNIQUE
) WITHOUT ROWID;
CREATE TABLE origin_audit (             -- the audit log of each; a copy of a store that went its own way is a branch
    origin TEXT NOT NULL, branch INTEGER NOT NULL, sequence INTEGER NOT NULL,
    time INTEGER NOT NULL, actor TEXT NOT NULL, decision TEXT NOT NULL, detail TEXT NOT NULL, digest TEXT NOT NULL,
    PRIMARY KEY (origin, branch, sequence)
) WITHOUT ROWID;
CREATE TABLE run_origins (              -- what a merged run is called where it was recorded
    run TEXT PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE, origin TEXT NOT NULL,
    experiment TEXT NOT NULL, name TEXT NOT NULL, number INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX run_origins_by_name ON run_origins (name, number);
CREATE TABLE merged_runs (              -- the last document of a run from each store; said: its tags and notes
    run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE, source TEXT NOT NULL,
    digest TEXT NOT NULL, said TEXT NOT NULL,
    PRIMARY KEY (run, source)
) WITHOUT ROWID;
CREATE TABLE version_origins (          -- what a merged model version is called where it was registered
    model INTEGER NOT NULL, version INTEGER NOT NULL, origin TEXT NOT NULL,
    name TEXT NOT NULL, number INTEGER NOT NULL,
    PRIMARY KEY (model, version),
    FOREIGN KEY (model, version) REFERENCES model_versions ON DELETE CASCADE
) WITHOUT ROWID;
CREATE TABLE alias_origins (            -- an alias of another store: what it is called here, and where it was put
    origin TEXT NOT NULL, name TEXT NOT NULL, alias TEXT NOT NULL,
    model INTEGER NOT NULL, here TEXT NOT NULL, version INTEGER NOT NULL,
    PRIMARY KEY (origin, name, alias)
) WITHOUT ROWID;
"""

_UNFIT = re.compile(r"[^\w.-]+")


def fit_name(text: str) -> str:
    """A name as it may stand behind an ``@``: letters, digits, dots and dashes."""
    return _UNFIT.sub("-", text).strip("-.")[:40] or "store"


def default_name() -> str:
    """What a store calls itself that nobody has named: its machine."""
    return fit_name(socket.gethostname().partition(".")[0])


class Origins:
    """The stores that something here came from."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def _one(self, sql: str, bindings: Sequence[Any] = ()) -> Any:
        return next(self._connection.execute(sql, bindings), None)

    def own(self) -> OriginDocument:
        """The id and name of this store."""
        identity, name = self._one("SELECT id, name FROM store")
        return OriginDocument(id=identity, name=name or default_name())

    def set_name(self, name: str) -> None:
        """Call this store `name` from now on. To be called inside a transaction."""
        self._connection.execute("UPDATE store SET name = ?1 WHERE name IS NOT ?1", (name,))

    def keep_name(self) -> None:
        """Write down the name that this store has when it is first seen by others. To be called inside a transaction."""
        self._connection.execute("UPDATE store SET name = ? WHERE name IS NULL", (self.own().name,))

    def add(self, origin: OriginDocument) -> None:
        """Remember a store; its mark is its name, with a number where another has that. Inside a transaction."""
        if origin.id == self.own().id:
            return
        self._connection.execute(
            "UPDATE origins SET name = ?1 WHERE id = ?2 AND name <> ?1", (origin.name, origin.id)
        )
        if self._one("SELECT 1 FROM origins WHERE id = ?", (origin.id,)):
            return
        name, count = fit_name(origin.name), 1
        mark, taken = name, {self.own().name}
        while mark in taken or self._one("SELECT 1 FROM origins WHERE mark = ?", (mark,)):
            count += 1
            mark = f"{name}.{count}"
        self._connection.execute(
            "INSERT INTO origins (id, name, mark) VALUES (?, ?, ?)", (origin.id, origin.name, mark)
        )

    def mark(self, origin: str) -> str:
        """What is added to names of a store that clash; this store's own name for itself."""
        row = self._one("SELECT mark FROM origins WHERE id = ?", (origin,))
        return str(row[0]) if row else self.own().name

    def all(self) -> list[OriginDocument]:
        """All other stores."""
        rows = self._connection.execute("SELECT id, name FROM origins ORDER BY id")
        return [OriginDocument(id=identity, name=name) for identity, name in rows]

    def of_run(self, run: str) -> tuple[str, str, str, int] | None:
        """Origin, experiment, name and number there of a merged run; None for a run of this store."""
        found: tuple[str, str, str, int] | None = self._one(
            "SELECT origin, experiment, name, number FROM run_origins WHERE run = ?", (run,)
        )
        return found

    def set_run(self, run: str, origin: str, experiment: str, name: str, number: int) -> None:
        """Remember what a merged run is called at its origin."""
        if self.of_run(run) != (origin, experiment, name, number):
            self._connection.execute(
                "INSERT OR REPLACE INTO run_origins (run, origin, experiment, name, number) VALUES (?, ?, ?, ?, ?)",
                (run, origin, experiment, name, number),
            )

    def merged(self, run: str) -> dict[str, tuple[str, dict[str, str], list[str]]]:
        """What each store's last document of a run said: its digest, the tags, the notes."""
        rows = self._connection.execute("SELECT source, digest, said FROM merged_runs WHERE run = ?", (run,))
        return {source: (digest, *json.loads(said)) for source, digest, said in rows}

    def set_merged(self, run: str, source: str, digest: str, tags: dict[str, str], notes: list[str]) -> None:
        """Remember the document that was merged for a run from a store."""
        self._connection.execute(
            "INSERT OR REPLACE INTO merged_runs (run, source, digest, said) VALUES (?, ?, ?, ?)",
            (run, source, digest, json.dumps([tags, notes])),
        )

    def chains(self) -> list[ChainDocument]:
        """The audit logs of all origins, this store's first."""
        own: list[Any] = self._connection.execute(
            "SELECT time, actor, decision, detail, digest FROM audit ORDER BY sequence"
        ).fetchall()
        chains = [(self.own().id, own)]
        branches: list[Any] = self._connection.execute(
            "SELECT DISTINCT origin, branch FROM origin_audit ORDER BY origin, branch"
        ).fetchall()
        chains += [(origin, self._branch(origin, branch)) for origin, branch in branches]
        return [
            ChainDocument(
                origin=origin,
                lines=[
                    LineDocument(time=time, actor=actor, decision=decision, detail=detail, digest=digest)
                    for time, actor, decision, detail, digest in lines
                ],
            )
            for origin, lines in chains
        ]

    def _branch(self, origin: str, branch: int) -> list[Any]:
        found: list[Any] = self._connection.execute(
            "SELECT time, actor, decision, detail, digest FROM origin_audit WHERE origin = ? AND branch = ?"
            " ORDER BY sequence",
            (origin, branch),
        ).fetchall()
        return found

    def add_chain(self, chain: ChainDocument) -> None:
        """Keep the audit log of an origin, beside this store's own and never mixed with it.

        A log that continues one that is here makes it longer; one that is the beginning of it brings nothing; one that is
        neither (a copy of the store went its own way) is kept as another branch.
        """
        digests = [line.digest for line in chain.lines]
        rows: list[Any] = self._connection.execute(
            "SELECT branch, digest FROM (SELECT -1 AS branch, sequence, digest FROM audit WHERE ?1 = ?2"
            " UNION ALL SELECT branch, sequence, digest FROM origin_audit WHERE origin = ?1) ORDER BY branch, sequence",
            (chain.origin, self.own().id),
        ).fetchall()
        branches: dict[int, list[str]] = {}
        for branch, digest in rows:
            branches.setdefault(branch, []).append(digest)
        if any(known[: len(digests)] == digests for known in branches.values()) or not digests:
            return
        for branch, known in branches.items():
            if branch >= 0 and digests[: len(known)] == known:
                self._add_lines(chain, branch, len(known))
                return
        self._add_lines(chain, max(branches, default=-1) + 1, 0)

    def _add_lines(self, chain: ChainDocument, branch: int, start: int) -> None:
        self._connection.executemany(
            "INSERT INTO origin_audit (origin, branch, sequence, time, actor, decision, detail, digest)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    chain.origin,
                    branch,
                    sequence + 1,
                    line.time,
                    line.actor,
                    line.decision,
                    line.detail,
                    line.digest,
                )
                for sequence, line in enumerate(chain.lines)
                if sequence >= start
            ],
        )

    def tombstones(self) -> list[TombstoneDocument]:
        """What was deleted for good."""
        rows = self._connection.execute("SELECT kind, id, time FROM tombstones ORDER BY kind, id")
        return [TombstoneDocument(kind=kind, id=identity, time=time) for kind, identity, time in rows]
