"""The first step of the schema."""

from __future__ import annotations

from typing import Final

FOUNDATION: Final = """
CREATE TABLE store (
    id TEXT NOT NULL,
    version INTEGER NOT NULL            -- counts the transactions that changed something
);
CREATE TABLE processes (
    id TEXT PRIMARY KEY, pid INTEGER NOT NULL, boot_id TEXT NOT NULL, start_time TEXT NOT NULL,
    pid_namespace TEXT NOT NULL, host TEXT NOT NULL, user TEXT NOT NULL, executable TEXT NOT NULL,
    nbtrack TEXT NOT NULL, started INTEGER NOT NULL, ended INTEGER
) WITHOUT ROWID;
CREATE TABLE journals (                 -- how far each journal has been read: the drain is idempotent by it
    name TEXT PRIMARY KEY, position INTEGER NOT NULL, process TEXT,
    problems INTEGER NOT NULL DEFAULT 0 -- records that could not be taken in; such a journal is kept
) WITHOUT ROWID;
CREATE TABLE blobs (
    digest TEXT PRIMARY KEY, size INTEGER NOT NULL, stored_size INTEGER NOT NULL, codec TEXT NOT NULL, content BLOB
) WITHOUT ROWID;
CREATE TABLE environments (
    id TEXT PRIMARY KEY, interpreter TEXT NOT NULL, packages TEXT NOT NULL  -- digests of JSON objects
) WITHOUT ROWID;
CREATE TABLE experiments (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE run_numbers (              -- the last number given; never goes back, also when runs are deleted
    experiment INTEGER NOT NULL REFERENCES experiments, name TEXT NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (experiment, name)
) WITHOUT ROWID;
CREATE TABLE runs (
    id TEXT PRIMARY KEY, experiment INTEGER NOT NULL REFERENCES experiments,
    name TEXT NOT NULL, number INTEGER NOT NULL, label TEXT NOT NULL, status TEXT NOT NULL,
    process TEXT NOT NULL, notebook TEXT, cell_id TEXT, directory TEXT, environment TEXT,
    started INTEGER NOT NULL, ended INTEGER, duration REAL, traceback TEXT,
    git_commit TEXT, git_branch TEXT, git_dirty INTEGER,
    UNIQUE (experiment, name, number)
) WITHOUT ROWID;
CREATE INDEX runs_by_start ON runs (started);
CREATE INDEX runs_by_cell ON runs (experiment, cell_id, started);
CREATE INDEX running_runs ON runs (process) WHERE status = 'running';
CREATE TABLE params (
    run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, key TEXT NOT NULL,
    value TEXT NOT NULL, type TEXT NOT NULL, number REAL, text TEXT, position INTEGER NOT NULL,
    PRIMARY KEY (run_id, key)
) WITHOUT ROWID;
CREATE TABLE metrics (                  -- a summary of each series; NULL in last, lowest, highest stands for NaN
    run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, key TEXT NOT NULL, position INTEGER NOT NULL,
    count INTEGER NOT NULL, last REAL, lowest REAL, highest REAL, last_step INTEGER NOT NULL, last_time INTEGER NOT NULL,
    PRIMARY KEY (run_id, key)
) WITHOUT ROWID;
CREATE TABLE metric_chunks (            -- columns of a part of a series: int64 steps, float64 values, int64 times
    run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, key TEXT NOT NULL, first INTEGER NOT NULL,
    count INTEGER NOT NULL, steps BLOB NOT NULL, points BLOB NOT NULL, times BLOB NOT NULL,
    PRIMARY KEY (run_id, key, first)
) WITHOUT ROWID;
CREATE TABLE tags (
    run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, key TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (run_id, key)
) WITHOUT ROWID;
CREATE TABLE notes (
    run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, position INTEGER NOT NULL, note TEXT NOT NULL,
    PRIMARY KEY (run_id, position)
) WITHOUT ROWID;
CREATE TABLE artifacts (
    run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, name TEXT NOT NULL, position INTEGER NOT NULL,
    kind TEXT NOT NULL, format TEXT NOT NULL, size INTEGER NOT NULL, digest TEXT, type_name TEXT,
    params TEXT NOT NULL, note TEXT,
    PRIMARY KEY (run_id, name)
) WITHOUT ROWID;
CREATE TABLE datasets (
    run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, name TEXT NOT NULL, content TEXT NOT NULL,
    PRIMARY KEY (run_id, name)
) WITHOUT ROWID;
CREATE TABLE executions (
    id TEXT PRIMARY KEY, process TEXT NOT NULL, run_id TEXT, notebook TEXT, cell_id TEXT, execution_count INTEGER,
    source TEXT NOT NULL, outputs TEXT,  -- digests
    started INTEGER NOT NULL, duration REAL NOT NULL, outcome TEXT NOT NULL, traceback TEXT
) WITHOUT ROWID;
CREATE INDEX executions_of_run ON executions (run_id, started) WHERE run_id IS NOT NULL;
CREATE INDEX executions_of_process ON executions (process, started);
CREATE TABLE snapshots (
    id TEXT PRIMARY KEY, run_id TEXT NOT NULL, process TEXT NOT NULL, notebook TEXT, taken INTEGER NOT NULL,
    file TEXT                           -- digest of the saved notebook at that moment, NULL where none could be read
) WITHOUT ROWID;
CREATE INDEX snapshots_of_run ON snapshots (run_id, taken);
CREATE TABLE models (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, last_version INTEGER NOT NULL);
CREATE TABLE model_versions (
    model INTEGER NOT NULL REFERENCES models, version INTEGER NOT NULL, run_id TEXT NOT NULL, artifact TEXT NOT NULL,
    format TEXT NOT NULL, digest TEXT NOT NULL, size INTEGER NOT NULL, type_name TEXT, types TEXT NOT NULL,
    description TEXT NOT NULL, tags TEXT NOT NULL, created INTEGER NOT NULL,
    PRIMARY KEY (model, version)
) WITHOUT ROWID;
CREATE TABLE aliases (
    model INTEGER NOT NULL REFERENCES models, alias TEXT NOT NULL, version INTEGER NOT NULL,
    PRIMARY KEY (model, alias),
    FOREIGN KEY (model, version) REFERENCES model_versions
) WITHOUT ROWID;
CREATE TABLE audit (                    -- a hash chain: each line's digest covers the one before
    sequence INTEGER PRIMARY KEY, time INTEGER NOT NULL, actor TEXT NOT NULL, decision TEXT NOT NULL,
    detail TEXT NOT NULL, digest TEXT NOT NULL
);
"""
