"""The audit log as a file: JSON Lines or CSV, with an HMAC where a key is given."""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import json
from pathlib import Path

from nbtrack.entities.promotions import AuditLog
from nbtrack.errors import InvalidInput, StoreCorrupt

_COLUMNS = ("sequence", "time", "nanoseconds", "actor", "decision", "detail", "digest")
_SHORTEST_KEY = 16


def read_key(path: str | None) -> bytes | None:
    """A key for the HMAC; None where none is named.

    Raises
    ------
    InvalidInput
        If it cannot be read, or is too short to be one.
    """
    if path is None:
        return None
    try:
        key = Path(path).expanduser().read_bytes().strip()
    except OSError as problem:
        raise InvalidInput(f"The key {path} cannot be read: {problem.strerror}.") from None
    if len(key) < _SHORTEST_KEY:
        raise InvalidInput(f"The key {path} has {len(key)} bytes; {_SHORTEST_KEY} are the least.")
    return key


def write_export(log: AuditLog, path: Path, *, as_csv: bool, key: bytes | None) -> None:
    """Write all lines of a log, and at the end its head, how many there are, and the HMAC-SHA256 of what stands above.

    Raises
    ------
    InvalidInput
        If the file cannot be written.
    """
    rows = [(line.sequence, line.time, line.nanoseconds, line.actor, line.decision, line.text, line.digest)
            for line in log.lines]  # fmt: skip
    if as_csv:
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows(rows)
        body = file.getvalue()
    else:
        body = "".join(json.dumps(dict(zip(_COLUMNS, row, strict=True))) + "\n" for row in rows)
    end: dict[str, object] = {"head": log.head, "lines": len(rows)}
    if key is not None:
        end["hmac_sha256"] = _mac(body, end, key)
    if not as_csv:
        body += json.dumps(end) + "\n"
    elif key is not None:
        body += f"# {json.dumps(end)}\n"
    try:
        path.expanduser().write_text(body, encoding="utf-8")
    except OSError as problem:
        raise InvalidInput(f"The export {path} cannot be written: {problem.strerror}.") from None


def digests_of(path: Path, key: bytes | None) -> list[str]:
    """The digests of the lines of an export as JSON Lines, after its HMAC was checked where a key is given.

    Raises
    ------
    InvalidInput
        If it cannot be read or is no export.
    StoreCorrupt
        If its HMAC is missing or another: it was changed, or made with another key.
    """
    try:
        *lines, last = path.expanduser().read_text(encoding="utf-8").splitlines(keepends=True)
        end = json.loads(last)
        digests = [str(json.loads(line)["digest"]) for line in lines]
        told = {"head": end["head"], "lines": end["lines"]}
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise InvalidInput(
            f"{path} is no export of an audit log as JSON Lines: {type(problem).__name__}."
        ) from None
    if key is not None and not hmac.compare_digest(
        str(end.get("hmac_sha256")), _mac("".join(lines), told, key)
    ):
        raise StoreCorrupt(f"The HMAC of {path} is not that of its lines under this key.")
    return digests


def _mac(body: str, end: dict[str, object], key: bytes) -> str:
    return hmac.new(key, (body + json.dumps(end)).encode(), hashlib.sha256).hexdigest()
