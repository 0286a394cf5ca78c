"""Names in a run filter: which param, metric, tag or column of the run one means."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal as OneOf

from nbtrack.store.filter_errors import nearest, reject
from nbtrack.store.filter_tree import Name, Part

RUN_COLUMNS = (
    "id",
    "name",
    "experiment",
    "status",
    "started",
    "ended",
    "duration",
    "notebook",
    "number",
    "cell_id",
    "user",
    "commit",
    "branch",
    "pinned",
)
FUNCTIONS = ("best", "last", "min", "max", "count")
"""What may be asked of a metric's series; ``changed`` is a condition of its own."""

_ALIASES = {  # MLflow's words
    "run_id": "id",
    "run_name": "name",
    "start_time": "started",
    "created": "started",
    "end_time": "ended",
    "user_id": "user",
}
_DATA_COLUMNS = ("name", "digest")
_PARTS: dict[str, Part] = {"last": "last", "min": "lowest", "max": "highest", "count": "count"}
_CALL = re.compile(r"(\w+)\s*\((.*)\)", re.DOTALL)

Kind = OneOf["param", "metric", "tag", "run", "data"]
Better = Callable[[str], OneOf["higher", "lower"] | None]
"""Which direction of a metric is better, by its name; None where the name does not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownNames:
    """The names that runs have, each with its number, against which a bare name in a filter is looked up."""

    params: Mapping[str, int] = field(default_factory=dict)
    metrics: Mapping[str, int] = field(default_factory=dict)
    tags: Mapping[str, int] = field(default_factory=dict)


def resolve(token: str, known: KnownNames, text: str, column: int) -> Name:
    """The thing that a name means; raises `FilterError` naming the nearest one where nothing has it."""
    prefix, dot, rest = token.partition(".")
    kind = _prefix_kind(prefix) if dot and rest else None
    if kind is not None:
        key = unquoted(rest)
        if kind in ("run", "data"):
            return Name(kind, _column(kind, key, text, column, len(token)))
        names = {"param": known.params, "metric": known.metrics, "tag": known.tags}[kind]
        # `params = {"lr": 0.1}` in a cell records the param "params.lr": the whole token may be the name.
        key = token if key not in names and token in names else key
        return Name(kind, key, names.get(key))
    key = unquoted(token)
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


def apply(function: str, name: Name, better: Better, text: str, column: int) -> Name:
    """The part of the metric `name` that ``best``, ``min`` … means."""
    word = function.lower()
    if name.kind != "metric":
        raise reject(
            text,
            column,
            f"{word}() is for metrics; {name.key[:100]!r} (column {column}) is none.",
            len(function),
        )
    if word != "best":
        return replace(name, part=_PARTS[word])
    direction = better(name.key)
    if direction is None:
        problem = (
            f"Whether a lower or a higher {name.key[:60]!r} is better does not follow from its name"
            f" (column {column}): write min(…) or max(…)."
        )
        raise reject(text, column, problem, len(function))
    return replace(name, part="lowest" if direction == "lower" else "highest")


def resolve_call(token: str, known: KnownNames, better: Better, text: str, column: int) -> Name:
    """As `resolve`, for a whole ``best(loss)`` too."""
    call = _CALL.fullmatch(token)
    if call is None or call[1].lower() not in FUNCTIONS:
        return resolve(token, known, text, column)
    inner = call[2].strip()
    if not inner:
        raise reject(text, column, f"{call[1]}() needs the name of a metric (column {column}).", len(token))
    name = resolve(inner, known, text, column + call.start(2))
    return apply(call[1], name, better, text, column)


def unquoted(name: str) -> str:
    """The text between quotes of either kind, or backticks; without them as it is."""
    quote = name[0]
    return (
        name[1:-1].replace(quote * 2, quote)
        if quote in "\"'`" and len(name) > 1 and name[-1] == quote
        else name
    )


def _prefix_kind(prefix: str) -> Kind | None:
    kinds: dict[str, Kind] = {
        "metric": "metric",
        "tag": "tag",
        "run": "run",
        "attr": "run",
        "dataset": "data",
    }
    kinds |= {"param": "param", "parameter": "param", "attribute": "run"}
    return kinds.get(prefix) or kinds.get(prefix.removesuffix("s"))


def _column(kind: Kind, key: str, text: str, column: int, length: int) -> str:
    """A column of the run, or of its data sets."""
    owner, columns = ("A run", RUN_COLUMNS) if kind == "run" else ("A data set", _DATA_COLUMNS)
    name = _ALIASES.get(key, key) if kind == "run" else key
    if name not in columns:
        candidate = nearest(key, columns)
        prefix = "run" if kind == "run" else "dataset"
        hint = f"did you mean {prefix}.{candidate}?" if candidate else f"it has {', '.join(columns)}."
        problem = f"{owner} has no {key[:100]!r} (column {column}): {hint}"
        raise reject(text, column, problem, length, name=key, nearest=candidate)
    return name
