"""The run filter language, compiled to SQL with bound values: what a person types is never pasted into it.

:mod:`nbtrack.store.filter_syntax` reads text into a tree; this module turns the tree into a condition on a row of the
table ``runs``. A value is one SQL expression (`nbtrack.store.names`), NULL where it was not recorded. SQLite orders
numbers before texts before blobs, so ``value < ''`` says that it is a number, and a range needs no look at types.

Every condition is two-valued where it is negated. ``params.lr > 0.1`` is false for a run without ``lr``, so its negation is
true for it; SQL's third truth value would make such a run vanish from both.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from nbtrack.store.filter_changes import changed
from nbtrack.store.filter_errors import reject
from nbtrack.store.filter_names import Better, KnownNames
from nbtrack.store.filter_patterns import SEEN
from nbtrack.store.filter_runs import COLUMNS, NAME, SQL, run_test, text_test
from nbtrack.store.filter_syntax import parse_filter, parse_sort
from nbtrack.store.filter_tree import (
    And,
    Changed,
    Comparison,
    Expression,
    IsNull,
    Literal,
    Membership,
    Name,
    Not,
    Or,
)
from nbtrack.store.filter_values import as_number, like_pattern, regular_expression
from nbtrack.store.names import expression
from nbtrack.store.values import NAN, NULL

__all__ = ["KnownNames", "Order", "Query", "compile_filter", "compile_sort"]


@dataclass(frozen=True, slots=True)
class Query:
    """A condition for ``WHERE`` and the values of its question marks, in order.

    ``matches``: it has a regular expression, so the connection must know the operator
    (`nbtrack.store.filter_patterns.load`). ``lines_up``: it looks at all runs before it says anything of one, so that a
    page takes as long as all that match.
    """

    where: str
    bindings: tuple[object, ...]
    matches: bool = False
    lines_up: bool = False


EVERY = Query("1", ())


@dataclass(frozen=True, slots=True)
class Order:
    """Terms for ``ORDER BY``; ``newest``: the newest first, for which there is an index."""

    order: str
    newest: bool = False


def _no_direction(name: str) -> None:
    return None


def compile_filter(
    text: str, known: KnownNames, *, better: Better = _no_direction, now: int | None = None
) -> Query:
    """Compile a filter such as ``accuracy > 0.9 and params.lr in (0.1, 0.01)``.

    Parameters
    ----------
    text
        The filter; an empty one matches every run.
    known
        The names that runs of the store have; a bare one is looked up among metrics, params, tags, columns.
    better
        Tells the better direction of a metric, for ``best(loss)``.
    now
        The present (Unix time in ns), for ``2d ago`` and ``today``; None asks the clock.

    Raises
    ------
    FilterError
        The filter cannot be read, or a bare name is unknown; ``details["column"]`` says where, from 1.
    """
    if not text.strip():
        return EVERY
    tree = parse_filter(text, known, better)
    compiler = _Compiler(text, time.time_ns() if now is None else now)
    where = compiler.condition(tree)
    matches, lines_up = " REGEXP ?" in where, " OVER by_cell" in where
    return Query(where, tuple(compiler.bindings), matches=matches, lines_up=lines_up)


def compile_sort(items: Sequence[str], known: KnownNames, *, better: Better = _no_direction) -> Order:
    """Compile sort items such as ``-accuracy``, ``best(loss)`` or ``started desc``.

    Runs without the value come last in both directions, ties are newest first; no items means newest first.

    Raises
    ------
    FilterError
        An item names nothing that is known.
    """
    terms: list[str] = []
    for item in items:
        name, descending = parse_sort(item, known, better)
        direction = "DESC" if descending else "ASC"
        terms += [f"{term} {direction} NULLS LAST" for term in _sort_expressions(name)]
    return Order(", ".join([*terms, "runs.started DESC", "runs.key DESC"]), newest=not terms)


def _value(name: Name) -> str:
    """SQL for the value of a param, metric or tag in the current row of ``runs``."""
    value = expression(name.number)
    if name.part == "last" or name.number is None:
        return value
    # Lowest and highest of a single point are the point; those of a series that is all NaN are NaN like its last.
    wanted = "count" if name.part == "count" else f"ifnull({name.part}, {value})"
    return f"(SELECT {wanted} FROM metrics WHERE run = runs.key AND name = {name.number})"


def _sort_expressions(name: Name) -> list[str]:
    if name.kind == "run":
        return [NAME, "runs.number"] if name.key == "name" else [COLUMNS[name.key]]
    value = _value(name)
    if name.part == "count":
        return [value]
    # A param may be a number in one run and text in the next: numbers come first, text after them in both directions.
    number = f"CASE WHEN {value} < '' THEN {value} END"
    return (
        [number]
        if name.kind == "metric"
        else [number, f"CASE WHEN typeof({value}) = 'text' THEN {value} END"]
    )


def _balanced(parts: list[str], word: str) -> str:
    """Join with `word` as a balanced tree, since SQLite refuses expressions deeper than 1,000."""
    while len(parts) > 1:
        pairs = [parts[i : i + 2] for i in range(0, len(parts), 2)]
        parts = [f"({f' {word} '.join(pair)})" if len(pair) > 1 else pair[0] for pair in pairs]
    return parts[0]


@dataclass(slots=True)
class _Compiler:
    """Writes the SQL of one filter; `bindings` grow with the question marks, from left to right."""

    text: str
    now: int
    bindings: list[object] = field(default_factory=list)

    def condition(self, node: Expression, strict: bool = False) -> str:
        """The SQL of a part of the tree; `strict`: it must be true or false, since something negates it."""
        match node:
            case And(parts):
                return _balanced([self.condition(part, strict) for part in parts], "AND")
            case Or(parts):
                return _balanced([self.condition(part, strict) for part in parts], "OR")
            case Not(part):
                return f"NOT {self.condition(part, strict=True)}"
            case IsNull(name, negated):
                condition = self._is_null(name)
                return f"NOT {condition}" if negated else condition
            case Changed(name):
                return f"({changed(_value(name) if name else None)})"
            case Comparison(name, operator, value):
                return self._compare(name, operator, [value], strict)
            case Membership(name, values, negated):
                return self._compare(name, "!=" if negated else "=", list(values), strict)

    def _is_null(self, name: Name) -> str:
        """Nothing was recorded. A param that is None counts as null; a metric that is NaN was recorded."""
        if name.kind == "data":
            return "NOT EXISTS (SELECT 1 FROM datasets WHERE run_id = runs.id)"
        if name.kind == "run":
            return f"({COLUMNS[name.key]} IS NULL)"
        value = _value(name)
        if name.kind != "param":
            return f"({value} IS NULL)"
        self.bindings.append(NULL)
        return f"({value} IS NULL OR {value} = ?)"

    def _compare(self, name: Name, operator: str, values: list[Literal], strict: bool) -> str:
        """One comparison with one value, or with any (``=``) or none (``!=``) of several.

        ``!=`` is "recorded, and not equal to any of them", so it is true across types: ``'relu' != 5``.
        """
        negated = operator == "!="
        test = "=" if negated else operator
        if name.kind == "data":
            return self._data(name.key, test, values, negated)
        value = COLUMNS[name.key] if name.kind == "run" else _value(name)
        condition = _balanced([self._test(name, value, test, literal) for literal in values], "OR")
        if name == Name("run", "pinned"):
            return f"NOT {condition}" if negated else condition
        if negated:
            return f"({value} IS NOT NULL AND NOT {condition})"
        return f"({value} IS NOT NULL AND {condition})" if strict else condition

    def _test(self, name: Name, value: str, operator: str, literal: Literal) -> str:
        """The test of one thing with one value; NULL, perhaps, where nothing was recorded."""
        if name.kind == "run":
            return run_test(name.key, operator, literal, self.text, self.bindings, self.now)
        if literal.is_time:
            problem = f"{literal.shown} is a time; compare started or ended with it, or put it in quotes."
            raise reject(self.text, literal.column, problem, len(literal.shown))
        if name.kind == "metric":
            return self._metric(value, operator, literal)
        return (
            self._param(value, operator, literal)
            if name.kind == "param"
            else self._tag(value, operator, literal)
        )

    def _data(self, key: str, operator: str, values: list[Literal], negated: bool) -> str:
        """A run that read data sets, one of which (none of which) is meant."""
        column = "datasets.name" if key == "name" else "json_extract(datasets.content, '$.fingerprint')"
        tests = [text_test(column, operator, literal, self.text, self.bindings) for literal in values]
        found = f"EXISTS (SELECT 1 FROM datasets WHERE run_id = runs.id AND {_balanced(tests, 'OR')})"
        return (
            f"(EXISTS (SELECT 1 FROM datasets WHERE run_id = runs.id) AND NOT {found})" if negated else found
        )

    def _param(self, value: str, operator: str, literal: Literal) -> str:
        """The test of one param with one value: booleans with booleans, numbers with numbers, text with text.

        A quoted value also meets numbers and booleans, since MLflow quotes every param.
        """
        wanted = literal.value
        if operator in ("like", "matches"):
            return self._pattern(f"CAST({value} AS TEXT)", operator, literal)
        sql = SQL[operator]
        if isinstance(wanted, bool):
            return self._boolean(value, sql, wanted)
        if isinstance(wanted, float):
            return self._number(value, operator, wanted)
        self.bindings.append(wanted)
        tests = [f"(typeof({value}) = 'text' AND {value} {sql} ?)"]
        number = as_number(wanted)
        if number is not None:
            tests.append(self._number(value, operator, number))
        if operator == "=":
            if wanted.lower() in ("true", "false"):
                tests.append(self._boolean(value, "=", wanted.lower() == "true"))
            self.bindings.append(wanted)
            tests.append(f"(typeof({value}) <> 'text' AND CAST({value} AS TEXT) = ?)")
        return f"({' OR '.join(tests)})"

    def _pattern(self, value: str, operator: str, literal: Literal) -> str:
        if operator == "like":
            self.bindings.append(like_pattern(literal, self.text))
            return f"({value} LIKE ?)"
        self.bindings.append(regular_expression(literal, self.text))
        return f"(substr({value}, 1, {SEEN}) REGEXP ?)"

    def _boolean(self, value: str, sql: str, wanted: bool) -> str:
        # b"false" sorts before b"true", as False does before True
        self.bindings.append(b"true" if wanted else b"false")
        return f"({value} IN (x'74727565', x'66616c7365') AND {value} {sql} ?)"

    def _number(self, value: str, operator: str, wanted: float) -> str:
        """The test of a number. NaN is a blob: it is equal to ``nan`` and in no range."""
        if math.isnan(wanted):
            return self._nan(value, operator)
        sql = SQL[operator]
        plain = self._plain(value, sql, wanted)
        self.bindings.append(wanted)
        # Integers of more than 64 bits are kept as their digits, and compared as floats.
        digits = f"{value} >= x'' AND json_type(CAST({value} AS TEXT)) = 'integer'"
        return f"({plain} OR ({digits} AND CAST({value} AS REAL) {sql} ?))"

    def _plain(self, value: str, sql: str, wanted: float) -> str:
        """The test of a number as SQLite has it. What is less than a number is one; what is more may be text."""
        self.bindings.append(wanted)
        return f"({value} {sql} ? AND {value} < '')" if sql in (">", ">=") else f"({value} {sql} ?)"

    def _nan(self, value: str, operator: str) -> str:
        self.bindings.append(NAN)
        return f"({value} = ?)" if operator == "=" else "(? IS NULL)"

    def _metric(self, value: str, operator: str, literal: Literal) -> str:
        """The test of a metric's last value, or of what else was asked of it."""
        wanted = literal.value
        number = as_number(wanted) if isinstance(wanted, str) else wanted
        if operator not in SQL or isinstance(number, bool) or number is None:
            problem = f"A metric is a number; compare it with one, not with {literal.shown}."
            raise reject(self.text, literal.column, problem)
        return self._nan(value, operator) if math.isnan(number) else self._plain(value, SQL[operator], number)

    def _tag(self, value: str, operator: str, literal: Literal) -> str:
        """The test of a tag. Tags are text; with a number, those that are written as numbers are compared."""
        wanted = literal.value
        if operator in ("like", "matches"):
            return self._pattern(value, operator, literal)
        if isinstance(wanted, float):
            tests = []
            if operator == "=":
                self.bindings.append(literal.shown)
                tests.append(f"({value} = ?)")
            if not math.isnan(wanted):
                self.bindings.append(wanted)
                # CAST turns text that is no number into 0, so JSON's own idea of a number is asked first.
                is_number = f"json_type({value}) IN ('integer', 'real')"
                compared = f"{is_number} AND CAST({value} AS REAL) {SQL[operator]} ?"
                tests.append(f"(CASE WHEN json_valid({value}) THEN {compared} ELSE 0 END)")
            return f"({' OR '.join(tests)})" if tests else "0"
        if isinstance(wanted, bool):
            self.bindings.append(str(wanted).lower())
            return f"(lower({value}) {SQL[operator]} ?)"
        self.bindings.append(wanted)
        return f"({value} {SQL[operator]} ?)"
