"""Putting a damaged store right, as far as that can be done without guessing; nothing is ever deleted.

What is damaged is moved to ``quarantine/``. A blob is made again where its content can be had with proof (its hash); where
it cannot, what refers to it says so. Whole records of a damaged journal are taken in before it is moved. What only a person
can decide is left, and said.
"""

from __future__ import annotations

import re
import time
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw

from nbtrack.entities.health import Finding, Repair, Verification
from nbtrack.service import Deferred
from nbtrack.service.intake import Intake
from nbtrack.service.verification import look_at
from nbtrack.store import blob_rescue, checks, journal_check, points, processes
from nbtrack.store.blobs import digest_of, durable_file
from nbtrack.store.database import Store
from nbtrack.store.journal import MAGIC, MAGIC_1
from nbtrack.store.names import WIDE

LOST = "its content was damaged in the store; what is left of it is in quarantine"
LOST_SOURCE = b"# The source of this cell was damaged in the store."

_INDEX = re.compile(r"missing from index|wrong # of entries in index|non-unique entry in index")
_QUIET = 60.0
"""Seconds without a write after which a journal whose process nobody knows may be moved."""


class Repairer:
    """Puts one store right."""

    def __init__(self, store: Store, intake: Intake) -> None:
        self._store = store
        self._intake = intake

    def make(self, *, apply: bool = False) -> Deferred:
        """Verify the store, then repair it (`apply`) or say what would be done."""
        store = self._store
        return Deferred(
            lambda: look_at(store.folder), lambda found: _Repair(store, self._intake, found, apply).make()
        )


