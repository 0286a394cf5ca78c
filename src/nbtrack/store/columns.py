"""The second step of the schema: a row per run with a column per name, texts stored once, series as packed chunks.

With it a table of 10,000 runs is one scan, and a run with fifteen values takes some 300 bytes instead of 2,500.
"""

from __future__ import annotations

import json
import math
import sys
import zlib
from array import array
from typing import Any

import apsw

from nbtrack.store.names import Names
from nbtrack.store.points import encode
from nbtrack.store.values import to_sql

_BEFORE = """
ALTER TABLE runs RENAME TO old_runs;
ALTER TABLE metrics RENAME TO old_metrics;
ALTER TABLE metric_chunks RENAME TO old_chunks;
ALTER TABLE notes RENAME TO old_notes;
ALTER TABLE artifacts RENAME TO old_artifacts;
ALTER TABLE datasets RENAME TO old_datasets;
DROP INDEX runs_by_start;
DROP INDEX runs_by_cell;
DROP INDEX running_runs;
CREATE TABLE texts (                    -- paths, ids and branches that many runs share
    id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE
);
CREATE TABLE names (                    -- of params, metrics and tags; see nbtrack.store.names
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL,
    UNIQUE (kind, name)
);
CREATE TABLE run_names (                -- last: the last number given; never goes back, also when runs are deleted
    id INTEGER PRIMARY KEY, experiment INTEGER NOT NULL REFERENCES experiments, name TEXT NOT NULL, last INTEGER NOT NULL,
    UNIQUE (experiment, name)
);
CREATE TABLE runs (                     -- and a column c<id> for each of the first names, whatever its values are
    key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
    name INTEGER NOT NULL REFERENCES run_names, number INTEGER NOT NULL, status TEXT NOT NULL,
    process INTEGER NOT NULL REFERENCES texts, notebook INTEGER REFERENCES texts, cell INTEGER REFERENCES texts,
    directory INTEGER REFERENCES texts, environment INTEGER REFERENCES texts,
    started INTEGER NOT NULL, ended INTEGER, duration REAL,
    git_commit INTEGER REFERENCES texts, git_branch INTEGER REFERENCES texts, git_dirty INTEGER,
    pinned INTEGER, deleted INTEGER,    -- when: Unix time in nanoseconds
    UNIQUE (name, number)
);
CREATE INDEX runs_by_start ON runs (started);
CREATE INDEX runs_by_cell ON runs (cell, started) WHERE cell IS NOT NULL;
CREATE INDEX running_runs ON runs (process) WHERE status = 'running';
CREATE TABLE rare_values (
    run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE, name INTEGER NOT NULL REFERENCES names, value,
    PRIMARY KEY (run, name)
) WITHOUT ROWID;
CREATE TABLE tracebacks (
    run INTEGER PRIMARY KEY REFERENCES runs ON DELETE CASCADE, traceback TEXT NOT NULL
);
CREATE TABLE metrics (                  -- a summary of each series; its last value is the name's column of the run
    run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE, name INTEGER NOT NULL REFERENCES names,
    count INTEGER NOT NULL, lowest REAL, highest REAL, last_step INTEGER NOT NULL, last_time INTEGER NOT NULL,
    PRIMARY KEY (run, name)
) WITHOUT ROWID;
CREATE TABLE metric_chunks (            -- see nbtrack.store.points; a series of one point has none
    run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE, name INTEGER NOT NULL REFERENCES names,
    first INTEGER NOT NULL, points BLOB NOT NULL, extremes BLOB,
    UNIQUE (run, name, first)
);
CREATE TABLE notes (
    run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE, position INTEGER NOT NULL, note TEXT NOT NULL,
    PRIMARY KEY (run_id, position)
) WITHOUT ROWID;
CREATE TABLE artifacts (
    run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE, name TEXT NOT NULL, position INTEGER NOT NULL,
    kind TEXT NOT NULL, format TEXT NOT NULL, size INTEGER NOT NULL, digest TEXT, type_name TEXT,
    params TEXT NOT NULL, note TEXT,
    PRIMARY KEY (run_id, name)
) WITHOUT ROWID;
CREATE TABLE datasets (
    run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE, name TEXT NOT NULL, content TEXT NOT NULL,
    PRIMARY KEY (run_id, name)
) WITHOUT ROWID;
INSERT INTO run_names (experiment, name, last) SELECT experiment, name, last FROM run_numbers;
INSERT OR IGNORE INTO texts (text)
    SELECT process FROM old_runs UNION SELECT notebook FROM old_runs WHERE notebook IS NOT NULL
    UNION SELECT cell_id FROM old_runs WHERE cell_id IS NOT NULL
    UNION SELECT directory FROM old_runs WHERE directory IS NOT NULL
    UNION SELECT environment FROM old_runs WHERE environment IS NOT NULL
    UNION SELECT git_commit FROM old_runs WHERE git_commit IS NOT NULL
    UNION SELECT git_branch FROM old_runs WHERE git_branch IS NOT NULL;
INSERT INTO runs (id, name, number, status, process, notebook, cell, directory, environment, started, ended, duration,
        git_commit, git_branch, git_dirty)
    SELECT old_runs.id, run_names.id, number, status,
        (SELECT id FROM texts WHERE text = process), (SELECT id FROM texts WHERE text = notebook),
        (SELECT id FROM texts WHERE text = cell_id), (SELECT id FROM texts WHERE text = directory),
        (SELECT id FROM texts WHERE text = environment), started, ended, duration,
        (SELECT id FROM texts WHERE text = git_commit), (SELECT id FROM texts WHERE text = git_branch), git_dirty
    FROM old_runs JOIN run_names ON run_names.experiment = old_runs.experiment AND run_names.name = old_runs.name
    ORDER BY started, old_runs.id;
INSERT INTO tracebacks SELECT runs.key, old_runs.traceback FROM old_runs JOIN runs USING (id)
    WHERE old_runs.traceback IS NOT NULL;
INSERT INTO notes SELECT * FROM old_notes;
INSERT INTO artifacts SELECT * FROM old_artifacts;
INSERT INTO datasets SELECT * FROM old_datasets;
"""

