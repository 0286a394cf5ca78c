"""Values in a run filter: numbers, times and patterns."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from nbtrack.store.filter_errors import reject
from nbtrack.store.filter_syntax import Literal

LONGEST_PATTERN = 500
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?inf(inity)?|nan", re.IGNORECASE | re.ASCII)
_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(\.\d{1,6})?)?)?(Z|[-+]\d\d:?\d\d)?",
    re.IGNORECASE | re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def as_number(text: str) -> float | None:
    """The number that `text` is written as, or None. Python's own ``1_0`` and ``٣`` are no numbers here."""
    return float(text) if _NUMBER.fullmatch(text.strip()) else None


def instant(text: str) -> tuple[int, int] | None:
    """The first nanosecond of the named day, minute or second (UTC without an offset), and of the next."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        return None
    try:
        start = datetime.fromisoformat(found[0].upper())
    except ValueError:  # 2026-02-30
        return None
    start = start if start.tzinfo else start.replace(tzinfo=UTC)
    if found[7]:
        length = timedelta(microseconds=10 ** (7 - len(found[7])))
    elif found[6]:
        length = timedelta(seconds=1)
    else:
        length = timedelta(minutes=1) if found[4] else timedelta(days=1)
    first = (start - _EPOCH) // timedelta(microseconds=1) * 1000
    return first, first + length // timedelta(microseconds=1) * 1000


def like_pattern(literal: Literal, text: str) -> str:
    """The pattern of a ``like``: ``%`` is any text, ``_`` any character."""
    if not isinstance(literal.value, str):
        raise reject(
            text, literal.column, f"`like` needs a pattern in quotes, such as 'forest%', not {literal.shown}."
        )
    if len(literal.value) > LONGEST_PATTERN:
        # SQLite matches patterns by backtracking: a long one could keep the keeper busy for minutes.
        raise reject(text, literal.column, f"A `like` pattern has at most {LONGEST_PATTERN} characters.")
    return literal.value
