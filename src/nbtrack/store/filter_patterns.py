"""Regular expressions of a run filter: ``name matches '^forest-[12]$'``.

They are matched by SQLite's own extension ``regexp``, which apsw brings along: an automaton that takes time in proportion to
the text, whatever the pattern. Python's ``re`` goes back and forth; ``(a+)+$`` on thirty letters would hold the
keeper for minutes, inside a call that nothing can interrupt.
"""

from __future__ import annotations

import apsw

LONGEST = 200
"""Characters of a pattern at most."""

SEEN = 4_000
"""Characters of a value that a pattern sees."""

_STATES = 2_000
"""States of the automaton at most: ``(a{99}){99}`` is short and large."""


def available() -> bool:
    """Whether this build of apsw brings the extension."""
    from apsw import sqlite_extra

    return sqlite_extra.has("regexp") is not None


def load(connection: apsw.Connection) -> None:
    """Teach a connection the operator REGEXP, if it has not learnt it."""
    from apsw import sqlite_extra

    if next(connection.execute("SELECT 1 FROM pragma_function_list WHERE name = 'regexp'"), None) is None:
        sqlite_extra.load(connection, "regexp")


def problem(pattern: str) -> str | None:
    """What is wrong with a pattern, or None: it is compiled once, in a database of its own."""
    if len(pattern) > LONGEST:
        return f"a pattern has at most {LONGEST} characters"
    connection = apsw.Connection(":memory:")
    try:
        load(connection)
        connection.limit(apsw.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, _STATES)
        connection.execute("SELECT '' REGEXP ?", (pattern,)).fetchall()
    except apsw.SQLError as error:
        return str(error).removeprefix("SQLError: ")
    finally:
        connection.close()
    return None