_AFTER = """
DROP TABLE old_notes;
DROP TABLE old_artifacts;
DROP TABLE old_datasets;
DROP TABLE old_chunks;
DROP TABLE old_metrics;
DROP TABLE params;
DROP TABLE tags;
DROP TABLE old_runs;
DROP TABLE run_numbers;
"""


def to_columns(connection: apsw.Connection) -> None:
    """Bring a store of the first step to the second one, keeping every value bit for bit."""
    connection.execute(_BEFORE)
    names = Names(connection)
    runs: list[Any] = connection.execute("SELECT key, id FROM runs ORDER BY key").fetchall()
    for key, run in runs:
        params: list[Any] = connection.execute(
            "SELECT key, value FROM params WHERE run_id = ? ORDER BY position", (run,)
        ).fetchall()
        names.set(key, "param", {name: to_sql(json.loads(value)) for name, value in params})
        tags: list[Any] = connection.execute(
            "SELECT key, value FROM tags WHERE run_id = ?", (run,)
        ).fetchall()
        names.set(key, "tag", dict(tags))
        series: list[Any] = connection.execute(
            "SELECT key, count, last, lowest, highest, last_step, last_time FROM old_metrics WHERE run_id = ?"
            " ORDER BY position",
            (run,),
        ).fetchall()
        for name, *summary in series:
            _convert(connection, names, key, run, name, *summary)
    connection.execute(_AFTER)


def _convert(
    connection: apsw.Connection,
    names: Names,
    key: int,
    run: str,
    name: str,
    count: int,
    last: float | None,
    lowest: float | None,
    highest: float | None,
    last_step: int,
    last_time: int,
) -> None:
    """One series: its last value into the name's column, its chunks into the new form."""
    names.set(key, "metric", {name: to_sql(math.nan if last is None else last)})
    number = names.number("metric", name)
    if count == 1:
        lowest = highest = None
    connection.execute(
        "INSERT INTO metrics (run, name, count, lowest, highest, last_step, last_time) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (key, number, count, lowest, highest, last_step, last_time // 1_000_000),
    )
    chunks: list[Any] = connection.execute(
        "SELECT first, steps, points, times FROM old_chunks WHERE run_id = ? AND key = ? ORDER BY first",
        (run, name),
    ).fetchall()
    for first, steps, points, times in chunks:
        if count > 1:
            moments = [time // 1_000_000 for time in _column("q", times)]
            connection.execute(
                "INSERT INTO metric_chunks (run, name, first, points) VALUES (?, ?, ?, ?)",
                (key, number, first, encode(_column("q", steps), _column("d", points), moments)),
            )


def _column(code: str, content: bytes) -> array[Any]:
    column: array[Any] = array(code)
    column.frombytes(zlib.decompress(content))
    if sys.byteorder == "big":
        column.byteswap()
    return column
