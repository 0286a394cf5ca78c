"""Values in a run filter: numbers, times and patterns."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from nbtrack.store import filter_patterns
from nbtrack.store.filter_errors import reject
from nbtrack.store.filter_tree import Literal

LONGEST_PATTERN = 500
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?inf(inity)?|nan", re.IGNORECASE | re.ASCII)
_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(\.\d{1,6})?)?)?(Z|[-+]\d\d:?\d\d)?",
    re.IGNORECASE | re.ASCII,
)
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)", re.IGNORECASE | re.ASCII)
_MINUTE, _HOUR, _A_DAY, _WEEK = 60.0, 3600.0, 86400.0, 604800.0
_UNITS = {"ms": 1e-3, "millisecond": 1e-3, "s": 1.0, "sec": 1.0, "second": 1.0}
_UNITS |= {"m": _MINUTE, "min": _MINUTE, "minute": _MINUTE, "h": _HOUR, "hr": _HOUR, "hour": _HOUR}
_UNITS |= {"d": _A_DAY, "day": _A_DAY, "w": _WEEK, "week": _WEEK}
_DAY = 86_400_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def as_number(text: str) -> float | None:
    """The number that `text` is written as, or None. Python's own ``1_0`` and ``٣`` are no numbers here."""
    return float(text) if _NUMBER.fullmatch(text.strip()) else None


def seconds(text: str) -> float | None:
    """The length of ``5m``, ``1.5 h`` or ``2 days`` in seconds, or None."""
    found = _SPAN.fullmatch(text.strip())
    unit = _unit(found[2]) if found else None
    return float(found[1]) * unit if found and unit is not None else None


def _unit(word: str) -> float | None:
    word = word.lower()
    return _UNITS.get(word) or _UNITS.get(word.removesuffix("s"))


def instant(text: str, now: int) -> tuple[int, int] | None:
    """The first nanosecond of the named day, minute or second (UTC without an offset), and of the next.

    ``today``, ``yesterday``, ``now`` and ``2d ago`` are told from `now` (ns).
    """
    word = " ".join(text.lower().split())
    if word.endswith(" ago"):
        length = seconds(word.removesuffix(" ago"))
        moment = None if length is None else now - int(length * 1e9)
        return None if moment is None or moment < -(2**63) else (moment, moment)
    if word in ("now", "today", "yesterday"):
        first = now if word == "now" else now - now % _DAY - (_DAY if word == "yesterday" else 0)
        return first, first + (0 if word == "now" else _DAY)
    return _named(text)


def _named(text: str) -> tuple[int, int] | None:
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


def regular_expression(literal: Literal, text: str) -> str:
    """The pattern of a ``matches``."""
    if not isinstance(literal.value, str) or literal.is_time:
        raise reject(
            text,
            literal.column,
            f"`matches` needs a pattern in quotes, such as '^forest', not {literal.shown}.",
        )
    if not filter_patterns.available():
        raise reject(
            text, literal.column, "`matches` needs a build of apsw with its extensions; `like` works."
        )
    problem = filter_patterns.problem(literal.value)
    if problem is not None:
        raise reject(
            text,
            literal.column,
            f"This is no regular expression (column {literal.column}): {problem}.",
            len(literal.shown),
        )
    return literal.value
