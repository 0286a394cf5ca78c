"""The run's own columns in a run filter: SQL of each, and their tests."""

from __future__ import annotations

import math
from typing import Final

from nbtrack.store.filter_errors import reject
from nbtrack.store.filter_patterns import SEEN
from nbtrack.store.filter_tree import Literal
from nbtrack.store.filter_values import as_number, instant, like_pattern, regular_expression, seconds

SQL = {"=": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
"""An operator of the language in SQL."""

NAME = "(SELECT name FROM run_names WHERE id = runs.name)"
LABEL = f"({NAME} || '-' || runs.number)"
_FIRST_MS = 100_000_000_000
"""A number that is compared with a time is MLflow's milliseconds since 1970; fewer than these are a mistake."""


def _text(column: str) -> str:
    return f"(SELECT text FROM texts WHERE id = runs.{column})"


TEXT_COLUMNS: Final = {
    "id": "runs.id",
    "experiment": "(SELECT experiments.name FROM run_names JOIN experiments ON experiments.id = run_names.experiment"
    " WHERE run_names.id = runs.name)",
    "status": "runs.status",
    "notebook": _text("notebook"),
    "cell_id": _text("cell"),
    "commit": _text("git_commit"),
    "branch": _text("git_branch"),
    "user": f"(SELECT user FROM processes WHERE id = {_text('process')})",
}
NUMBER_COLUMNS: Final = {"number": "runs.number", "duration": "runs.duration"}
TIME_COLUMNS: Final = {"started": "runs.started", "ended": "runs.ended"}
COLUMNS: Final = {
    **TEXT_COLUMNS,
    **NUMBER_COLUMNS,
    **TIME_COLUMNS,
    "name": NAME,
    "pinned": "runs.pinned",
}


def run_test(key: str, operator: str, literal: Literal, text: str, bindings: list[object], now: int) -> str:
    """The test of one column of the run with one value. NULL where the column is."""
    if literal.is_time and key not in TIME_COLUMNS:
        raise reject(text, literal.column, f"{literal.shown} is a time; {key} is none.", len(literal.shown))
    if key == "name":
        return _name_test(operator, literal, text, bindings)
    if key in TIME_COLUMNS:
        return _time_test(TIME_COLUMNS[key], operator, literal, text, bindings, now)
    if key in NUMBER_COLUMNS:
        return _number_test(key, operator, literal, text, bindings)
    if key == "pinned":
        if operator != "=" or not isinstance(literal.value, bool):
            raise reject(text, literal.column, "Write pinned, or not pinned.", len(literal.shown))
        return f"((runs.pinned IS NOT NULL) = {int(literal.value)})"
    # MLflow writes FINISHED
    return text_test(TEXT_COLUMNS[key], operator, literal, text, bindings, lower=key == "status")


def text_test(
    column: str, operator: str, literal: Literal, text: str, bindings: list[object], *, lower: bool = False
) -> str:
    """The test of a text."""
    if operator == "like":
        bindings.append(like_pattern(literal, text))
        return f"({column} LIKE ?)"
    if operator == "matches":
        bindings.append(regular_expression(literal, text))
        return f"(substr({column}, 1, {SEEN}) REGEXP ?)"
    value = _text_of(literal, text)
    bindings.append(value.lower() if lower else value)
    return f"({column} {SQL[operator]} ?)"


def _name_test(operator: str, literal: Literal, text: str, bindings: list[object]) -> str:
    """``forest`` matches every run of that name, ``forest-3`` one; an order is that of the labels."""
    if operator not in ("=", "like", "matches"):
        return text_test(LABEL, operator, literal, text, bindings)
    plain = text_test(NAME, operator, literal, text, bindings)
    return f"({plain} OR {text_test(LABEL, operator, literal, text, bindings)})"


def _text_of(literal: Literal, text: str) -> str:
    if not isinstance(literal.value, str):
        raise reject(
            text, literal.column, f"This is text; write '{literal.shown}' in quotes to compare with it."
        )
    return literal.value


def _number_test(key: str, operator: str, literal: Literal, text: str, bindings: list[object]) -> str:
    value = literal.value
    number = as_number(value) if isinstance(value, str) else value
    if number is None and key == "duration":
        number = seconds(str(value))
    if operator not in SQL or isinstance(number, bool) or number is None:
        raise reject(text, literal.column, f"This is a number; it cannot be compared with {literal.shown}.")
    if math.isnan(number):
        return "0"
    bindings.append(number)
    return f"({NUMBER_COLUMNS[key]} {SQL[operator]} ?)"


def _time_test(
    column: str, operator: str, literal: Literal, text: str, bindings: list[object], now: int
) -> str:
    """A date stands for its day, a minute for the whole minute: ``started = '2026-11-21'`` is that day."""
    span = _span(literal, now) if operator in SQL else None
    if span is None:
        example = "'2026-11-21', '2026-11-21 10:30' (UTC), today or 2d ago"
        problem = f"Compare a time with a date such as {example}, not with {literal.shown}."
        raise reject(text, literal.column, problem, len(literal.shown))
    first, after = span
    if operator == "=" and first != after:
        bindings += [first, after]
        return f"({column} >= ? AND {column} < ?)"
    if operator == ">" and first <= now < after:
        operator = ">="  # `started > today`: nothing starts after today ends, so "since today began" is meant
    if operator in ("<", ">=", "=") or first == after:
        bindings.append(first)
        return f"({column} {operator} ?)"
    bindings.append(after)
    return f"({column} {'<' if operator == '<=' else '>='} ?)"


def _span(literal: Literal, now: int) -> tuple[int, int] | None:
    """First and next nanosecond of a time as typed."""
    value = literal.value
    if isinstance(value, str):
        return instant(value, now)
    if isinstance(value, bool) or not _FIRST_MS <= value < 9e12:
        return None
    first = int(value) * 1_000_000
    return first, first + 1_000_000
