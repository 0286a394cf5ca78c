"""SQL of what a person says about runs and models: notes, tags, pins, descriptions, and other names for models.

The step of the schema here lets models be renamed, and described as a whole. What runs were called before is in a table
of an earlier step (`nbtrack.store.deletion`, `nbtrack.store.labels`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import apsw

from nbtrack.store.names import Names, expression
from nbtrack.store.values import encodable, load

CURATION: Final = """
ALTER TABLE models ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE models ADD COLUMN tags TEXT NOT NULL DEFAULT '{}';
ALTER TABLE model_versions ADD COLUMN given TEXT;  -- the name under which the number was given; NULL: the model's own
CREATE TABLE former_models (            -- the versions up to last, that were called name/number, are those of model
    name TEXT NOT NULL, last INTEGER NOT NULL, model INTEGER NOT NULL REFERENCES models,
    PRIMARY KEY (name, last)
) WITHOUT ROWID;
"""


class Curation:
    """What a person adds to what was recorded."""

    def __init__(self, connection: apsw.Connection, names: Names) -> None:
        self._connection = connection
        self._names = names

    def _one(self, sql: str, bindings: Sequence[Any] = ()) -> Any:
        return next(self._connection.execute(sql, bindings), None)

    def remove_tags(self, run: str, tags: Sequence[str]) -> list[str]:
        """Remove tags of a run (by id); those of them that it had."""
        found = [
            name
            for name in tags
            if (number := self._names.find("tag", name)) is not None
            and self._one(f"SELECT 1 FROM runs WHERE id = ? AND {expression(number)} IS NOT NULL", (run,))
        ]
        (key,) = self._one("SELECT key FROM runs WHERE id = ?", (run,))
        self._names.set(key, "tag", dict.fromkeys(found))
        return found

    def set_pinned(self, run: str, moment: int | None) -> None:
        """Pin a run (by id) since a moment (ns), unless it is pinned already; None takes the pin away."""
        self._connection.execute(
            "UPDATE runs SET pinned = iif(?1 IS NULL, NULL, coalesce(pinned, ?1)) WHERE id = ?2",
            (moment, run),
        )

    def change_note(self, run: str, index: int, note: str | None) -> bool:
        """Write another note of a run in the place of the one at `index` (from 0), or remove that; whether there is one."""
        row = self._one(
            "SELECT position FROM notes WHERE run_id = ? ORDER BY position LIMIT 1 OFFSET ?", (run, index)
        )
        if row is None:
            return False
        place = (run, row[0])
        if note is None:
            self._connection.execute("DELETE FROM notes WHERE run_id = ? AND position = ?", place)
        else:
            self._connection.execute(
                "UPDATE notes SET note = ? WHERE run_id = ? AND position = ?", (encodable(note), *place)
            )
        return True

    def describe_model(self, model: str, version: int | None, text: str) -> None:
        """Say what a model, or a version of it, is."""
        table, where, bindings = _place(model, version)
        self._connection.execute(
            f"UPDATE {table} SET description = ? WHERE {where}", (encodable(text), *bindings)
        )

    def model_tags(self, model: str, version: int | None) -> dict[str, str]:
        """The tags of a model, or of a version of it."""
        table, where, bindings = _place(model, version)
        row = self._one(f"SELECT tags FROM {table} WHERE {where}", bindings)
        tags: dict[str, str] = load(row[0]) if row else {}
        return tags

    def set_model_tags(self, model: str, version: int | None, tags: dict[str, str]) -> None:
        """Write all tags of a model, or of a version of it."""
        table, where, bindings = _place(model, version)
        written = json.dumps({encodable(name): encodable(value) for name, value in tags.items()})
        self._connection.execute(f"UPDATE {table} SET tags = ? WHERE {where}", (written, *bindings))

    def may_be_called(self, model: str, name: str) -> bool:
        """Whether a model may have a name: no number was given under it, or only to versions that are still the model's."""
        target = self._one("SELECT id, last_version FROM models WHERE name = ?", (name,))
        return target is None or bool(
            self._one(
                "SELECT 1 FROM former_models WHERE name = ? AND last = ? AND model = (SELECT id FROM models WHERE name = ?)"
                " AND NOT EXISTS (SELECT 1 FROM model_versions WHERE model = ?)",
                (name, target[1], model, target[0]),
            )
        )

    def rename_model(self, before: str, after: str) -> None:
        """Call a model by a name that it may have; the number that comes next under the old one stays.

        To be called inside a transaction.
        """
        connection = self._connection
        model, last = self._one("SELECT id, last_version FROM models WHERE name = ?", (before,))
        connection.execute("DELETE FROM former_models WHERE name = ?1 AND model = ?2 AND last ="
                           " (SELECT last_version FROM models WHERE name = ?1)", (after, model))  # fmt: skip
        connection.execute("DELETE FROM models WHERE name = ?", (after,))
        connection.execute("UPDATE models SET name = ? WHERE id = ?", (after, model))
        connection.execute("INSERT INTO models (name, last_version) VALUES (?, ?)", (before, last))
        connection.execute(
            "INSERT INTO former_models (name, last, model) VALUES (?, ?, ?)", (before, last, model)
        )
        connection.execute(
            "UPDATE model_versions SET given = ? WHERE model = ? AND given IS NULL", (before, model)
        )

    def model_now(self, name: str, version: int | None = None) -> str | None:
        """What the model is called now that was called `name` when it had this version, or (None) at last."""
        row = self._one(
            "SELECT models.name FROM former_models JOIN models ON models.id = model WHERE former_models.name = ?1"
            " AND (?2 IS NULL OR last >= ?2) ORDER BY iif(?2 IS NULL, -last, last) LIMIT 1",
            (name, version),
        )
        return row[0] if row else None

    def given_name(self, model: str, version: int) -> str:
        """The name of a model when a version got its number: with that it is known elsewhere for good."""
        row = self._one(
            "SELECT given FROM model_versions JOIN models ON models.id = model WHERE name = ? AND version = ?",
            (model, version),
        )
        return str(row[0]) if row and row[0] else model


def _place(model: str, version: int | None) -> tuple[str, str, tuple[Any, ...]]:
    if version is None:
        return "models", "name = ?", (model,)
    return (
        "model_versions",
        "model = (SELECT id FROM models WHERE name = ?) AND version = ?",
        (model, version),
    )
