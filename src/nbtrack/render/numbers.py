"""Numbers, durations, sizes and times for people."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from nbtrack.entities.values import JSONValue
from nbtrack.render.characters import visible

_FEWEST, _MOST = 3, 8


def number(value: float, digits: int = 5) -> str:
    """A measured number with up to `digits` significant digits; NaN and infinity by name."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if isinstance(value, int) or (value.is_integer() and abs(value) < 1e7):
        return f"{value:.1f}" if isinstance(value, float) and abs(value) < 1000 else str(int(value))
    if 10 ** (digits - 1) <= abs(value) < 1e7:
        return f"{value:.1f}"
    return f"{value:.{digits}g}"


def pair(before: float, after: float) -> tuple[str, str]:
    """Two measured numbers with the same decimals, as few as still tell how far they are apart.

    From 3 significant digits upwards, until the shown difference is within a tenth of the real one.
    """
    if not (math.isfinite(before) and math.isfinite(after)):
        return number(before), number(after)
    if isinstance(before, int) and isinstance(after, int):
        return str(before), str(after)
    largest, smallest = max(abs(before), abs(after)), min(abs(before), abs(after))
    scientific = largest >= 1e7 or largest < 1e-4 or 0 < smallest < 1e-4
    whole = math.floor(math.log10(largest)) + 1 if largest else 0
    for digits in range(_FEWEST, 17):
        form = f".{digits}g" if scientific else f".{max(0, digits - whole)}f"
        shown = format(before, form), format(after, form)
        difference = float(shown[1]) - float(shown[0])
        if shown[0] != shown[1] and (
            digits >= _MOST or abs(difference - (after - before)) <= abs(after - before) / 10
        ):
            return shown
    return repr(before), repr(after)


def column(values: Sequence[float | None]) -> list[str]:
    """Measured numbers of one table column with the same decimals; an absent one is empty.

    As few digits (3 to 5 significant) as tell all of them apart.
    """
    numbers = [value for value in values if value is not None and math.isfinite(value)]
    if not numbers or all(isinstance(value, int) for value in numbers):
        return ["" if value is None else number(value) for value in values]
    largest = max(map(abs, numbers))
    smallest = min((abs(value) for value in numbers if value), default=0.0)
    if largest >= 1e7 or largest < 1e-3 or smallest < largest / 1e4:
        return ["" if value is None else number(value, 4) for value in values]
    whole = math.floor(math.log10(largest)) + 1
    shown: list[str] = []
    for digits in range(_FEWEST, 6):
        form = f".{max(0, digits - whole)}f"
        shown = ["" if v is None else format(v, form) if math.isfinite(v) else number(v) for v in values]
        if len({s for s, v in zip(shown, values, strict=True) if v in numbers}) == len(set(numbers)):
            break
    return shown


def value(given: JSONValue, limit: int = 40) -> str:
    """A param as its owner would write it: numbers exactly, text bare, the rest as JSON."""
    if isinstance(given, str):
        return visible(given, limit) if given.strip() == given and given else visible(repr(given), limit)
    if given is None or isinstance(given, bool | int):
        return str(given)[:limit]
    if isinstance(given, float):
        return number(given) if not math.isfinite(given) else repr(given)
    return visible(json.dumps(given, ensure_ascii=False, default=str), limit)


def values(given: Sequence[JSONValue]) -> list[str]:
    """Params of a table row or column: long floats to 6 digits, unless that makes two look the same."""
    exact = [value(item) for item in given]
    short = [
        f"{item:.6g}" if isinstance(item, float) and len(text) > 10 else text
        for item, text in zip(given, exact, strict=True)
    ]
    return short if len(set(short)) == len(set(exact)) else exact


def duration_text(seconds: float | None) -> str:
    """``12 ms``, ``1.2 s``, ``3 m 05 s``, ``2 h 05 m``, ``3 d 04 h``; nothing for None."""
    if seconds is None or not math.isfinite(seconds):
        return ""
    if seconds < 0.9995:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60:02} m"
    return f"{whole // 86_400} d {whole % 86_400 // 3600:02} h"


def counted(number: int, one: str, more: str | None = None) -> str:
    """A number of things: ``1 run``, ``2,000 runs``; `more` is the plural where that is not `one` and an s."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def size(count: int) -> str:
    """A number of bytes: ``512 B``, ``1.2 kB``, ``120 MB``."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if amount < 999.5 or unit == "TB":
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 99.5 else f"{amount:.3g} {unit}"
        amount /= 1000
    raise AssertionError("unreachable")


def when(time: str, now: datetime | None = None) -> str:
    """A time (ISO 8601): in local time as ``2026-11-21 10:12``, or relative to `now` where that is short."""
    try:
        moment = datetime.fromisoformat(time)
    except ValueError:
        return visible(time, 40)
    if now is not None and moment.tzinfo is not None:
        ago = now - moment
        if timedelta(seconds=-5) <= ago < timedelta(seconds=60):
            return "just now"
        if timedelta(0) <= ago < timedelta(hours=1):
            return f"{int(ago.total_seconds() // 60)} min ago"
        if timedelta(0) <= ago < timedelta(hours=24):
            return f"{int(ago.total_seconds() // 3600)} h ago"
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")
