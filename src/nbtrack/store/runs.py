"""SQL of runs: rows, params, tags, notes, numbers, and the search for them.

A run is a row of ``runs``: its own columns, and one for each name of a param, metric or tag (`nbtrack.store.names`). Runs in
the trash stay there with the moment of their deletion; every question here passes over them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import apsw

from nbtrack.entities.columns import Column
from nbtrack.entities.records import EnvironmentSeen, RunEnded, RunStarted
from nbtrack.entities.runs import Revision, RunRow, RunStatus
from nbtrack.entities.values import JSONValue
from nbtrack.store.bulk import read_columns
from nbtrack.store.filter_patterns import load as load_patterns
from nbtrack.store.filters import EVERY, KnownNames, Order, Query
from nbtrack.store.names import WIDE, Kind, Names, expression
from nbtrack.store.values import encodable, from_sql, iso, to_sql

LABEL = "run_names.name || '-' || runs.number"
"""A run's name as people write it: ``forest-3``."""

_NAMED = (
    "JOIN run_names ON run_names.id = runs.name JOIN experiments ON experiments.id = run_names.experiment"
)
_LIVE = "runs.deleted IS NULL"


def _text(column: str) -> str:
    return f"(SELECT text FROM texts WHERE id = runs.{column})"


_ORIGIN = "(SELECT mark FROM run_origins JOIN origins ON origins.id = run_origins.origin WHERE run = runs.id)"
_COLUMNS = (
    f"runs.key, runs.id, {LABEL}, experiments.name, runs.status, runs.started, runs.duration, "
    f"{_text('notebook')}, {_text('cell')}, {_ORIGIN}, runs.pinned IS NOT NULL"
)
_OWN = 11
"""How many columns `_COLUMNS` names."""

_AT_ONCE = 500
"""Rows of one statement: fewer than SQLite's limit of variables, and more than a page has."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What the store keeps of a run beside its table row."""

    id: str
    experiment: str
    name: str
    number: int
    process: str
    directory: str | None
    environment: str | None
    started: int
    traceback: str | None
    revision: Revision


