"""The third step of the schema: what the trash, names that never change their meaning, and merging need.

`runs.deleted` and `model_versions.deleted` are the moment (ns) of a deletion. All that one command deleted has one moment,
so that it comes back together.
"""

from __future__ import annotations

from typing import Final

DELETION: Final = """
ALTER TABLE model_versions ADD COLUMN deleted INTEGER;
CREATE INDEX runs_in_trash ON runs (deleted) WHERE deleted IS NOT NULL;
CREATE TABLE tombstones (               -- what was deleted for good: a merge brings none of it back
    kind TEXT NOT NULL,                 -- run: its id; execution: its id; model_version: STORE/MODEL/NUMBER
    id TEXT NOT NULL, time INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE TABLE former_labels (            -- what a run was called before it was renamed or moved
    name INTEGER NOT NULL REFERENCES run_names, number INTEGER NOT NULL,
    run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    PRIMARY KEY (name, number)
) WITHOUT ROWID;
CREATE INDEX former_labels_of_run ON former_labels (run);
CREATE TABLE orphans (                  -- blobs that nothing refers to, and since when (0: what did is deleted for good)
    digest TEXT PRIMARY KEY, since INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX snapshots_of_process ON snapshots (process, taken);
"""
