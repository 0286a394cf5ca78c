"""SQL of what runs ran in, and of what they took of the machine.

Most runs of a process have the same surroundings, so a set of facts is stored once, by the hash of it, and runs name it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import astuple
from typing import Any, Final

import apsw

from nbtrack.entities.processes import ProcessIdentity
from nbtrack.entities.surroundings import Fact, Use
from nbtrack.store.values import encodable

FACTS: Final = """
CREATE TABLE facts (                    -- sets of them; see nbtrack.entities.surroundings for the kinds
    id TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, text TEXT NOT NULL,
    digest TEXT,                        -- of a module's source, or of what was not committed
    PRIMARY KEY (id, kind, name)
) WITHOUT ROWID;
CREATE TABLE run_facts (                -- the set of each part of a run's surroundings
    run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE, part TEXT NOT NULL, facts TEXT NOT NULL,
    PRIMARY KEY (run_id, part)
) WITHOUT ROWID;
CREATE INDEX runs_of_facts ON run_facts (facts);
CREATE TABLE run_use (                  -- what the keeper saw of a run's process
    run_id TEXT PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
    span REAL NOT NULL, cpu REAL NOT NULL, memory INTEGER NOT NULL, gpu_memory INTEGER,
    points TEXT NOT NULL                -- JSON: by name the seconds since the run's start, and the values
) WITHOUT ROWID;
"""

FACT_KEYS: Final = """
CREATE TABLE fact_sets (key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);
INSERT INTO fact_sets (id) SELECT DISTINCT facts FROM run_facts;
ALTER TABLE run_facts RENAME TO old_run_facts;
CREATE TABLE run_facts (                -- the set of each part of a run's surroundings
    run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE, part TEXT NOT NULL,
    facts INTEGER NOT NULL REFERENCES fact_sets,
    PRIMARY KEY (run, part)
) WITHOUT ROWID;
INSERT INTO run_facts (run, part, facts) SELECT runs.key, part, fact_sets.key FROM old_run_facts
    JOIN runs ON runs.id = run_id JOIN fact_sets ON fact_sets.id = facts;
DROP TABLE old_run_facts;
"""
"""Every run has such a row: by the texts it took more than all the rest of the run."""

Points = dict[str, tuple[list[int], list[float]]]
"""Series by name: whole seconds since the run's start, and the values."""


class Facts:
    """The surroundings of a store's runs."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def _all(self, sql: str, bindings: Any = ()) -> list[Any]:
        return self._connection.execute(sql, bindings).fetchall()

    def set(self, runs: Iterable[str], part: str, facts: Iterable[Fact]) -> None:
        """Make a part of the surroundings of runs what `facts` say."""
        rows = sorted((fact.kind, encodable(fact.name), encodable(fact.text), fact.digest) for fact in facts)
        text = json.dumps(rows, separators=(",", ":"))
        identity = f"blake2b-128:{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}"
        self._connection.executemany(
            "INSERT OR IGNORE INTO facts (id, kind, name, text, digest) VALUES (?, ?, ?, ?, ?)",
            [(identity, *row) for row in rows],
        )
        self._connection.execute("INSERT OR IGNORE INTO fact_sets (id) VALUES (?)", (identity,))
        self._connection.executemany(
            "INSERT OR REPLACE INTO run_facts (run, part, facts)"
            " SELECT runs.key, ?, fact_sets.key FROM runs, fact_sets WHERE runs.id = ? AND fact_sets.id = ?",
            [(part, run, identity) for run in runs],
        )

    def of_run(self, run: str, part: str | None = None) -> list[Fact]:
        """What is known of a run's surroundings, or of a part of them."""
        rows = self._all(
            "SELECT kind, facts.name, text, digest FROM runs JOIN run_facts ON run = runs.key"
            " JOIN fact_sets ON fact_sets.key = run_facts.facts JOIN facts ON facts.id = fact_sets.id"
            " WHERE runs.id = ?1 AND part = coalesce(?2, part) ORDER BY part, kind, facts.name",
            (run, part),
        )
        return [Fact(kind=kind, name=name, text=text, digest=digest) for kind, name, text, digest in rows]

    def open_runs(self) -> list[tuple[str, int, ProcessIdentity]]:
        """The runs that are open and whose process recorded here: id, start (ns), and who runs it."""
        rows: list[Any] = self._connection.execute(
            "SELECT runs.id, runs.started, pid, boot_id, start_time, pid_namespace, host FROM runs"
            " JOIN texts ON texts.id = runs.process JOIN processes ON processes.id = texts.text"
            " WHERE status = 'running' AND processes.ended IS NULL AND runs.deleted IS NULL"
        ).fetchall()
        return [(run, started, ProcessIdentity(*identity)) for run, started, *identity in rows]

    def add_use(self, run: str, use: Use, points: Mapping[str, tuple[list[int], list[float]]]) -> None:
        """Add what was seen of a run since the last time."""
        known = self.points(run)
        for name, (seconds, values) in points.items():
            old = known.setdefault(name, ([], []))
            old[0].extend(seconds)
            old[1].extend(values)
        self.set_use(run, add(self.use(run), use), known)

    def set_use(self, run: str, use: Use, points: Points) -> None:
        """Make what is known of a run's use `use` and `points`; nothing for a run that is not here any more."""
        self._connection.execute(
            "INSERT OR REPLACE INTO run_use (run_id, span, cpu, memory, gpu_memory, points)"
            " SELECT id, ?, ?, ?, ?, ? FROM runs WHERE id = ?",
            (*astuple(use), json.dumps(points, separators=(",", ":")), run),
        )

    def use(self, run: str) -> Use | None:
        """What a run took; None where nobody saw it."""
        rows = self._all("SELECT span, cpu, memory, gpu_memory FROM run_use WHERE run_id = ?", (run,))
        return (
            Use(span=rows[0][0], cpu=rows[0][1], memory=rows[0][2], gpu_memory=rows[0][3]) if rows else None
        )

    def points(self, run: str) -> Points:
        """The series that the keeper sampled."""
        rows = self._all("SELECT points FROM run_use WHERE run_id = ?", (run,))
        return {name: (part[0], part[1]) for name, part in json.loads(rows[0][0]).items()} if rows else {}


def add(one: Use | None, other: Use) -> Use:
    """What was seen in two stretches of a run."""
    if one is None:
        return other
    memories = [use.gpu_memory for use in (one, other) if use.gpu_memory is not None]
    return Use(
        span=one.span + other.span,
        cpu=one.cpu + other.cpu,
        memory=max(one.memory, other.memory),
        gpu_memory=max(memories, default=None),
    )
