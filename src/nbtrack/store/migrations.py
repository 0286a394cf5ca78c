"""The schema, as a list of named steps. A step is never edited once a landed version has it; a change is a new step."""

from __future__ import annotations

from collections.abc import Callable

import apsw

from nbtrack.errors import StoreCorrupt, StoreTooNew
from nbtrack.store.columns import to_columns
from nbtrack.store.curation import CURATION
from nbtrack.store.deaths import DEATHS
from nbtrack.store.deletion import DELETION
from nbtrack.store.executions import TRACES
from nbtrack.store.facts import FACT_KEYS, FACTS
from nbtrack.store.foundation import FOUNDATION
from nbtrack.store.models import RECORDS
from nbtrack.store.origins import ORIGINS
from nbtrack.store.pieces import PIECES
from nbtrack.store.profiles import DATA
from nbtrack.store.reviews import REVIEWS
from nbtrack.store.saves import HISTORY
from nbtrack.store.search_schema import SEARCH

Step = str | Callable[[apsw.Connection], None]
"""SQL, or a function that is given the connection inside the step's transaction."""

CHECKSUMS = "ALTER TABLE blobs ADD COLUMN checksum INTEGER;"
"""CRC-32 of a blob's stored bytes, NULL in older rows. The digest is of what they unpack to, which may be right although a
bit of them has flipped."""

MIGRATIONS: list[tuple[str, Step]] = [
    ("0001_foundation", FOUNDATION),
    ("0002_columns", to_columns),
    ("0003_trash", DELETION),
    ("0004_checksums", CHECKSUMS),
    ("0005_search", SEARCH),
    ("0006_curation", CURATION),
    ("0007_origins", ORIGINS),
    ("0008_deaths", DEATHS),
    ("0009_traces", TRACES),
    ("0010_facts", FACTS),
    ("0011_data", DATA),
    ("0012_fact_keys", FACT_KEYS),
    ("0013_history", HISTORY),
    ("0014_version_records", RECORDS),
    ("0015_reviews", REVIEWS),
    ("0016_pieces", PIECES),
]


def done_steps(connection: apsw.Connection) -> set[str]:
    """The steps that the store has; none where it is new."""
    has_steps = next(connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'migrations'"), None)
    return (
        {str(name) for (name,) in connection.execute("SELECT name FROM migrations")} if has_steps else set()
    )


def migrate(connection: apsw.Connection) -> None:
    """Bring the schema to this version's; each step is one transaction together with its record.

    Raises
    ------
    StoreTooNew
        If the store has a step that this version does not know. Nothing is written then.
    """
    done = done_steps(connection)
    if unknown := sorted(done - {name for name, _ in MIGRATIONS}):
        raise StoreTooNew(
            f"This store was written by a newer nbtrack (it has the step {unknown[-1]}); update nbtrack to open it. "
            "It was left as it is.",
            step=unknown[-1],
        )
    # A table that is made anew is dropped in between, which must not delete what refers to it: checked at the step's end.
    connection.execute("PRAGMA foreign_keys = OFF")
    for name, step in MIGRATIONS:
        if name not in done:
            with connection:  # one transaction: the step and its record
                connection.execute(
                    "CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY) WITHOUT ROWID"
                )
                if isinstance(step, str):
                    connection.execute(step)
                else:
                    step(connection)
                connection.execute("INSERT INTO migrations (name) VALUES (?)", (name,))
                if broken := connection.execute("PRAGMA foreign_key_check").fetchall():
                    raise StoreCorrupt(
                        f"The step {name} of the schema would leave rows without what they refer to: {broken[:3]}."
                    )
    connection.execute("PRAGMA foreign_keys = ON")
