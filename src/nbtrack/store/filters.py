"""The run filter language, compiled to SQL with bound values: what a person types is never pasted into it.

:mod:`nbtrack.store.filter_syntax` reads text into a tree; this module turns the tree into a condition over
the tables ``runs``, ``experiments`` (joined), ``params``, ``metrics`` and ``tags``.

Every condition is two-valued. ``params.lr > 0.1`` is false for a run without ``lr``, so its negation is true
for it; SQL's third truth value would make such a run vanish from both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nbtrack.store.filter_errors import reject
from nbtrack.store.filter_syntax import (
    And,
    Comparison,
    Expression,
    IsNull,
    KnownNames,
    Literal,
    Membership,
    Name,
    Not,
    Or,
    parse_filter,
    parse_sort,
)
from nbtrack.store.filter_values import as_number, instant, like_pattern

__all__ = ["KnownNames", "Order", "Query", "compile_filter", "compile_sort"]

_SQL = {"=": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_MIRROR = {"param": "params", "metric": "metrics", "tag": "tags"}
_TEXT_COLUMNS = {
    "id": "runs.id",
    "experiment": "experiments.name",
    "status": "runs.status",
    "notebook": "runs.notebook",
    "cell_id": "runs.cell_id",
}
_NUMBER_COLUMNS = {"number": "runs.number", "duration": "runs.duration"}


@dataclass(frozen=True, slots=True)
class Query:
    """A condition for ``WHERE`` and the values of its question marks, in order."""

    where: str
    bindings: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """Terms for ``ORDER BY`` and the values of their question marks, in order."""

    order: str
    bindings: tuple[object, ...]


def compile_filter(text: str, known: KnownNames) -> Query:
    """Compile a filter such as ``accuracy > 0.9 and params.lr in (0.1, 0.01)``.

    Parameters
    ----------
    text
        The filter; an empty one matches every run.
    known
        The names that runs of the store have; a bare one is looked up among metrics, params, tags, columns.

    Raises
    ------
    FilterError
        The filter cannot be read, or a bare name is unknown; ``details["column"]`` says where, from 1.
    """
    if not text.strip():
        return Query("1", ())
    tree = parse_filter(text, known)
    bindings: list[object] = []
    return Query(_condition(tree, text, bindings), tuple(bindings))


def compile_sort(items: Sequence[str], known: KnownNames) -> Order:
    """Compile sort items such as ``-accuracy``, ``params.lr`` or ``started desc``.

    Runs without the value come last in both directions, ties are newest first; no items means newest first.

    Raises
    ------
    FilterError
        An item names nothing that is known.
    """
    terms: list[str] = []
    bindings: list[object] = []
    for item in items:
        name, descending = parse_sort(item, known)
        direction = "DESC" if descending else "ASC"
        expressions, bound = _sort_expressions(name)
        terms += [f"{expression} {direction} NULLS LAST" for expression in expressions]
        bindings += bound
    return Order(", ".join([*terms, "runs.started DESC", "runs.id DESC"]), tuple(bindings))


def _condition(node: Expression, text: str, bindings: list[object]) -> str:
    match node:
        case And(parts):
            return _balanced([_condition(part, text, bindings) for part in parts], "AND")
        case Or(parts):
            return _balanced([_condition(part, text, bindings) for part in parts], "OR")
        case Not(part):
            return f"NOT {_condition(part, text, bindings)}"
        case IsNull(name, negated):
            condition = _is_null(name, bindings)
            return f"NOT {condition}" if negated else condition
        case Comparison(name, operator, value):
            return _compare(name, operator, [value], text, bindings)
        case Membership(name, values, negated):
            return _compare(name, "!=" if negated else "=", list(values), text, bindings)


def _balanced(parts: list[str], word: str) -> str:
    """Join with `word` as a balanced tree, since SQLite refuses expressions deeper than 1,000."""
    while len(parts) > 1:
        pairs = [parts[i : i + 2] for i in range(0, len(parts), 2)]
        parts = [f"({f' {word} '.join(pair)})" if len(pair) > 1 else pair[0] for pair in pairs]
    return parts[0]


def _is_null(name: Name, bindings: list[object]) -> str:
    """Nothing was recorded. A param that is None counts as null; a metric that is NaN was recorded."""
    if name.kind == "run":
        column = {**_TEXT_COLUMNS, **_NUMBER_COLUMNS, "name": "runs.label", "started": "runs.started"}[
            name.key
        ]
        return f"({column} IS NULL)"
    bindings.append(name.key)
    none = " AND params.type <> 'null'" if name.kind == "param" else ""
    table = _MIRROR[name.kind]
    return f"(NOT EXISTS (SELECT 1 FROM {table} WHERE {table}.run_id = runs.id AND {table}.key = ?{none}))"


def _compare(name: Name, operator: str, values: list[Literal], text: str, bindings: list[object]) -> str:
    """One comparison with one value, or with any (``=``) or none (``!=``) of several.

    ``!=`` is "recorded, and not equal to any of them", so it is true across types: ``'relu' != 5``.
    """
    negated = operator == "!="
    test = "=" if negated else operator
    if name.kind == "run":
        inner = _run_test(name, test, values, text, bindings)
        return (
            f"({inner.present} AND NOT {inner.condition})"
            if negated
            else f"({inner.present} AND {inner.condition})"
        )
    table = _MIRROR[name.kind]
    bindings.append(name.key)
    one = {"param": _param_test, "metric": _metric_test, "tag": _tag_test}[name.kind]
    condition = _balanced([one(test, value, text, bindings) for value in values], "OR")
    if negated:
        condition = f"NOT {condition}"
    return (
        f"(EXISTS (SELECT 1 FROM {table} WHERE {table}.run_id = runs.id AND {table}.key = ? AND {condition}))"
    )


def _param_test(operator: str, literal: Literal, text: str, bindings: list[object]) -> str:
    """The test of one param with one value: booleans with booleans, numbers with numbers, text with text.

    A quoted value also meets numbers and booleans, since MLflow quotes every param.
    """
    value = literal.value
    if operator == "like":
        bindings.append(like_pattern(literal, text))
        return "(CASE params.type WHEN 'str' THEN params.text ELSE params.value END LIKE ?)"
    sql = _SQL[operator]
    if isinstance(value, bool):
        bindings.append(float(value))
        return f"(params.type = 'bool' AND params.number {sql} ?)"
    if isinstance(value, float):
        if math.isnan(value):
            return _nan(operator, "(params.type = 'float' AND params.number IS NULL)")
        bindings.append(value)
        return f"(params.type IN ('int', 'float') AND coalesce(params.number {sql} ?, 0))"
    bindings.append(value)
    tests = [f"(params.type = 'str' AND params.text {sql} ?)"]
    number = as_number(value)
    if number is not None:
        bindings.append(number)
        tests.append(f"(params.type IN ('int', 'float') AND coalesce(params.number {sql} ?, 0))")
    if operator == "=":
        if value.lower() in ("true", "false"):
            bindings.append(float(value.lower() == "true"))
            tests.append("(params.type = 'bool' AND params.number = ?)")
        bindings.append(value)
        tests.append("(params.type <> 'str' AND params.value = ?)")
    return f"({' OR '.join(tests)})"


def _metric_test(operator: str, literal: Literal, text: str, bindings: list[object]) -> str:
    """The test of a metric's last value. NaN is stored as NULL: it is equal to ``nan`` and in no range."""
    value = literal.value
    number = as_number(value) if isinstance(value, str) else value
    if operator == "like" or isinstance(number, bool) or number is None:
        raise reject(
            text, literal.column, f"A metric is a number; compare it with one, not with {literal.shown}."
        )
    if math.isnan(number):
        return _nan(operator, "(metrics.last IS NULL)")
    bindings.append(number)
    return f"coalesce(metrics.last {_SQL[operator]} ?, 0)"


