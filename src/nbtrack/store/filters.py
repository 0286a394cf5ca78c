"""The run filter language, compiled to SQL with bound values: what a person types is never pasted into it.

:mod:`nbtrack.store.filter_syntax` reads text into a tree; this module turns the tree into a condition on a row of the
table ``runs``. A value is one SQL expression (`nbtrack.store.names`), NULL where it was not recorded. SQLite orders
numbers before texts before blobs, so ``value < ''`` says that it is a number, and a range needs no look at types.

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
from nbtrack.store.names import expression
from nbtrack.store.values import NAN, NULL

__all__ = ["KnownNames", "Order", "Query", "compile_filter", "compile_sort"]

_SQL = {"=": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_NAME = "(SELECT name FROM run_names WHERE id = runs.name)"
_LABEL = f"({_NAME} || '-' || runs.number)"
_TEXT_COLUMNS = {
    "id": "runs.id",
    "experiment": "(SELECT experiments.name FROM run_names JOIN experiments ON experiments.id = run_names.experiment"
    " WHERE run_names.id = runs.name)",
    "status": "runs.status",
    "notebook": "(SELECT text FROM texts WHERE id = runs.notebook)",
    "cell_id": "(SELECT text FROM texts WHERE id = runs.cell)",
}
_NUMBER_COLUMNS = {"number": "runs.number", "duration": "runs.duration"}
_COLUMNS = {**_TEXT_COLUMNS, **_NUMBER_COLUMNS, "name": _NAME, "started": "runs.started"}


@dataclass(frozen=True, slots=True)
class Query:
    """A condition for ``WHERE`` and the values of its question marks, in order."""

    where: str
    bindings: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """Terms for ``ORDER BY``."""

    order: str


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
    for item in items:
        name, descending = parse_sort(item, known)
        direction = "DESC" if descending else "ASC"
        terms += [f"{term} {direction} NULLS LAST" for term in _sort_expressions(name)]
    return Order(", ".join([*terms, "runs.started DESC", "runs.key DESC"]))


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
        return f"({_COLUMNS[name.key]} IS NULL)"
    value = expression(name.number)
    if name.kind != "param":
        return f"({value} IS NULL)"
    bindings.append(NULL)
    return f"({value} IS NULL OR {value} = ?)"


def _compare(name: Name, operator: str, values: list[Literal], text: str, bindings: list[object]) -> str:
    """One comparison with one value, or with any (``=``) or none (``!=``) of several.

    ``!=`` is "recorded, and not equal to any of them", so it is true across types: ``'relu' != 5``.
    """
    negated = operator == "!="
    test = "=" if negated else operator
    if name.kind == "run":
        inner = _run_test(name, test, values, text, bindings)
        present, condition = inner.present, inner.condition
    else:
        value = expression(name.number)
        one = {"param": _param_test, "metric": _metric_test, "tag": _tag_test}[name.kind]
        present = f"{value} IS NOT NULL"
        condition = _balanced([one(value, test, literal, text, bindings) for literal in values], "OR")
    return f"({present} AND NOT {condition})" if negated else f"({present} AND {condition})"


def _param_test(value: str, operator: str, literal: Literal, text: str, bindings: list[object]) -> str:
    """The test of one param with one value: booleans with booleans, numbers with numbers, text with text.

    A quoted value also meets numbers and booleans, since MLflow quotes every param.
    """
    wanted = literal.value
    if operator == "like":
        bindings.append(like_pattern(literal, text))
        return f"(CAST({value} AS TEXT) LIKE ?)"
    sql = _SQL[operator]
    if isinstance(wanted, bool):
        return _boolean(value, sql, wanted, bindings)
    if isinstance(wanted, float):
        return _is_number(value, operator, wanted, bindings)
    bindings.append(wanted)
    tests = [f"(typeof({value}) = 'text' AND {value} {sql} ?)"]
    number = as_number(wanted)
    if number is not None:
        tests.append(_is_number(value, operator, number, bindings))
    if operator == "=":
        if wanted.lower() in ("true", "false"):
            tests.append(_boolean(value, "=", wanted.lower() == "true", bindings))
        bindings.append(wanted)
        tests.append(f"(typeof({value}) <> 'text' AND CAST({value} AS TEXT) = ?)")
    return f"({' OR '.join(tests)})"


def _boolean(value: str, sql: str, wanted: bool, bindings: list[object]) -> str:
    # b"false" sorts before b"true", as False does before True
    bindings.append(b"true" if wanted else b"false")
    return f"({value} IN (x'74727565', x'66616c7365') AND {value} {sql} ?)"


def _is_number(value: str, operator: str, wanted: float, bindings: list[object]) -> str:
    """The test of a number. NaN is a blob: it is equal to ``nan`` and in no range."""
    if math.isnan(wanted):
        bindings.append(NAN)
        return f"({value} {_SQL[operator]} ?)" if operator == "=" else "(? IS NULL)"
    sql = _SQL[operator]
    bindings += [wanted, wanted]
    # Integers of more than 64 bits are kept as their digits, and compared as floats.
    digits = f"typeof({value}) = 'blob' AND json_type(CAST({value} AS TEXT)) = 'integer'"
    return f"(({value} {sql} ? AND {value} < '') OR ({digits} AND CAST({value} AS REAL) {sql} ?))"


def _metric_test(value: str, operator: str, literal: Literal, text: str, bindings: list[object]) -> str:
    """The test of a metric's last value."""
    wanted = literal.value
    number = as_number(wanted) if isinstance(wanted, str) else wanted
    if operator == "like" or isinstance(number, bool) or number is None:
        raise reject(
            text, literal.column, f"A metric is a number; compare it with one, not with {literal.shown}."
        )
    bindings.append(NAN if math.isnan(number) else number)
    if math.isnan(number):
        return f"({value} = ?)" if operator == "=" else "(? IS NULL)"
    return f"({value} {_SQL[operator]} ? AND {value} < '')"


