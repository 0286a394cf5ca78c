"""The audit log: one line per decision, each line's digest covering the one before."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import apsw

GENESIS = "0" * 64


def line_digest(before: str, sequence: int, time: int, actor: str, decision: str, detail: str) -> str:
    """The digest of a line: BLAKE2b-256 over the canonical JSON of the line and the digest before it."""
    content = json.dumps([before, sequence, time, actor, decision, detail], separators=(",", ":"))
    return hashlib.blake2b(content.encode(), digest_size=32).hexdigest()


class Audit:
    """The audit log of a store."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def append(self, time: int, actor: str, decision: str, detail: dict[str, Any]) -> str:
        """Add a line in the transaction of its decision and return its digest."""
        last = next(
            self._connection.execute("SELECT sequence, digest FROM audit ORDER BY sequence DESC LIMIT 1"),
            (0, GENESIS),
        )
        sequence, text = last[0] + 1, json.dumps(detail, sort_keys=True)
        digest = line_digest(last[1], sequence, time, actor, decision, text)
        self._connection.execute(
            "INSERT INTO audit (sequence, time, actor, decision, detail, digest) VALUES (?, ?, ?, ?, ?, ?)",
            (sequence, time, actor, decision, text, digest),
        )
        return digest

    def lines(self) -> list[tuple[int, int, str, str, str, str]]:
        """All lines: sequence, time (ns), actor, decision, detail (JSON), digest."""
        found: list[Any] = self._connection.execute(
            "SELECT sequence, time, actor, decision, detail, digest FROM audit ORDER BY sequence"
        ).fetchall()
        return found
