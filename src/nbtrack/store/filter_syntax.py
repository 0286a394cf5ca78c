"""Reading a run filter: text into a checked tree, with names resolved to those the store knows."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from nbtrack.errors import FilterError
from nbtrack.store.filter_errors import nearest, reject
from nbtrack.store.filter_names import FUNCTIONS, Better, KnownNames, apply, resolve, resolve_call, unquoted
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
from nbtrack.store.filter_values import seconds

if TYPE_CHECKING:
    from lark import Lark

LONGEST = 20_000  # so that the values stay below the 32,766 that SQLite binds
DEEPEST = 50

_GRAMMAR = r"""
?start: disjunction
?disjunction: conjunction (OR conjunction)*
?conjunction: negation (AND negation)*
?negation: NOT negation -> negated
    | "(" disjunction ")"
    | subject OPERATOR operand -> comparison
    | value OPERATOR subject -> turned
    | value OPERATOR subject OPERATOR operand -> chained
    | subject (LIKE | MATCHES) value -> comparison
    | subject NOT (LIKE | MATCHES) value -> unlike
    | subject NOT? BETWEEN operand AND operand -> between
    | subject NOT? IN "(" operand ("," operand)* ","? ")" -> membership
    | subject IS NOT? NULL -> is_null
    | subject -> alone
    | CHANGED "(" name ")" -> changed
    | subject OPERATOR name -> two_names
    | subject (LIKE | MATCHES) name -> two_names
subject: name | FUNCTION "(" name ")"
name: PREFIXED | BACKQUOTED | NAME
value: NUMBER | SINGLE | DOUBLE | BOOLEAN | SPECIAL | AGO | SPAN | DATE
operand: value | DAY