def _tag_test(value: str, operator: str, literal: Literal, text: str, bindings: list[object]) -> str:
    """The test of a tag. Tags are text; with a number, those that are written as numbers are compared."""
    wanted = literal.value
    if operator == "like":
        bindings.append(like_pattern(literal, text))
        return f"({value} LIKE ?)"
    if isinstance(wanted, float):
        tests = []
        if operator == "=":
            bindings.append(literal.shown)
            tests.append(f"({value} = ?)")
        if not math.isnan(wanted):
            bindings.append(wanted)
            # CAST turns text that is no number into 0, so JSON's own idea of a number is asked first.
            is_number = f"json_type({value}) IN ('integer', 'real')"
            compared = f"{is_number} AND CAST({value} AS REAL) {_SQL[operator]} ?"
            tests.append(f"(CASE WHEN json_valid({value}) THEN {compared} ELSE 0 END)")
        return f"({' OR '.join(tests)})" if tests else "0"
    if isinstance(wanted, bool):
        bindings.append(str(wanted).lower())
        return f"(lower({value}) {_SQL[operator]} ?)"
    bindings.append(wanted)
    return f"({value} {_SQL[operator]} ?)"


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
        return f"({_NAME} {word} ? OR {_LABEL} {word} ?)"
    return _text_test(_LABEL, operator, literal, text, bindings)


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


def _sort_expressions(name: Name) -> list[str]:
    if name.kind == "run":
        return [_NAME, "runs.number"] if name.key == "name" else [_COLUMNS[name.key]]
    value = expression(name.number)
    # A param may be a number in one run and text in the next: numbers come first, text after them in both directions.
    return [
        f"CASE WHEN {value} < '' THEN {value} END",
        f"CASE WHEN typeof({value}) = 'text' THEN {value} END",
    ]
