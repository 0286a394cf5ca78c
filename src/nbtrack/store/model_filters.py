"""The filter language on versions of registered models: the same words as for runs, on what a version has.

There are few versions beside runs, so a filter is answered on the entities themselves, and not by SQL.
"""

from __future__ import annotations

import fnmatch
import math
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Literal

from nbtrack.entities.models import ModelVersion, RegisteredModel
from nbtrack.store.filter_errors import reject
from nbtrack.store.filter_names import KnownNames
from nbtrack.store.filter_syntax import parse_filter
from nbtrack.store.filter_tree import And, Comparison, Expression, IsNull, Membership, Name, Not, Or
from nbtrack.store.filter_tree import Literal as Value
from nbtrack.store.filter_values import as_number, instant, like_pattern

COLUMNS: Final = (
    "name",
    "version",
    "alias",
    "stage",
    "owner",
    "format",
    "type",
    "size",
    "run",
    "verified",
    "runs_code",
    "latency",
    "age",
    "created",
    "description",
)
"""What a bare name may mean beside metrics and tags: ``age`` and ``latency`` (the median for one row) are in seconds."""

_WORD = re.compile(
    r"\b(name|alias|stage|owner|format|type|run)(\s*(?:==?|!=|<>)\s*)([A-Za-z_][\w-]*)(?=\s|\)|$)",
    re.IGNORECASE,
)


def select(models: Iterable[RegisteredModel], text: str, now: int) -> list[RegisteredModel]:
    """The models with only those versions that fit a filter, such as ``alias = champion and metrics.auc > 0.9``.

    Parameters
    ----------
    now
        The present in Unix nanoseconds, for ``age`` and ``2d ago``.

    Raises
    ------
    FilterError
        If the filter cannot be read, or names what no version has.
    """
    models = list(models)
    # a word behind these columns is a text: nobody has to quote an alias
    text = _WORD.sub(lambda found: f"{found[1]}{found[2]}'{found[3]}'", text)
    versions = [version for model in models for version in model.versions]
    tags = [name for one in versions for name in one.tags] + [name for one in models for name in one.tags]
    known = KnownNames(
        params=dict.fromkeys(COLUMNS, 0),
        metrics={name: 0 for version in versions for name in version.metrics if name not in COLUMNS},
        tags={name: 0 for name in tags if name not in COLUMNS},
    )
    tree = parse_filter(text, known, _no_direction)
    found = []
    for model in models:
        fitting = [version for version in model.versions if _holds(tree, model, version, text, now)]
        if fitting:
            found.append(replace(model, versions=fitting))
    return found


def _no_direction(name: str) -> Literal["higher", "lower"] | None:
    return None


def _holds(tree: Expression, model: RegisteredModel, version: ModelVersion, text: str, now: int) -> bool:
    match tree:
        case And(parts):
            return all(_holds(part, model, version, text, now) for part in parts)
        case Or(parts):
            return any(_holds(part, model, version, text, now) for part in parts)
        case Not(part):
            return not _holds(part, model, version, text, now)
        case IsNull(name, negated):
            return bool(_values(name, model, version, text, now)) == negated
        case Membership(name, values, negated):
            held = _values(name, model, version, text, now)
            fits = any(_compared(name, value, "=", one, text, now) for value in held for one in values)
            return bool(held) and fits != negated
        case Comparison(name, operator, value):
            held = _values(name, model, version, text, now)
            if operator == "!=":
                return bool(held) and not any(_compared(name, one, "=", value, text, now) for one in held)
            return any(_compared(name, one, operator, value, text, now) for one in held)
    raise reject(text, 1, "changed() is for runs; versions have no run before.")


def _values(name: Name, model: RegisteredModel, version: ModelVersion, text: str, now: int) -> list[Any]:
    """What a version has under a name: nothing, one value, or several (aliases)."""
    tags = {**model.tags, **version.tags}
    if name.kind == "metric":
        if name.part != "last":
            raise reject(
                text, 1, "A version has the last value of each metric; min(), max() and count() are for runs."
            )
        value: Any = version.metrics.get(name.key)
    elif name.kind == "tag":
        value = tags.get(name.key)
    elif name.kind == "param" and name.key in COLUMNS:
        taken = version.record.latency.get("1")
        values: dict[str, Any] = {
            "name": version.model,
            "version": version.version,
            "alias": version.aliases,
            "stage": tags.get("stage"),
            "owner": tags.get("owner"),
            "format": version.format,
            "type": (version.type_name or "").rpartition(".")[2],
            "size": version.size,
            "run": version.run,
            "verified": version.record.verified or None,
            "runs_code": version.record.runs_code,
            "latency": taken[0] if taken else None,
            "age": max(0.0, (now - _nanoseconds(version.created)) / 1e9),
            "created": _nanoseconds(version.created),
            "description": version.description or model.description or None,
        }
        value = values[name.key]
    else:
        raise reject(
            text, 1, f"Versions have no {name.key[:60]!r}; there are {', '.join(COLUMNS)}, metrics and tags."
        )
    return list(value) if isinstance(value, list) else [] if value is None else [value]


def _nanoseconds(created: str) -> int:
    return int(datetime.fromisoformat(created.replace("Z", "+00:00")).timestamp() * 1000) * 1_000_000


def _compared(name: Name, held: Any, operator: str, value: Value, text: str, now: int) -> bool:
    if operator == "matches":
        raise reject(text, value.column, "`matches` is for runs; of versions `like` tells the form.")
    if operator == "like":
        pattern = like_pattern(value, text)
        glob = "".join(
            {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}.get(sign, sign) for sign in pattern
        )
        return isinstance(held, str) and fnmatch.fnmatchcase(held.lower(), glob.lower())
    if name.key == "created" and name.kind == "param":
        span = instant(str(value.value), now)
        if span is None:
            raise reject(text, value.column, f"{value.shown[:40]} is no time.")
        first, after = span[0], max(span[1], span[0] + 1)
        tests = {
            "=": first <= held < after,
            "<": held < first,
            "<=": held < after,
            ">": held >= after,
            ">=": held >= first,
        }
        return bool(tests[operator])
    wanted: Any = value.value
    if isinstance(held, bool) or isinstance(wanted, bool):
        return operator == "=" and held is wanted
    if isinstance(held, int | float) and isinstance(wanted, str):
        wanted = as_number(wanted)
    if wanted is None or isinstance(held, str) != isinstance(wanted, str):
        return False
    if isinstance(held, float) and math.isnan(held):
        return operator == "=" and isinstance(wanted, float) and math.isnan(wanted)
    return bool(
        {
            "=": held == wanted,
            "<": held < wanted,
            "<=": held <= wanted,
            ">": held > wanted,
            ">=": held >= wanted,
        }[operator]
    )
