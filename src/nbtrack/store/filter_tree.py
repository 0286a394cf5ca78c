"""A run filter as a checked tree: comparisons of things that exist with values, joined by and, or, not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal as OneOf
from typing import TypeAlias

Part: TypeAlias = OneOf["last", "lowest", "highest", "count"]
"""What of a metric's series is meant: a bare name is its last value."""


@dataclass(frozen=True, slots=True)
class Name:
    """A resolved name: a param, a metric, a tag, a column of the run, or one of its data sets' (``data``).

    ``number`` is None where no run has it; ``part`` says what of a metric.
    """

    kind: OneOf["param", "metric", "tag", "run", "data"]
    key: str
    number: int | None = None
    part: Part = "last"


@dataclass(frozen=True, slots=True)
class Literal:
    """A value as typed: ``shown`` is its text, ``column`` where it stands; ``is_time`` if it can only be a time."""

    value: float | bool | str
    shown: str
    column: int
    is_time: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """``name operator value``; the operator is one of ``= != < <= > >= like matches``."""

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
class Changed:
    """``changed(name)``: differs from the previous run of the same cell, else of the same name. None is the code."""

    name: Name | None


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


Expression: TypeAlias = Comparison | Membership | IsNull | Changed | Not | And | Or