class Runs:
    """The runs of a store."""

    def __init__(self, connection: apsw.Connection, names: Names) -> None:
        self._connection = connection
        self._names = names

    def _one(self, sql: str, bindings: Sequence[Any] = ()) -> Any:
        return next(self._connection.execute(sql, bindings), None)

    def _intern(self, text: str | None) -> int | None:
        """The number of a text that many runs share."""
        if text is None:
            return None
        text = encodable(text)
        row = self._one("SELECT id FROM texts WHERE text = ?", (text,)) or self._one(
            "INSERT INTO texts (text) VALUES (?) RETURNING id", (text,)
        )
        return int(row[0])

    def key(self, run: str) -> int | None:
        """The row's number of the run with this id, in the trash or not."""
        row = self._one("SELECT key FROM runs WHERE id = ?", (run,))
        return row[0] if row else None

    def start(self, record: RunStarted) -> None:
        """Add a run; its number follows the last one that was given to its name in its experiment."""
        if self.key(record.run) is not None:
            return
        self.add(record, *self.next_number(record.experiment, record.name))

    def add(self, record: RunStarted, name: int, number: int) -> None:
        """Add a run under the key of its name and a number that nothing has."""
        self._connection.execute(
            "INSERT INTO runs (id, name, number, status, process, notebook, cell, directory, environment, started)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (record.run, name, number, RunStatus.RUNNING, self._intern(record.process))
            + (self._intern(record.notebook), self._intern(record.cell_id), self._intern(record.directory))
            + (self._intern(record.environment), record.time),
        )

    def next_number(self, experiment: str, name: str) -> tuple[int, int]:
        """The next number of a name in an experiment: the key of the name, and the number. None is given twice."""
        experiment = encodable(experiment)
        self._connection.execute("INSERT OR IGNORE INTO experiments (name) VALUES (?)", (experiment,))
        key, number = self._one(
            "INSERT INTO run_names (experiment, name, last) VALUES ((SELECT id FROM experiments WHERE name = ?), ?, 1)"
            " ON CONFLICT (experiment, name) DO UPDATE SET last = last + 1, origin = NULL RETURNING id, last",
            (experiment, encodable(name)),
        )
        return int(key), int(number)

    def resume(self, run: str, process: str) -> None:
        """Mark a run as running again, in another process perhaps."""
        self._connection.execute(
            "UPDATE runs SET status = ?, process = ? WHERE id = ?",
            (RunStatus.RUNNING, self._intern(process), run),
        )

    def end(self, record: RunEnded) -> None:
        """Mark a run as ended; the time spent in several parts adds up."""
        self._connection.execute(
            "UPDATE runs SET status = ?, ended = ?, duration = coalesce(duration, 0) + ? WHERE id = ?",
            (record.status, record.time, record.duration, record.run),
        )
        self._connection.execute(
            "DELETE FROM tracebacks WHERE run = (SELECT key FROM runs WHERE id = ?)", (record.run,)
        )
        if record.traceback is not None:
            self._connection.execute(
                "INSERT INTO tracebacks (run, traceback) SELECT key, ? FROM runs WHERE id = ?",
                (encodable(record.traceback), record.run),
            )

    def crash(self, process: str, time: int) -> int:
        """Mark the runs that a dead process left open as crashed; how many there were."""
        self._connection.execute(
            "UPDATE runs SET status = ?, ended = ?, duration = coalesce(duration, max(0, (? - started) / 1e9))"
            " WHERE process = (SELECT id FROM texts WHERE text = ?) AND status = 'running'",
            (RunStatus.CRASHED, time, time, process),
        )
        return self._connection.changes()

    def set_params(self, run: str, params: dict[str, JSONValue]) -> None:
        """Add or replace params."""
        self._set(run, "param", {name: to_sql(value) for name, value in params.items()})

    def set_tags(self, run: str, tags: dict[str, str]) -> None:
        """Add or replace tags."""
        self._set(run, "tag", {name: encodable(value) for name, value in tags.items()})

    def _set(self, run: str, kind: Kind, values: dict[str, Any]) -> None:
        key = self.key(run)
        if key is not None:
            self._names.set(key, kind, values)

    def add_note(self, run: str, note: str) -> None:
        """Add a sentence about the run."""
        self._connection.execute(
            "INSERT INTO notes (run_id, position, note)"
            " VALUES (?1, (SELECT coalesce(max(position) + 1, 0) FROM notes WHERE run_id = ?1), ?2)",
            (run, encodable(note)),
        )

    def notes(self, run: str) -> list[str]:
        """The sentences about a run, in their order."""
        rows = self._connection.execute("SELECT note FROM notes WHERE run_id = ? ORDER BY position", (run,))
        return [note for (note,) in rows]

    def add_environment(self, record: EnvironmentSeen, interpreter: str, packages: str) -> None:
        """Remember an environment; `interpreter` and `packages` are digests of its JSON."""
        self._connection.execute(
            "INSERT OR IGNORE INTO environments (id, interpreter, packages) VALUES (?, ?, ?)",
            (record.environment, interpreter, packages),
        )

    def environment(self, identifier: str | None) -> tuple[str, str] | None:
        """The digests of an environment's interpreter and packages."""
        row = self._one("SELECT interpreter, packages FROM environments WHERE id = ?", (identifier,))
        return (row[0], row[1]) if row else None

    def set_revision(self, run: str, revision: Revision) -> None:
        """Remember the state of the git repository."""
        self._connection.execute(
            "UPDATE runs SET git_commit = ?, git_branch = ?, git_dirty = ? WHERE id = ?",
            (self._intern(revision.commit), self._intern(revision.branch), revision.dirty, run),
        )

    def record(self, run: str) -> RunRecord:
        """What the store keeps of a run beside its table row."""
        (
            identifier,
            experiment,
            name,
            number,
            process,
            directory,
            environment,
            started,
            traceback,
            *revision,
        ) = self._one(
            f"SELECT runs.id, experiments.name, run_names.name, number, {_text('process')}, {_text('directory')},"
            f" {_text('environment')}, started, (SELECT traceback FROM tracebacks WHERE run = runs.key),"
            f" {_text('git_commit')}, {_text('git_branch')}, git_dirty FROM runs {_NAMED} WHERE runs.id = ?",
            (run,),
        )
        commit, branch, dirty = revision
        return RunRecord(
            id=identifier,
            experiment=experiment,
            name=name,
            number=number,
            process=process,
            directory=directory,
            environment=environment,
            started=started,
            traceback=traceback,
            revision=Revision(commit=commit, branch=branch, dirty=None if dirty is None else bool(dirty)),
        )

    def has(self, run: str) -> bool:
        """Whether there is a run of this id, in the trash or not."""
        return self.key(run) is not None

    def last_of(self, name: str, experiment: str) -> str | None:
        """The id of the newest run of `name` in `experiment`."""
        row = self._one(
            f"SELECT runs.id FROM runs {_NAMED} WHERE run_names.name = ? AND experiments.name = ? AND {_LIVE}"
            " ORDER BY number DESC LIMIT 1",
            (name, experiment),
        )
        return row[0] if row else None

    def previous(self, run: str) -> str | None:
        """The last run before `run` of the same cell, else of the same name; None if it is the first of both."""
        key, name, number, cell, started, experiment = self._one(
            "SELECT runs.key, runs.name, number, cell, started, experiment FROM runs"
            " JOIN run_names ON run_names.id = runs.name WHERE runs.id = ?",
            (run,),
        )
        # Each finds its row by an index, however many runs there are.
        of_cell = self._one(
            "SELECT runs.id FROM runs JOIN run_names ON run_names.id = runs.name WHERE cell = ? AND experiment = ?"
            f" AND (started, runs.key) < (?, ?) AND {_LIVE} ORDER BY started DESC, runs.key DESC LIMIT 1",
            (cell, experiment, started, key),
        )
        found = of_cell or self._one(
            f"SELECT runs.id FROM runs WHERE name = ? AND number < ? AND {_LIVE} ORDER BY number DESC LIMIT 1",
            (name, number),
        )
        return str(found[0]) if found else None

    def labels(self, prefix: str, limit: int, *, trash: bool = False) -> list[tuple[str, str]]:
        """Run names that begin with `prefix`, newest first, each with its experiment; `trash`: those in the trash."""
        pattern = prefix.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        rows = self._connection.execute(
            f"SELECT {LABEL} AS label, experiments.name FROM runs {_NAMED} WHERE label LIKE ? ESCAPE '\\'"
            " AND (runs.deleted IS NOT NULL) = ? ORDER BY runs.started DESC LIMIT ?",
            (pattern, trash, limit),
        )
        return [(label, experiment) for label, experiment in rows]

    def known_names(self) -> KnownNames:
        """All names that a filter may use."""
        found: dict[Kind, dict[str, int]] = {"param": {}, "metric": {}, "tag": {}}
        for number, kind, name in self._names.all():
            found[kind][name] = number
        return KnownNames(params=found["param"], metrics=found["metric"], tags=found["tag"])

    def count(self) -> int:
        """How many runs there are."""
        # SQLite counts all rows, and those of the partial index of the trash, without reading a run.
        (count,) = self._one(
            "SELECT (SELECT count(*) FROM runs) - (SELECT count(*) FROM runs WHERE deleted IS NOT NULL)"
        )
        return int(count)

    def count_running(self) -> int:
        """How many runs are running."""
        (count,) = self._one(f"SELECT count(*) FROM runs WHERE status = 'running' AND {_LIVE}")
        return int(count)

    def search(
        self, query: Query, order: Order, experiment: str | None, limit: int, offset: int
    ) -> tuple[int, list[RunRow]]:
        """How many runs match, and a page of them."""
        total, keys = self._page(query, order, experiment, limit, offset)
        return total, self._rows(keys)

    def columns(
        self, query: Query, order: Order, experiment: str | None, limit: int, offset: int
    ) -> tuple[int, int, list[Column]]:
        """As `search`, by columns: how many runs match, how many of them are here, and the columns that have a value."""
        if offset or limit < self.count():
            total, keys = self._page(query, order, experiment, limit, offset)
            source = "FROM json_each(?) AS page CROSS JOIN runs ON runs.key = page.value ORDER BY page.key"
            return total, *read_columns(self._connection, self._names, source, [json.dumps(keys)])
        source, bindings = self._matching(query, experiment)
        count, columns = read_columns(
            self._connection, self._names, f"{source} ORDER BY {order.order}", bindings
        )
        return count, count, columns

    def _page(
        self, query: Query, order: Order, experiment: str | None, limit: int, offset: int
    ) -> tuple[int, list[int]]:
        """How many runs match, and the keys of a page of them."""
        source, bindings = self._matching(query, experiment)
        sql = f"SELECT runs.key {source} ORDER BY {order.order}"
        if query.lines_up or not order.newest:
            # To count by itself would take the same look at every run again.
            rows: list[Any] = self._connection.execute(sql, bindings).fetchall()
            return len(rows), [key for (key,) in rows[offset : offset + limit]]
        page: list[Any] = self._connection.execute(
            f"{sql} LIMIT ? OFFSET ?", [*bindings, limit, offset]
        ).fetchall()
        if query == EVERY and experiment is None:
            return self.count(), [key for (key,) in page]
        (total,) = self._one(f"SELECT count(*) {source}", bindings)
        return int(total), [key for (key,) in page]

    def matching(self, query: Query, experiment: str | None) -> list[str]:
        """The ids of all runs that match, oldest first."""
        source, bindings = self._matching(query, experiment)
        rows = self._connection.execute(f"SELECT runs.id {source} ORDER BY runs.started, runs.key", bindings)
        return [run for (run,) in rows]

    def _matching(self, query: Query, experiment: str | None) -> tuple[str, list[Any]]:
        """``FROM`` and ``WHERE`` of a search and their values. Names are joined only where the query asks for them."""
        if query.matches:
            load_patterns(self._connection)
        where, bindings = f"({query.where}) AND {_LIVE}", list(query.bindings)
        if experiment is not None:
            # The plus: by its index on names SQLite would fetch run after run from all over the table, 20 times as long.
            where += (
                " AND +runs.name IN (SELECT id FROM run_names WHERE experiment ="
                " (SELECT id FROM experiments WHERE name = ?))"
            )
            bindings.append(experiment)
        return f"FROM runs WHERE {where}", bindings

    def rows(self, runs: Sequence[str]) -> list[RunRow]:
        """The table rows of the given runs (by id), in the given order."""
        return self._rows([key for run in runs if (key := self.key(run)) is not None])

    def _rows(self, keys: Sequence[int]) -> list[RunRow]:
        names = {number: (kind, name) for number, kind, name in self._names.all()}
        wide = [number for number in names if number <= WIDE]
        columns = ", ".join([_COLUMNS, *map(expression, wide)])
        found: dict[int, RunRow] = {}
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            marks = ", ".join("?" * len(some))
            rows: list[Any] = self._connection.execute(
                f"SELECT {columns} FROM runs {_NAMED} WHERE runs.key IN ({marks})", some
            ).fetchall()
            for row in rows:
                values = [(names[number], value) for number, value in zip(wide, row[_OWN:], strict=True)]
                if len(wide) < len(names):
                    rare: list[Any] = self._connection.execute(
                        "SELECT name, value FROM rare_values WHERE run = ? ORDER BY name", (row[0],)
                    ).fetchall()
                    values += [(names[number], value) for number, value in rare]
                found[row[0]] = _run_row(row[:_OWN], values)
        return [found[key] for key in keys]


def _run_row(own: Sequence[Any], values: list[tuple[tuple[Kind, str], Any]]) -> RunRow:
    _, run, label, experiment, status, started, duration, notebook, cell_id, origin, pinned = own
    by_kind: dict[Kind, dict[str, Any]] = {"param": {}, "metric": {}, "tag": {}}
    for (kind, name), value in values:
        if value is not None:
            by_kind[kind][name] = from_sql(value)
    return RunRow(
        id=run,
        name=label,
        experiment=experiment,
        status=RunStatus(status),
        started=iso(started),
        duration=duration,
        params=by_kind["param"],
        metrics=by_kind["metric"],
        tags=by_kind["tag"],
        notebook=notebook,
        cell_id=cell_id,
        origin=origin,
        pinned=bool(pinned),
    )