def _nan(operator: str, is_nan: str) -> str:
    return is_nan if operator == "=" else "0"


def _tag_test(operator: str, literal: Literal, text: str, bindings: list[object]) -> str:
    """The test of a tag. Tags are text; with a number, those that are written as numbers are compared."""
    value = literal.value
    if operator == "like":
        bindings.append(like_pattern(literal, text))
        return "(tags.value LIKE ?)"
    if isinstance(value, float):
        tests = []
        if operator == "=":
            bindings.append(literal.shown)
            tests.append("(tags.value = ?)")
        if not math.isnan(value):
            bindings.append(value)
            # CAST turns text that is no number into 0, so JSON's own idea of a number is asked first.
            is_number = "json_type(tags.value) IN ('integer', 'real')"
            compared = f"{is_number} AND CAST(tags.value AS REAL) {_SQL[operator]} ?"
            tests.append(f"(CASE WHEN json_valid(tags.value) THEN {compared} ELSE 0 END)")
        return f"({' OR '.join(tests)})" if tests else "0"
    if isinstance(value, bool):
        bindings.append(str(value).lower())
        return f"(lower(tags.value) {_SQL[operator]} ?)"
    bindings.append(value)
    return f"(tags.value {_SQL[operator]} ?)"


@dataclass(frozen=True, slots=True)
class _RunTest:
    present: str
    condition: str


