"""Reading a run filter: text into a tree of comparisons, with names resolved to those the store knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias
from typing import Literal as OneOf

from nbtrack.errors import FilterError
from nbtrack.store.filter_errors import nearest, reject

if TYPE_CHECKING:
    from lark import Lark

LONGEST = 20_000  # so that the values stay below the 32,766 that SQLite binds
DEEPEST = 50
RUN_COLUMNS = ("id", "name", "experiment", "status", "started", "duration", "notebook", "number", "cell_id")
_ALIASES = {"run_id": "id", "run_name": "name", "start_time": "started"}

_GRAMMAR = r"""
?start: disjunction
?disjunction: conjunction (OR conjunction)*
?conjunction: negation (AND negation)*
?negation: NOT negation -> negated
    | "(" disjunction ")"
    | name OPERATOR value -> comparison
    | value OPERATOR name -> turned
    | name LIKE value -> comparison
    | name NOT LIKE value -> unlike
    | name NOT? IN "(" value ("," value)* ","? ")" -> membership
    | name IS NOT? NULL -> is_null
    | name OPERATOR name -> two_names
    | name LIKE name -> two_names
name: PREFIXED | BACKQUOTED | NAME
value: NUMBER | SINGLE | DOUBLE | BOOLEAN | SPECIAL

PREFIXED.4: /(param(eter)?s?|metrics?|tags?|run|attributes?)\.("([^"]|"")*"|`([^`]|``)*`|\w([\w.\/:-]*\w)?)/
BACKQUOTED.3: /`([^`]|``)*`/
SINGLE.3: /'([^']|'')*'/
DOUBLE.3: /"([^"]|"")*"/
NUMBER.3: /[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?(?![\w.])/
SPECIAL.3: /[-+]?inf(inity)?\b(?![.\/:-])|nan\b(?![.\/:-])/i
BOOLEAN.3: /(true|false)\b(?![.\/:-])/i
AND.5: /and\b(?![.\/:-]\w)/i
OR.5: /or\b(?![.\/:-]\w)/i
NOT.5: /not\b(?![.\/:-]\w)/i
IN.5: /in\b(?![.\/:-]\w)/i
IS.5: /is\b(?![.\/:-]\w)/i
NULL.5: /(null|none)\b/i
LIKE.5: /i?like\b(?![.\/:-]\w)/i
NAME: /[^\W\d](?:[\w.\/:-]*\w)?/
OPERATOR: "==" | "=" | "!=" | "<>" | "<=" | "<" | ">=" | ">"
%ignore /\s+/
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownNames:
    """The names that runs have, each with its number, against which a bare name in a filter is looked up."""

    params: Mapping[str, int] = field(default_factory=dict)
    metrics: Mapping[str, int] = field(default_factory=dict)
    tags: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Name:
    """A resolved name: a param, a metric, a tag, or a column of the run. ``number`` is None where no run has it."""

    kind: OneOf["param", "metric", "tag", "run"]
    key: str
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Literal:
    """A value as typed: ``shown`` is its text, ``column`` where it stands."""

    value: float | bool | str
    shown: str
    column: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """``name operator value``; the operator is one of ``= != < <= > >= like``."""

    name: Name
    operator: str
    value: Literal


@dataclass(frozen=True, slots=True)
class Membership:
    """``name [not] in (values)``."""

    name: Name
    values: tuple[Literal, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class IsNull:
    """``name is [not] null``."""

    name: Name
    negated: bool


@dataclass(frozen=True, slots=True)
class Not:
    """``not part``."""

    part: Expression


@dataclass(frozen=True, slots=True)
class And:
    """All of the parts."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of the parts."""

    parts: tuple[Expression, ...]


Expression: TypeAlias = Comparison | Membership | IsNull | Not | And | Or


def parse_filter(text: str, known: KnownNames) -> Expression:
    """Read a filter; raises `FilterError` with the column of what is wrong."""
    from lark.exceptions import UnexpectedInput

    _bound(text)
    try:
        tree = _parser().parse(text)
    except UnexpectedInput as error:
        raise _explain(text, error) from None
    return _build(tree, text, known)


def parse_sort(item: str, known: KnownNames) -> tuple[Name, bool]:
    """Read ``accuracy``, ``-accuracy`` or ``params.lr desc``: the name, and whether it descends."""
    text = item.strip()
    descending = text.startswith("-")
    text = text[1:] if text[:1] in ("-", "+") else text
    word = text.rpartition(" ")[2].lower()
    if word in ("asc", "desc"):
        text, descending = text.rpartition(" ")[0].strip(), word == "desc"
    column = item.find(text) + 1 if text else 1
    if not text or len(text) > LONGEST:
        raise reject(item, 1, "A sort item is a name such as accuracy, -accuracy or params.lr.")
    return resolve(text, known, item, column), descending


def resolve(token: str, known: KnownNames, text: str, column: int) -> Name:
    """The thing that a name means; raises `FilterError` naming the nearest one where nothing has it."""
    prefix, dot, rest = token.partition(".")
    kind = _prefix_kind(prefix) if dot and rest else None
    if kind is not None:
        key = _unquoted(rest)
        if kind == "run":
            return Name("run", _run_column(key, text, column, len(token)))
        names = {"param": known.params, "metric": known.metrics, "tag": known.tags}[kind]
        # `params = {"lr": 0.1}` in a cell records the param "params.lr": the whole token may be the name.
        key = token if key not in names and token in names else key
        return Name(kind, key, names.get(key))
    key = _unquoted(token)
    if key in known.metrics:
        return Name("metric", key, known.metrics[key])
    if key in known.params:
        return Name("param", key, known.params[key])
    if key in known.tags:
        return Name("tag", key, known.tags[key])
    if _ALIASES.get(key, key) in RUN_COLUMNS:
        return Name("run", _ALIASES.get(key, key))
    candidate = nearest(key, {*known.metrics, *known.params, *known.tags, *RUN_COLUMNS})
    hint = f"did you mean {candidate!r}?" if candidate else "no run has a metric, param or tag of this name."
    problem = f"Unknown name {key[:100]!r} at column {column}: {hint}"
    raise reject(text, column, problem, len(token), name=key, nearest=candidate)


def _prefix_kind(prefix: str) -> OneOf["param", "metric", "tag", "run"] | None:
    kinds: dict[str, OneOf["param", "metric", "tag", "run"]] = {
        "metric": "metric",
        "tag": "tag",
        "run": "run",
    }
    kinds |= {"param": "param", "parameter": "param", "attribute": "run"}
    return kinds.get(prefix) or kinds.get(prefix.removesuffix("s"))


def _run_column(key: str, text: str, column: int, length: int) -> str:
    name = _ALIASES.get(key, key)
    if name not in RUN_COLUMNS:
        candidate = nearest(key, RUN_COLUMNS)
        hint = f"did you mean run.{candidate}?" if candidate else f"it has {', '.join(RUN_COLUMNS)}."
        problem = f"A run has no {key[:100]!r} (column {column}): {hint}"
        raise reject(text, column, problem, length, name=key, nearest=candidate)
    return name


def _unquoted(name: str) -> str:
    quote = name[0]
    return (
        name[1:-1].replace(quote * 2, quote)
        if quote in "\"'`" and len(name) > 1 and name[-1] == quote
        else name
    )