PREFIXED.4: /(param(eter)?s?|metrics?|tags?|run|attr(ibute)?s?|datasets?)\.("([^"]|"")*"|`([^`]|``)*`|\w([\w.\/:-]*\w)?)/
BACKQUOTED.3: /`([^`]|``)*`/
FUNCTION.6: /(best|last|min|max|count)(?=\s*\()/i
CHANGED.6: /changed(?=\s*\()/i
SINGLE.3: /'([^']|'')*'/
DOUBLE.3: /"([^"]|"")*"/
NUMBER.3: /[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?(?![\w.])/
SPECIAL.3: /[-+]?inf(inity)?\b(?![.\/:-])|nan\b(?![.\/:-])/i
BOOLEAN.3: /(true|false)\b(?![.\/:-])/i
AGO.6: /\d+(\.\d+)?\s*[^\W\d]+\s+ago\b/i
SPAN.4: /\d+(\.\d+)?\s*(milliseconds?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|h|days?|d|weeks?|w)(?![\w.])/i
DATE.5: /\d{4}-\d\d-\d\d(?!\d)([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?)?(Z|[-+]\d\d:?\d\d)?/i
DAY.4: /(now|today|yesterday)\b(?![.\/:-]\w)/i
AND.5: /and\b(?![.\/:-]\w)/i
OR.5: /or\b(?![.\/:-]\w)/i
NOT.5: /not\b(?![.\/:-]\w)/i
IN.5: /in\b(?![.\/:-]\w)/i
IS.5: /is\b(?![.\/:-]\w)/i
NULL.5: /(null|none)\b/i
LIKE.5: /i?like\b(?![.\/:-]\w)/i
MATCHES.5: /matches\b(?![.\/:-]\w)/i
BETWEEN.5: /between\b(?![.\/:-]\w)/i
NAME: /[^\W\d](?:[\w.\/:-]*\w)?/
OPERATOR: "==" | "=" | "!=" | "<>" | "<=" | "<" | ">=" | ">"
%ignore /\s+/
"""


def parse_filter(text: str, known: KnownNames, better: Better) -> Expression:
    """Read a filter; raises `FilterError` with the column of what is wrong."""
    from lark.exceptions import UnexpectedInput

    _bound(text)
    try:
        tree = parser().parse(text)
    except UnexpectedInput as error:
        raise _explain(text, error) from None
    return _Reader(text, known, better).read(tree)


def parse_sort(item: str, known: KnownNames, better: Better) -> tuple[Name, bool]:
    """Read ``accuracy``, ``-best(loss)`` or ``params.lr desc``: the name, and whether it descends."""
    text = item.strip()
    descending = text.startswith("-")
    text = text[1:] if text[:1] in ("-", "+") else text
    word = text.rpartition(" ")[2].lower()
    if word in ("asc", "desc"):
        text, descending = text.rpartition(" ")[0].strip(), word == "desc"
    column = item.find(text) + 1 if text else 1
    if not text or len(text) > LONGEST:
        raise reject(item, 1, "A sort item is a name such as accuracy, -accuracy or params.lr.")
    name = resolve_call(text, known, better, item, column)
    if name.kind == "data":
        raise reject(
            item, column, "A run may have several data sets; it cannot be sorted by them.", len(text)
        )
    return name, descending


@lru_cache(maxsize=1)
def parser() -> Lark:
    """The parser of the language; the first call takes a tenth of a second."""
    from lark import Lark

    made = Lark(_GRAMMAR, parser="lalr", maybe_placeholders=False)
    made.parse("x > 0")  # lark compiles its terminals when it reads for the first time
    return made


def _bound(text: str) -> None:
    """Refuse what no person writes before it costs anything: endless text, half characters."""
    if len(text) > LONGEST:
        raise reject(
            text[:200], 1, f"A filter has at most {LONGEST:,} characters; this one has {len(text):,}."
        )
    for position, character in enumerate(text):
        if "\ud800" <= character <= "\udfff":
            raise reject(
                text.replace(character, "?"), position + 1, "This half of a character cannot be stored."
            )


@dataclass(frozen=True, slots=True)
class _Reader:
    """Turns lark's tree of one filter into the checked one."""

    text: str
    known: KnownNames
    better: Better

    def read(self, tree: Any, depth: int = 0) -> Expression:
        if depth > DEEPEST:
            raise reject(self.text, 1, f"This filter is nested deeper than {DEEPEST} levels.")
        children = tree.children
        if tree.data in ("disjunction", "conjunction"):
            parts = tuple(self.read(child, depth + 1) for child in children[::2])
            return Or(parts) if tree.data == "disjunction" else And(parts)
        if tree.data == "negated":
            return Not(self.read(children[1], depth + 1))
        read: Callable[[list[Any]], Expression] = getattr(self, f"_{tree.data}")
        return read(children)

    def _comparison(self, children: list[Any]) -> Expression:
        return Comparison(self._subject(children[0]), _operator(children[1]), _literal(children[2]))

    def _turned(self, children: list[Any]) -> Expression:
        return Comparison(self._subject(children[2]), _turned(children[1]), _literal(children[0]))

    def _chained(self, children: list[Any]) -> Expression:
        first, second = _operator(children[1]), _operator(children[3])
        if {first, second} - {"<", "<="} and {first, second} - {">", ">="}:
            column = children[3].start_pos + 1
            problem = f"A range goes one way, such as 0.1 < lr <= 0.5 (column {column})."
            raise reject(self.text, column, problem, len(children[3]))
        return And((self._turned(children[:3]), self._comparison(children[2:])))

    def _unlike(self, children: list[Any]) -> Expression:
        return Not(self._comparison([children[0], *children[2:]]))

    def _between(self, children: list[Any]) -> Expression:
        name = self._subject(children[0])
        low, high = (_literal(child) for child in children if _is(child, "operand"))
        within = And((Comparison(name, ">=", low), Comparison(name, "<=", high)))
        if any(_is(child, "NOT") for child in children):
            return And((IsNull(name, negated=True), Not(within)))
        return within

    def _membership(self, children: list[Any]) -> Expression:
        values = tuple(_literal(child) for child in children if _is(child, "operand"))
        return Membership(self._subject(children[0]), values, any(_is(child, "NOT") for child in children))

    def _is_null(self, children: list[Any]) -> Expression:
        return IsNull(self._subject(children[0]), any(_is(child, "NOT") for child in children))

    def _alone(self, children: list[Any]) -> Expression:
        """A name without a comparison: pinned, tagged, or a param that is true."""
        name = self._subject(children[0])
        if name.kind == "tag" or name == Name("run", "pinned"):
            return IsNull(name, negated=True)
        token = children[0].children[-1].children[0]
        if name.kind == "param":
            return Comparison(name, "=", Literal(True, str(token), token.start_pos + 1))
        end = len(self.text.rstrip()) if token.end_pos == len(self.text.rstrip()) else token.end_pos
        problem = f"A comparison is missing behind {str(token)[:60]!r} (column {end + 1}), such as > 0.9"
        raise reject(self.text, end + 1, problem)

    def _changed(self, children: list[Any]) -> Expression:
        token = children[1].children[0]
        if str(token).lower() == "code" and "code" not in self.known.params:
            return Changed(None)
        name = self._name(children[1])
        if name.kind in ("run", "data"):
            problem = f"changed() is for params, metrics, tags and code, not for {str(token)[:60]!r}."
            raise reject(self.text, token.start_pos + 1, problem, len(token))
        return Changed(name)

    def _two_names(self, children: list[Any]) -> Expression:
        token = children[2].children[0]
        column = token.start_pos + 1
        problem = f"A name is compared with a value at column {column}; text needs quotes: '{token}'."
        raise reject(self.text, column, problem, len(token))

    def _name(self, node: Any) -> Name:
        token = node.children[0]
        return resolve(str(token), self.known, self.text, token.start_pos + 1)

    def _subject(self, node: Any) -> Name:
        name = self._name(node.children[-1])
        if len(node.children) == 1:
            return name
        function = node.children[0]
        return apply(str(function), name, self.better, self.text, function.start_pos + 1)


def _is(child: Any, what: str) -> bool:
    """Whether a child is the token or the rule `what`."""
    return what in (getattr(child, "type", None), getattr(child, "data", None))


def _operator(token: Any) -> str:
    word = token.lower()
    return {"==": "=", "<>": "!=", "ilike": "like"}.get(word, str(word))


def _turned(token: Any) -> str:
    operator = _operator(token)
    return {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(operator, operator)


def _literal(node: Any) -> Literal:
    token = node.children[0]
    token = token.children[0] if hasattr(token, "children") else token
    shown, column = str(token), token.start_pos + 1
    match token.type:
        case "SINGLE" | "DOUBLE":
            return Literal(unquoted(shown), shown, column)
        case "AGO" | "DATE" | "DAY":
            return Literal(shown, shown, column, is_time=True)
        case "BOOLEAN":
            return Literal(shown.lower() == "true", shown, column)
        case "SPAN":
            return Literal(seconds(shown) or 0.0, shown, column)
    return Literal(float(shown), shown, column)


def _explain(text: str, error: Any) -> FilterError:
    """A sentence for what the parser stumbled over."""
    token = getattr(error, "token", None)
    if token is not None and token.type == "$END":
        problem = (
            "The filter ends too early: a value is missing"
            if text.rstrip()[-1:] in "=<>"
            else "The filter ends too early"
        )
        return reject(text, len(text.rstrip()) + 1, f"{problem} (column {len(text.rstrip()) + 1}).")
    position = error.pos_in_stream if token is None else token.start_pos
    column = position + 1
    rest = text[position:]
    length = len(token) if token is not None else 1
    called = re.search(r"(\w+)\s*$", text[:position]) if rest[0] == "(" else None
    if called is not None:
        functions = (*FUNCTIONS, "changed")
        candidate = nearest(called[1], functions)
        hint = f"did you mean {candidate}()?" if candidate else f"there are {', '.join(functions)}."
        column, length = called.start() + 1, len(called[1])
        problem = f"There is no function {called[1][:60]!r} (column {column}): {hint}"
        return reject(text, column, problem, length, name=called[1], nearest=candidate)
    if rest[0] in "'\"`":
        closed = rest.find(rest[0], 1) > 0
        problem = "Text is not expected here" if closed else "The quote that opens here is never closed"
    elif rest[:1] in "&|":
        typed = rest[0] * (2 if rest[1:2] == rest[0] else 1)
        problem = f"Write `{'and' if rest[0] == '&' else 'or'}` instead of `{typed}`"
    else:
        shown = str(token) if token is not None else rest[0]
        problem = f"Not expected here: {shown[:40]!r}"
    return reject(
        text,
        column,
        f"{problem} (column {column}). A filter looks like: accuracy > 0.9 and params.lr <= 0.1",
        length,
    )