class _Repair:
    """One repair."""

    def __init__(self, store: Store, intake: Intake, found: Verification, apply: bool) -> None:
        self._store = store
        self._intake = intake
        self._found = found
        self._apply = apply
        self._done: list[str] = []
        self._left: list[str] = []
        self._quarantine: Path | None = None

    def make(self) -> Repair:
        """Go through what was found."""
        errors = [finding for finding in self._found.findings if finding.error]
        kinds: dict[str, Callable[[str, list[str]], None]] = {
            "database": self._database,
            "journal": self._journal,
            "blob": self._blob,
            "reference": self._blob,
            "series": self._series,
            "number": self._number,
        }
        for kind, name, messages in _by_name(errors):
            if kind in kinds:
                kinds[kind](name, messages)
            else:
                self._left.append(
                    f"The audit log, line {name}: {messages[0]}. It is evidence and is left as it is."
                )
        if self._found.errors > len(errors):
            self._left.append(f"{self._found.errors - len(errors):,} more; repair again when these are done.")
        if self._apply and self._done:
            with self._store.transaction():
                detail = {"done": self._done, "left": self._left}
                self._store.audit.append(time.time_ns(), processes.user_name(), "store.repaired", detail)
        return Repair(
            path=str(self._store.folder),
            applied=self._apply,
            errors=self._found.errors,
            done=self._done,
            left=self._left,
            quarantine=str(self._quarantine) if self._quarantine else None,
        )

    def _do(self, sentence: str, action: Callable[[], None]) -> None:
        """Do something, or only say it."""
        if self._apply:
            try:
                action()
            except (OSError, apsw.Error) as problem:
                self._left.append(f"{sentence} That failed: {problem}.")
                return
        self._done.append(sentence)

    def _aside(self, name: str) -> Path:
        """A free place in this repair's part of the quarantine."""
        if self._quarantine is None:
            self._store.quarantine.mkdir(mode=0o700, exist_ok=True)
            self._quarantine = self._store.quarantine / time.strftime(
                f"%Y%m%dT%H%M%S-{time.time_ns() % 10**6}"
            )
            self._quarantine.mkdir(mode=0o700)
        place = self._quarantine / name
        place.parent.mkdir(mode=0o700, exist_ok=True)
        return place

    def _keep(self, name: str, content: bytes) -> None:
        with durable_file(self._aside(name)) as file:
            file.write(content)

    def _database(self, name: str, messages: list[str]) -> None:
        if all(_INDEX.search(message) for message in messages):
            self._do("Build the indexes of the database anew.", self._reindex)
        else:
            self._left.append(f"The database ({name}): {messages[0]}. Restore the store from a backup.")

    def _reindex(self) -> None:
        with self._store.transaction():
            self._store.connection.execute("REINDEX")

    def _number(self, name: str, messages: list[str]) -> None:
        def action() -> None:
            with self._store.transaction():
                self._store.connection.execute(
                    "UPDATE run_names SET last = max(last, (SELECT max(number) FROM runs WHERE runs.name = run_names.id))"
                    " WHERE name = ? AND EXISTS (SELECT 1 FROM runs WHERE runs.name = run_names.id)",
                    (name,),
                )

        self._do(f"Let the numbers of {name} go on behind the last one given.", action)

    def _blob(self, digest: str, messages: list[str]) -> None:
        store = self._store
        row, path = checks.blob(store.connection, digest), store.blobs.path(digest)
        stored = row.content if row is not None else None
        if stored is None and path.is_file():
            stored = path.read_bytes()
        content = blob_rescue.rescue(row, stored) if row is not None and stored is not None else None
        content = content if content is not None else self._copy(digest)
        users = checks.users_of(store.connection, digest)
        told = f" ({', '.join(users[:3])})" if users else ""
        models = [user for user in users if user.startswith("the model version")]

        def action() -> None:
            if row is not None:
                self._keep(f"blobs/{path.name}.row", repr(row).encode())
            if path.is_file():
                path.replace(self._aside(f"blobs/{path.name}"))
            with store.transaction():
                store.connection.execute("DELETE FROM blobs WHERE digest = ?", (digest,))
                if content is not None:
                    store.blobs.put(content)
                else:
                    self._mark(digest)

        if content is not None:
            self._do(f"Make the blob {digest[:24]} again{told}; what was damaged goes to quarantine.", action)
            return
        self._do(
            f"Move the blob {digest[:24]} to quarantine, and note where it was used that it is lost{told}.",
            action,
        )
        self._left += [f"{model[4:]} has lost its content: register another version." for model in models]

    def _copy(self, digest: str) -> bytes | None:
        """The content from a file that was on its way into the store and still lies there."""
        for path in self._store.incoming.iterdir():
            if path.is_file() and digest_of(content := path.read_bytes()) == digest:
                return content
        return None

    def _mark(self, digest: str) -> None:
        """Let all that refers to a lost blob say so."""
        connection, blobs = self._store.connection, self._store.blobs
        connection.execute("UPDATE artifacts SET digest = NULL, note = ? WHERE digest = ?", (LOST, digest))
        connection.execute("UPDATE executions SET outputs = NULL WHERE outputs = ?", (digest,))
        connection.execute("UPDATE snapshots SET file = NULL WHERE file = ?", (digest,))
        for (whole,) in connection.execute(
            "SELECT digest FROM blob_pieces WHERE piece = ?", (digest,)
        ).fetchall():
            connection.execute("DELETE FROM blobs WHERE digest = ?", (whole,))
            self._mark(str(whole))
        connection.execute("UPDATE saves SET file = NULL WHERE file = ?", (digest,))
        for side in ("base", "head"):
            connection.execute(f"UPDATE review_events SET {side} = NULL WHERE {side} = ?", (digest,))
        connection.execute("UPDATE facts SET digest = NULL WHERE digest = ?", (digest,))
        for table, column, instead in (
            ("executions", "source", LOST_SOURCE),
            ("environments", "interpreter", b"{}"),
            ("environments", "packages", b"{}"),
        ):
            if next(connection.execute(f"SELECT 1 FROM {table} WHERE {column} = ?", (digest,)), None):
                connection.execute(
                    f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (blobs.put(instead), digest)
                )

    def _series(self, name: str, messages: list[str]) -> None:
        run, _, metric = name.partition(" ")
        self._do(
            f"Write the series {metric} of the run {run[:8]} anew from those of its points that can be read.",
            lambda: self._write_series(run, metric),
        )

    def _write_series(self, run: str, metric: str) -> None:
        store = self._store
        (key,) = next(store.connection.execute("SELECT key FROM runs WHERE id = ?", (run,)))
        (number,) = next(
            store.connection.execute("SELECT id FROM names WHERE kind = 'metric' AND name = ?", (metric,))
        )
        bound = (key, number)
        rows: list[Any] = store.connection.execute(
            "SELECT first, points FROM metric_chunks WHERE run = ? AND name = ? ORDER BY first", bound
        ).fetchall()
        (count,) = next(
            store.connection.execute("SELECT count FROM metrics WHERE run = ? AND name = ?", bound)
        )
        steps, values, times = array("q"), array("d"), array("q")
        for first, content in rows:
            try:
                chunk = points.Chunk(content)
                part = chunk.steps(), chunk.values(), array("q", [time * 1_000_000 for time in chunk.times()])
            except Exception:  # noqa: BLE001 - damaged bytes can fail in any way
                self._keep(f"series/{run}-{number}-{first}.chunk", bytes(content))
                continue
            steps.extend(part[0])
            values.extend(part[1])
            times.extend(part[2])
        with store.transaction():
            store.connection.execute("DELETE FROM metric_chunks WHERE run = ? AND name = ?", bound)
            store.connection.execute("DELETE FROM metrics WHERE run = ? AND name = ?", bound)
            if values:
                store.metrics.append(run, metric, steps, values, times)
            elif number <= WIDE:
                store.connection.execute(f"UPDATE runs SET c{number} = NULL WHERE key = ?", (key,))
            else:
                store.connection.execute("DELETE FROM rare_values WHERE run = ? AND name = ?", bound)
            if count > len(values):
                lost = f"{count - len(values):,} points of {metric} were damaged in the store and are lost."
                store.runs.add_note(run, lost)

    def _journal(self, file: str, messages: list[str]) -> None:
        path = self._store.journals.folder / file
        name = path.stem
        if self._is_written(path):
            self._left.append(
                f"The journal {file} {messages[0]}. Its process still records: end it, then repair again."
            )
            return

        def action() -> None:
            content, position = path.read_bytes(), self._store.journals.position(name)
            self._keep(f"journal/{file}", content)
            if not content.startswith((MAGIC, MAGIC_1)):
                head = journal_check.mended_head(content, position)
                with durable_file(path) as mended:
                    mended.write(head + content[len(head) :])
            self._take_in(name, content)
            with self._store.transaction():
                self._store.journals.forget(name)

        self._do(f"Take in what is whole in the journal {file}, then move it to quarantine.", action)

    def _take_in(self, name: str, content: bytes) -> None:
        """Have the keeper read on behind each damaged place."""
        while True:
            self._intake.drain([name])
            position = self._store.journals.position(name)
            place = journal_check.next_frame(content, max(position, 1))
            if place in (position, len(content)):
                return
            with self._store.transaction():
                self._store.journals.advance(name, place)

    def _is_written(self, path: Path) -> bool:
        """Whether a process may still write this journal."""
        process = path.name.partition(".")[0]
        for other, _, identity in self._store.journals.open_processes():
            if other == process:
                return processes.is_alive(identity) is not False
        known = next(
            self._store.connection.execute(
                "SELECT 1 FROM processes WHERE id = ? AND ended NOT NULL", (process,)
            ),
            None,
        )
        return known is None and time.time() - path.stat().st_mtime < _QUIET


def _by_name(findings: list[Finding]) -> Iterator[tuple[str, str, list[str]]]:
    """What was found of each thing, in order; a blob is looked at once, whatever refers to it."""
    found: dict[tuple[str, str], list[str]] = {}
    for finding in findings:
        kind = "blob" if finding.kind == "reference" else finding.kind
        found.setdefault((kind, finding.name), []).append(finding.message)
    for (kind, name), messages in found.items():
        yield kind, name, messages
