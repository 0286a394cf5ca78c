"""SQL of runs: rows, params, tags, notes, numbers, and the search for them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import apsw

from nbtrack.entities.records import EnvironmentSeen, RunEnded, RunStarted
from nbtrack.entities.runs import JSONValue, Revision, RunRow, RunStatus
from nbtrack.store.filters import KnownNames, Order, Query
from nbtrack.store.values import encodable, from_sql_number, iso, load, param_columns

_COLUMNS = "runs.id, runs.label, experiments.name, runs.status, runs.started, runs.duration, runs.notebook, runs.cell_id"
_FROM = "FROM runs JOIN experiments ON experiments.id = runs.experiment"


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What the store keeps of a run beside its table row."""

    id: str
    experiment: int
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

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def _one(self, sql: str, bindings: Sequence[Any] = ()) -> Any:
        return next(self._connection.execute(sql, bindings), None)

    def start(self, record: RunStarted) -> None:
        """Add a run; its number follows the last one that was given to its name in its experiment."""
        if self._one("SELECT 1 FROM runs WHERE id = ?", (record.run,)):
            return
        experiment_name, name = encodable(record.experiment), encodable(record.name)
        self._connection.execute("INSERT OR IGNORE INTO experiments (name) VALUES (?)", (experiment_name,))
        (experiment,) = self._one("SELECT id FROM experiments WHERE name = ?", (experiment_name,))
        (number,) = self._one(
            "INSERT INTO run_numbers (experiment, name, last) VALUES (?, ?, 1)"
            " ON CONFLICT (experiment, name) DO UPDATE SET last = last + 1 RETURNING last",
            (experiment, name),
        )
        self._connection.execute(
            "INSERT INTO runs (id, experiment, name, number, label, status, process, notebook, cell_id, directory,"
            " environment, started) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (record.run, experiment, name, number, f"{name}-{number}", RunStatus.RUNNING, record.process)
            + (record.notebook, record.cell_id, record.directory, record.environment, record.time),
        )

    def resume(self, run: str, process: str) -> None:
        """Mark a run as running again, in another process perhaps."""
        self._connection.execute(
            "UPDATE runs SET status = ?, process = ? WHERE id = ?", (RunStatus.RUNNING, process, run)
        )

    def end(self, record: RunEnded) -> None:
        """Mark a run as ended; the time spent in several parts adds up."""
        self._connection.execute(
            "UPDATE runs SET status = ?, ended = ?, duration = coalesce(duration, 0) + ?, traceback = ? WHERE id = ?",
            (record.status, record.time, record.duration, record.traceback, record.run),
        )

    def crash(self, process: str, time: int) -> int:
        """Mark the runs that a dead process left open as crashed; how many there were."""
        self._connection.execute(
            "UPDATE runs SET status = ?, ended = ?, duration = coalesce(duration, max(0, (? - started) / 1e9))"
            " WHERE process = ? AND status = ?",
            (RunStatus.CRASHED, time, time, process, RunStatus.RUNNING),
        )
        return self._connection.changes()

    def set_params(self, run: str, params: dict[str, JSONValue]) -> None:
        """Add or replace params."""
        self._connection.executemany(
            "INSERT INTO params (run_id, key, value, type, number, text, position)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, (SELECT count(*) FROM params WHERE run_id = ?1))"
            " ON CONFLICT (run_id, key) DO UPDATE SET value = excluded.value, type = excluded.type,"
            " number = excluded.number, text = excluded.text",
            ((run, encodable(key), *param_columns(value)) for key, value in params.items()),
        )

    def set_tags(self, run: str, tags: dict[str, str]) -> None:
        """Add or replace tags."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO tags (run_id, key, value) VALUES (?, ?, ?)",
            ((run, encodable(key), encodable(value)) for key, value in tags.items()),
        )

    def add_note(self, run: str, note: str) -> None:
        """Add a sentence about the run."""
        self._connection.execute(
            "INSERT INTO notes (run_id, position, note) VALUES (?1, (SELECT count(*) FROM notes WHERE run_id = ?1), ?2)",
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
            (revision.commit, revision.branch, revision.dirty, run),
        )

    def record(self, run: str) -> RunRecord:
        """What the store keeps of a run beside its table row."""
        *plain, commit, branch, dirty = self._one(
            "SELECT id, experiment, name, number, process, directory, environment, started, traceback,"
            " git_commit, git_branch, git_dirty FROM runs WHERE id = ?",
            (run,),
        )
        revision = Revision(commit=commit, branch=branch, dirty=None if dirty is None else bool(dirty))
        identifier, experiment, name, number, process, directory, environment, started, traceback = plain
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
            revision=revision,
        )

    def has(self, run: str) -> bool:
        """Whether there is a run of this id."""
        return self._one("SELECT 1 FROM runs WHERE id = ?", (run,)) is not None

    def find(self, label: str) -> list[tuple[str, str]]:
        """The runs called `label` (``forest-3``): id and experiment of each."""
        rows = self._connection.execute(
            f"SELECT runs.id, experiments.name {_FROM} WHERE runs.label = ? ORDER BY experiments.name",
            (label,),
        )
        return [(run, experiment) for run, experiment in rows]

    def find_by_id(self, prefix: str) -> list[tuple[str, str]]:
        """The runs whose id begins with `prefix`: id and ``experiment/label``."""
        rows = self._connection.execute(
            f"SELECT runs.id, experiments.name || '/' || runs.label {_FROM} WHERE runs.id >= ? AND runs.id < ? LIMIT 20",
            (prefix, prefix + "g"),  # "g" sorts behind every hexadecimal digit and the dash
        )
        return [(run, name) for run, name in rows]

    def last_of(self, name: str, experiment: str) -> str | None:
        """The id of the newest run of `name` in `experiment`."""
        row = self._one(
            f"SELECT runs.id {_FROM} WHERE runs.name = ? AND experiments.name = ? ORDER BY number DESC LIMIT 1",
            (name, experiment),
        )
        return row[0] if row else None

    def previous(self, run: str) -> str | None:
        """The last run before `run` of the same cell, else of the same name; None if it is the first of both."""
        for same in ("other.cell_id = runs.cell_id", "other.name = runs.name"):
            row = self._one(
                "SELECT other.id FROM runs JOIN runs AS other ON other.experiment = runs.experiment"
                f" AND {same} AND (other.started, other.id) < (runs.started, runs.id)"
                " WHERE runs.id = ? ORDER BY other.started DESC, other.id DESC LIMIT 1",
                (run,),
            )
            if row:
                return str(row[0])
        return None

    def labels(self, prefix: str, limit: int) -> list[tuple[str, str]]:
        """Run names that begin with `prefix`, newest first, each with its experiment."""
        pattern = prefix.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        rows = self._connection.execute(
            f"SELECT runs.label, experiments.name {_FROM} WHERE runs.label LIKE ? ESCAPE '\\'"
            " ORDER BY runs.started DESC LIMIT ?",
            (pattern, limit),
        )
        return [(label, experiment) for label, experiment in rows]

    def known_names(self) -> KnownNames:
        """All names that a filter may use."""

        def keys(table: str) -> frozenset[str]:
            return frozenset(key for (key,) in self._connection.execute(f"SELECT DISTINCT key FROM {table}"))

        return KnownNames(params=keys("params"), metrics=keys("metrics"), tags=keys("tags"))

    def count(self, status: RunStatus | None = None) -> int:
        """How many runs there are, or how many of a status."""
        (count,) = self._one("SELECT count(*) FROM runs WHERE ?1 IS NULL OR status = ?1", (status,))
        return int(count)

    def search(
        self, query: Query, order: Order, experiment: str | None, limit: int, offset: int
    ) -> tuple[int, list[RunRow]]:
        """How many runs match, and a page of them."""
        where, bindings = f"({query.where})", list(query.bindings)
        if experiment is not None:
            where, bindings = f"{where} AND experiments.name = ?", [*bindings, experiment]
        (total,) = self._one(f"SELECT count(*) {_FROM} WHERE {where}", bindings)
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} {_FROM} WHERE {where} ORDER BY {order.order} LIMIT ? OFFSET ?",
            [*bindings, *order.bindings, limit, offset],
        ).fetchall()
        return int(total), self._complete(rows)

    def rows(self, runs: Sequence[str]) -> list[RunRow]:
        """The table rows of the given runs, in the given order."""
        marks = ", ".join("?" * len(runs))
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} {_FROM} WHERE runs.id IN ({marks})", runs
        ).fetchall()
        by_id = {row.id: row for row in self._complete(rows)}
        return [by_id[run] for run in runs]

    def _complete(self, rows: Iterable[tuple[Any, ...]]) -> list[RunRow]:
        rows = list(rows)
        params: dict[str, dict[str, JSONValue]] = defaultdict(dict)
        metrics: dict[str, dict[str, float]] = defaultdict(dict)
        tags: dict[str, dict[str, str]] = defaultdict(dict)
        for run, *_ in rows:  # a point look-up a run: the page is small, and no list of variables has a limit
            for key, value in self._connection.execute(
                "SELECT key, value FROM params WHERE run_id = ? ORDER BY position", (run,)
            ):
                params[run][key] = load(value)
            for key, last in self._connection.execute(
                "SELECT key, last FROM metrics WHERE run_id = ? ORDER BY position", (run,)
            ):
                metrics[run][key] = from_sql_number(last)
            for key, text in self._connection.execute("SELECT key, value FROM tags WHERE run_id = ?", (run,)):
                tags[run][key] = text
        return [
            RunRow(
                id=run,
                name=label,
                experiment=experiment,
                status=RunStatus(status),
                started=iso(started),
                duration=duration,
                params=params[run],
                metrics=metrics[run],
                tags=tags[run],
                notebook=notebook,
                cell_id=cell_id,
            )
            for run, label, experiment, status, started, duration, notebook, cell_id in rows
        ]
