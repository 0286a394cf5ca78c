"""Whether a store is what was written: every hash derived again, every checksum, every reference.

It reads beside the keeper's work, by a connection of its own and in a thread, so that others are answered meanwhile. What
changes while it reads is looked at a second time before it is called damaged. A value inside a row of the database has no
checksum: SQLite's own check sees the structure, and the rest is covered only where values are told twice (a series and its
summary, a line of the audit log and its digest).
"""

from __future__ import annotations

import contextlib
import random
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import apsw

from nbtrack.entities.health import Finding, Verification
from nbtrack.errors import InvalidInput
from nbtrack.service import Deferred
from nbtrack.store import blob_check, checks, journal_check
from nbtrack.store.blobs import ALGORITHM
from nbtrack.store.database import DATABASE, Store

SHOWN = 1000
"""Findings that are told one by one; a dying disk has millions."""

SETTLES = 0.1
"""Seconds before something that may be under way is looked at again."""

FRESH = 60.0
"""Seconds for which a file that nothing refers to may be one that is being written."""


@dataclass(slots=True)
class Look:
    """One verification under way: where it looks, and what it has counted and found."""

    folder: Path
    quick: bool
    subset: float
    checked: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    errors: int = 0
    notes: int = 0
    salt: str = field(default_factory=lambda: str(random.random()))

    def count(self, what: str, number: int = 1) -> None:
        """Count what was looked at."""
        self.checked[what] = self.checked.get(what, 0) + number

    def add(self, finding: Finding) -> None:
        """Keep a finding."""
        self.errors += finding.error
        self.notes += not finding.error
        if len(self.findings) < SHOWN:
            self.findings.append(finding)

    def takes(self, name: str) -> bool:
        """Whether `name` is in the part that is looked at: another one each time."""
        return self.subset >= 100 or zlib.crc32((self.salt + name).encode()) % 10_000 < self.subset * 100

    def path(self, digest: str) -> Path:
        """Where the file of a blob is."""
        name = digest.partition(":")[2]
        return self.folder / "blobs" / name[:2] / name


class Verifier:
    """Looks at the whole of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def make(self, *, quick: bool = False, subset: float = 100.0) -> Deferred:
        """Compare what is stored with what was written.

        Parameters
        ----------
        quick
            Look at structure and references only, and do not read the content of blobs and series.
        subset
            Percent of the blobs and series to read, chosen anew each time.

        Raises
        ------
        InvalidInput
            If `subset` is no percentage.
        """
        if not 0 < subset <= 100:
            raise InvalidInput(f"A subset is more than 0 and at most 100 percent, not {subset:g}.")
        return Deferred(lambda: look_at(self._store.folder, quick, subset), lambda found: found)


def look_at(folder: Path, quick: bool = False, subset: float = 100.0) -> Verification:
    """Verify the store in `folder`, which is open in this process."""
    look, began = Look(folder, quick, subset), time.monotonic()
    with checks.reader(folder / DATABASE) as connection:
        for part in (_database, _journals, _blobs, _files):
            try:
                for finding in part(look, connection):
                    look.add(finding)
            except apsw.Error as problem:  # the database cannot even be read there
                look.add(
                    Finding(kind="database", name=DATABASE, message=f"{type(problem).__name__}: {problem}")
                )
    return Verification(
        path=str(folder),
        quick=quick,
        subset=subset,
        seconds=time.monotonic() - began,
        checked=look.checked,
        errors=look.errors,
        notes=look.notes,
        findings=look.findings,
    )


def _database(look: Look, connection: apsw.Connection) -> Iterator[Finding]:
    yield from checks.structure(connection, quick=look.quick)
    yield from checks.missing_blobs(connection)
    yield from checks.numbers(connection)
    yield from checks.audit(connection)
    for name, points, problem in () if look.quick else checks.series(connection):
        if problem is not None:
            yield Finding(kind="series", name=name, message=problem)
        look.count("series")
        look.count("points", points)


def _journals(look: Look, connection: apsw.Connection) -> Iterator[Finding]:
    for path in sorted((look.folder / "journal").glob("*.journal")):
        scan = _scan(path, connection)
        if scan is not None and scan.damage:
            time.sleep(SETTLES)  # its process may have been writing just there, and the keeper reading
            scan = _scan(path, connection)
        if scan is None:
            continue
        look.count("journals")
        look.count("frames", scan.frames)
        for damage in scan.damage:
            yield Finding(kind="journal", name=path.name, message=damage)


def _scan(path: Path, connection: apsw.Connection) -> journal_check.Scan | None:
    query = "SELECT position FROM journals WHERE name = ?"
    before = next(connection.execute(query, (path.stem,)), (0,))
    with contextlib.suppress(FileNotFoundError):  # drained to its end and removed
        content = path.read_bytes()
        after = next(connection.execute(query, (path.stem,)), (0,))
        return journal_check.scan(content, int(before[0]), int(after[0]))
    return None


def _blobs(look: Look, connection: apsw.Connection) -> Iterator[Finding]:
    for row in checks.blobs(connection):
        if not look.takes(row.digest):
            continue
        look.count("blobs")
        path = look.path(row.digest)
        if look.quick:
            problem = (
                None if row.content is not None or path.is_file() else "is not there: its file is missing"
            )
        else:
            problem = blob_check.damage(row, path)
            look.count("bytes", row.size)
        if problem and checks.blob(connection, row.digest) is not None:  # else it was removed meanwhile
            users = checks.users_of(connection, row.digest)
            told = ", ".join(users[:3]) + (f" and {len(users) - 3} more" if len(users) > 3 else "")
            problem += f" ({told})" if users else " (nothing refers to it)"
            yield Finding(kind="blob", name=row.digest, message=problem)


def _files(look: Look, connection: apsw.Connection) -> Iterator[Finding]:
    """Files that nothing refers to: left where a write was cut off, to be removed by gc."""
    for path in (look.folder / "blobs").glob("*/*"):
        try:
            if time.time() - path.stat().st_mtime < FRESH:
                continue
        except OSError:
            continue
        row = checks.blob(connection, f"{ALGORITHM}:{path.name}")
        if row is None or row.content is not None:
            yield Finding(
                kind="blob",
                name=str(path.relative_to(look.folder)),
                message="nothing refers to it",
                error=False,
            )