@lru_cache(maxsize=1)
def _parser() -> Lark:
    from lark import Lark

    return Lark(_GRAMMAR, parser="lalr", maybe_placeholders=False)


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


def _build(tree: Any, text: str, known: KnownNames, depth: int = 0) -> Expression:
    if depth > DEEPEST:
        raise reject(text, 1, f"This filter is nested deeper than {DEEPEST} levels.")

    def inner(node: Any) -> Expression:
        return _build(node, text, known, depth + 1)

    def name(node: Any) -> Name:
        token = node.children[0]
        return resolve(str(token), known, text, token.start_pos + 1)

    children = tree.children
    if tree.data in ("disjunction", "conjunction"):
        parts = tuple(inner(child) for child in children[::2])
        return Or(parts) if tree.data == "disjunction" else And(parts)
    build: dict[str, Callable[[], Expression]] = {
        "negated": lambda: Not(inner(children[1])),
        "comparison": lambda: Comparison(name(children[0]), _operator(children[1]), _literal(children[2])),
        "turned": lambda: Comparison(name(children[2]), _turned(children[1]), _literal(children[0])),
        "unlike": lambda: Not(Comparison(name(children[0]), "like", _literal(children[3]))),
        "membership": lambda: _membership(name(children[0]), children[1:]),
        "is_null": lambda: IsNull(name(children[0]), any(child.type == "NOT" for child in children[1:])),
    }
    if tree.data == "two_names":
        token = children[2].children[0]
        problem = (
            f"A name is compared with a value at column {token.start_pos + 1}; text needs quotes: '{token}'."
        )
        raise reject(text, token.start_pos + 1, problem, len(token))
    return build[tree.data]()


def _membership(name: Name, children: list[Any]) -> Membership:
    negated = any(getattr(child, "type", None) == "NOT" for child in children)
    return Membership(name, tuple(_literal(child) for child in children if hasattr(child, "data")), negated)


def _operator(token: Any) -> str:
    word = token.lower()
    return {"==": "=", "<>": "!=", "ilike": "like"}.get(word, str(word))


def _turned(token: Any) -> str:
    operator = _operator(token)
    return {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(operator, operator)


def _literal(node: Any) -> Literal:
    token = node.children[0]
    shown, column = str(token), token.start_pos + 1
    value: float | bool | str
    if token.type in ("SINGLE", "DOUBLE"):
        value = _unquoted(shown)
    elif token.type == "BOOLEAN":
        value = shown.lower() == "true"
    else:
        value = float(shown)
    return Literal(value, shown, column)


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
    if rest[0] in "'\"`":
        closed = rest.find(rest[0], 1) > 0
        problem = "Text is not expected here" if closed else "The quote that opens here is never closed"
    elif rest[:1] in "&|":
        typed = rest[0] * (2 if rest[1:2] == rest[0] else 1)
        problem = f"Write `{'and' if rest[0] == '&' else 'or'}` instead of `{typed}`"
    else:
        shown = str(token) if token is not None else rest[0]
        problem = f"Not expected here: {shown[:40]!r}"
    length = len(token) if token is not None else 1
    return reject(
        text,
        column,
        f"{problem} (column {column}). A filter looks like: accuracy > 0.9 and params.lr <= 0.1",
        length,
    )
