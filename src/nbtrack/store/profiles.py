"""SQL of what cells read, and of the profiles of whole files that the keeper makes by and by."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any, Final

import apsw

from nbtrack.entities.datasets import Dataset, DataSource
from nbtrack.entities.profiles import ColumnProfile, DataProfile, ProfiledData
from nbtrack.entities.records import DataRead
from nbtrack.store.values import load

DATA: Final = """
ALTER TABLE datasets ADD COLUMN profile TEXT; -- JSON of a DataProfile, NULL where there is none
CREATE TABLE cell_data (                -- what an execution read: a JSON list of datasets, each with its profile
    execution TEXT PRIMARY KEY REFERENCES executions ON DELETE CASCADE, content TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE file_profiles (            -- profiles of whole files; profile NULL: not made yet, or (tried) it cannot be
    key TEXT PRIMARY KEY, request TEXT NOT NULL, profile TEXT, tried INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX wanted_profiles ON file_profiles (key) WHERE profile IS NULL AND tried = 0;
"""


class Profiles:
    """What is known of the data of a store beside its fingerprints."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def add_read(self, record: DataRead) -> bool:
        """Remember what an execution read; whether that execution is here."""
        self._connection.execute(
            "INSERT OR IGNORE INTO cell_data (execution, content)"
            " SELECT ?1, ?2 WHERE EXISTS (SELECT 1 FROM executions WHERE id = ?1)",
            (record.execution, json.dumps(record.datasets)),
        )
        return bool(self._connection.changes())

    def read_by(self, execution: str) -> list[ProfiledData]:
        """What an execution read, with the profiles of whole files where there are."""
        row: Any = next(
            self._connection.execute("SELECT content FROM cell_data WHERE execution = ?", (execution,)), None
        )
        return [self._profiled(dataset_of(item), item.get("profile")) for item in load(row[0])] if row else []

    def _profiled(self, data: Dataset, profile: dict[str, Any] | None) -> ProfiledData:
        plain = self._whole(data) or profile
        return ProfiledData(data=data, profile=None if plain is None else profile_of(plain))

    def of_run(self, run: str) -> list[ProfiledData]:
        """The data of a run by name, each with the best profile that there is."""
        rows: list[Any] = self._connection.execute(
            "SELECT content, profile FROM datasets WHERE run_id = ? ORDER BY name", (run,)
        ).fetchall()
        return [
            self._profiled(dataset_of(load(content)), None if profile is None else load(profile))
            for content, profile in rows
        ]

    # ── whole files ──

    def want(self, data: Dataset, python: str) -> None:
        """Have the file that `data` was read from looked at whole, unless that has been done."""
        source = data.sources[0]
        request = {
            "function": source.function,
            "place": source.place,
            "stamp": source.stamp,
            "arguments": source.arguments,
            "columns": data.columns,
            "python": python,
        }
        self._connection.execute(
            "INSERT OR IGNORE INTO file_profiles (key, request) VALUES (?, ?)",
            (_key(source), json.dumps(request)),
        )

    def wanted(self) -> tuple[str, dict[str, Any]] | None:
        """A file that has not been looked at: the key of its profile, and what was recorded of the call that read it."""
        row: Any = next(
            self._connection.execute(
                "SELECT key, request FROM file_profiles WHERE profile IS NULL AND tried = 0 LIMIT 1"
            ),
            None,
        )
        return None if row is None else (row[0], load(row[1]))

    def set_whole(self, key: str, profile: dict[str, Any] | None) -> None:
        """Keep the profile of a file, or None that there is none to be had."""
        self._connection.execute(
            "UPDATE file_profiles SET tried = 1, profile = ? WHERE key = ?",
            (None if profile is None else json.dumps(profile), key),
        )

    def _whole(self, data: Dataset) -> dict[str, Any] | None:
        if data.role != "source" or not can_be_whole(data):
            return None
        row: Any = next(
            self._connection.execute(
                "SELECT profile FROM file_profiles WHERE key = ?", (_key(data.sources[0]),)
            ),
            None,
        )
        return None if row is None or row[0] is None else load(row[0])

    def forget_unused(self) -> int:
        """Remove profiles of files that no data comes from any more; how many."""
        used = set()
        for (content,) in self._connection.execute(
            "SELECT content FROM datasets WHERE json_extract(content, '$.role') = 'source'"
            " UNION ALL SELECT value FROM cell_data, json_each(cell_data.content)"
        ):
            data = dataset_of(load(content))
            used |= {_key(source) for source in data.sources}
        self._connection.execute(
            "DELETE FROM file_profiles WHERE key NOT IN (SELECT value FROM json_each(?))",
            (json.dumps(sorted(used)),),
        )
        return self._connection.changes()


def can_be_whole(data: Dataset) -> bool:
    """Whether data is a file that can be read again as it was: by plain arguments, and known by its size and time."""
    if len(data.sources) != 1:
        return False
    source = data.sources[0]
    return source.kind == "file" and bool(source.stamp) and source.arguments is not None


def dataset_of(plain: dict[str, Any]) -> Dataset:
    """A dataset of its plain form, whose profile stands elsewhere."""
    fields = {name: value for name, value in plain.items() if name != "profile"}
    fields["sources"] = [DataSource(**source) for source in fields.get("sources", ())]
    return Dataset(**fields)


def plain_of(data: Dataset) -> dict[str, Any]:
    """The reverse of `dataset_of`."""
    return asdict(data)


def profile_of(plain: dict[str, Any]) -> DataProfile:
    """A profile of its plain form."""
    return DataProfile(**{**plain, "columns": [ColumnProfile(**column) for column in plain["columns"]]})


def _key(source: DataSource) -> str:
    """What the same call on the same file has in common."""
    call = json.dumps([source.function, source.place, source.stamp, source.arguments], sort_keys=True)
    return f"blake2b-128:{hashlib.blake2b(call.encode(), digest_size=16).hexdigest()}"