def _run_test(
    name: Name, operator: str, values: list[Literal], text: str, bindings: list[object]
) -> _RunTest:
    one: Callable[[Literal], str]
    if name.key == "name":
        present, one = "1", lambda value: _name_test(operator, value, text, bindings)
    elif name.key == "started":
        present, one = "1", lambda value: _time_test(operator, value, text, bindings)
    elif name.key in _NUMBER_COLUMNS:
        column = _NUMBER_COLUMNS[name.key]
        present, one = (
            f"{column} IS NOT NULL",
            lambda value: _number_test(column, operator, value, text, bindings),
        )
    else:
        column = _TEXT_COLUMNS[name.key]
        lower = name.key == "status"  # MLflow writes FINISHED
        present = f"{column} IS NOT NULL"
        one = lambda value: _text_test(column, operator, value, text, bindings, lower=lower)  # noqa: E731
    return _RunTest(present, _balanced([one(value) for value in values], "OR"))


def _name_test(operator: str, literal: Literal, text: str, bindings: list[object]) -> str:
    """``forest`` matches every run of that name, ``forest-3`` one; an order is that of the labels."""
    if operator in ("=", "like"):
        value = like_pattern(literal, text) if operator == "like" else _text_of(literal, text)
        bindings += [value, value]
        word = "LIKE" if operator == "like" else "="
        return f"(runs.name {word} ? OR runs.label {word} ?)"
    return _text_test("runs.label", operator, literal, text, bindings)


def _text_test(
    column: str, operator: str, literal: Literal, text: str, bindings: list[object], *, lower: bool = False
) -> str:
    if operator == "like":
        bindings.append(like_pattern(literal, text))
        return f"({column} LIKE ?)"
    value = _text_of(literal, text)
    bindings.append(value.lower() if lower else value)
    return f"({column} {_SQL[operator]} ?)"


def _text_of(literal: Literal, text: str) -> str:
    if not isinstance(literal.value, str):
        raise reject(
            text, literal.column, f"This is text; write '{literal.shown}' in quotes to compare with it."
        )
    return literal.value


def _number_test(column: str, operator: str, literal: Literal, text: str, bindings: list[object]) -> str:
    value = literal.value
    number = as_number(value) if isinstance(value, str) else value
    if operator == "like" or isinstance(number, bool) or number is None:
        raise reject(text, literal.column, f"This is a number; it cannot be compared with {literal.shown}.")
    if math.isnan(number):
        return "0"
    bindings.append(number)
    return f"({column} {_SQL[operator]} ?)"


def _time_test(operator: str, literal: Literal, text: str, bindings: list[object]) -> str:
    """A date stands for its day, a minute for the whole minute: ``started = '2026-11-21'`` is that day."""
    span = instant(literal.value) if isinstance(literal.value, str) and operator != "like" else None
    if span is None:
        example = "'2026-11-21' or '2026-11-21 10:30' (UTC)"
        problem = f"Compare a time with a date such as {example}, not with {literal.shown}."
        raise reject(text, literal.column, problem)
    first, after = span
    match operator:
        case "=":
            bindings += [first, after]
            return "(runs.started >= ? AND runs.started < ?)"
        case "<" | ">=":
            bindings.append(first)
            return f"(runs.started {operator} ?)"
        case _:
            bindings.append(after)
            return f"(runs.started {'<' if operator == '<=' else '>='} ?)"


def _sort_expressions(name: Name) -> tuple[list[str], list[object]]:
    if name.kind == "run":
        if name.key == "name":
            return ["runs.name", "runs.number"], []
        return [{**_TEXT_COLUMNS, **_NUMBER_COLUMNS, "started": "runs.started"}[name.key]], []
    table = _MIRROR[name.kind]
    # A param may be a number in one run and text in the next: numbers come first, text after them.
    columns = {"param": ["number", "text"], "metric": ["last"], "tag": ["value"]}[name.kind]
    selects = [
        f"(SELECT {table}.{column} FROM {table} WHERE {table}.run_id = runs.id AND {table}.key = ?)"
        for column in columns
    ]
    return selects, [name.key] * len(columns)
