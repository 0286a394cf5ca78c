"""The names of params, metrics and tags, each stored once, and where their values are.

A table of runs is asked for by columns: "accuracy above 0.9, by loss". So a name is a column of the table ``runs`` (``c7``),
made by ``ALTER TABLE`` when the name is first seen. Rows of name and value would need a look-up for each run and name, ten
times the time and four times the space. The names after the first `WIDE` have rows in ``rare_values``, since every column
costs each later run a byte.
"""

from __future__ import annotations

from typing import Literal

import apsw

from nbtrack.store.values import SQLValue, encodable

Kind = Literal["param", "metric", "tag"]

WIDE = 400
"""Columns at most; SQLite's limit is 2,000."""


class Names:
    """The names of one store."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def number(self, kind: Kind, name: str) -> int:
        """The number of a name, new or old. To be called inside a transaction."""
        name = encodable(name)
        row = next(
            self._connection.execute("SELECT id FROM names WHERE kind = ? AND name = ?", (kind, name)), None
        )
        if row is None:
            row = next(
                self._connection.execute(
                    "INSERT INTO names (kind, name) VALUES (?, ?) RETURNING id", (kind, name)
                )
            )
            if row[0] <= WIDE:
                self._connection.execute(f"ALTER TABLE runs ADD COLUMN c{row[0]}")
        return int(row[0])

    def find(self, kind: Kind, name: str) -> int | None:
        """The number of a name; None if no run ever had it."""
        row = next(
            self._connection.execute(
                "SELECT id FROM names WHERE kind = ? AND name = ?", (kind, encodable(name))
            ),
            None,
        )
        return row[0] if row else None

    def all(self) -> list[tuple[int, Kind, str]]:
        """All names with number and kind, in the order in which they were first seen."""
        return [
            (number, kind, name)
            for number, kind, name in self._connection.execute("SELECT id, kind, name FROM names ORDER BY id")
        ]

    def set(self, run: int, kind: Kind, values: dict[str, SQLValue]) -> None:
        """Write values of one run (by its key); None removes one. To be called inside a transaction."""
        wide: list[str] = []
        bound: list[SQLValue] = []
        for name, value in values.items():
            number = self.number(kind, name)
            if number <= WIDE:
                wide.append(f"c{number} = ?")
                bound.append(value)
            elif value is None:
                self._connection.execute("DELETE FROM rare_values WHERE run = ? AND name = ?", (run, number))
            else:
                self._connection.execute(
                    "INSERT OR REPLACE INTO rare_values (run, name, value) VALUES (?, ?, ?)",
                    (run, number, value),
                )
        if wide:
            self._connection.execute(f"UPDATE runs SET {', '.join(wide)} WHERE key = ?", (*bound, run))


def expression(number: int | None) -> str:
    """SQL for the value of the name `number` in the current row of ``runs``; NULL where it was not recorded."""
    if number is None:
        return "NULL"
    if number <= WIDE:
        return f"runs.c{number}"
    return f"(SELECT value FROM rare_values WHERE run = runs.key AND name = {number})"
