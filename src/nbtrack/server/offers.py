"""What a browser may ask and decide: a deliberate part of the operations, and how their arguments are read.

Nothing that names a path of the server, writes a file there, chooses an interpreter or takes minutes is offered: those are
for people at a terminal.
"""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nbtrack.errors import InvalidInput
from nbtrack.operations import OPERATIONS, Operation

_MOST_DIGITS = 15
"""More than a count can have would only make ``int()`` slow, or not fit the database."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument of an operation: its name, its type without ``None``, and whether it may be absent."""

    name: str
    hint: Any
    required: bool


@dataclass(frozen=True, slots=True)
class Offer:
    """An operation that is offered: its arguments, what it says of itself, and whether only the store decides the answer."""

    operation: Operation
    parameters: tuple[Parameter, ...]
    summary: str
    steady: bool = False
    known: frozenset[str] = field(default_factory=frozenset)

    @property
    def name(self) -> str:
        """``noun.verb``."""
        return self.operation.name

    def from_query(self, given: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """The arguments that a query string gives; a list is a name that is repeated.

        Raises
        ------
        InvalidInput
            If one is unknown, missing, given twice or not of its type.
        """
        texts = {name: values for name, values in given.items() if name != "path"}
        self._refuse_unknown(texts)
        found = {}
        for parameter in self.parameters:
            values = texts.get(parameter.name, [])
            if typing.get_origin(parameter.hint) is list:
                if values or parameter.required:
                    found[parameter.name] = list(values)
            elif len(values) > 1:
                raise InvalidInput(f"{parameter.name} is given {len(values)} times and counts once.")
            elif values:
                found[parameter.name] = _read(parameter, values[0])
        self._refuse_missing(found)
        return found

    def from_body(self, given: Any) -> dict[str, Any]:
        """The arguments that a JSON body gives; of which types they are, the operation itself checks.

        Raises
        ------
        InvalidInput
            If it is no object, or has an unknown name or not all that are needed.
        """
        if not isinstance(given, dict):
            raise InvalidInput("The body must be a JSON object with the arguments of the decision.")
        self._refuse_unknown(given)
        self._refuse_missing(given)
        return dict(given)

    def _refuse_unknown(self, given: Mapping[str, Any]) -> None:
        if unknown := [name for name in given if name not in self.known]:
            there = ", ".join(sorted(self.known)) or "none"
            raise InvalidInput(f"{self.name} takes no argument {unknown[0][:40]!r}; it takes {there}.")

    def _refuse_missing(self, found: Mapping[str, Any]) -> None:
        if missing := [item.name for item in self.parameters if item.required and item.name not in found]:
            raise InvalidInput(f"{self.name} needs the argument {missing[0]}.", argument=missing[0])


def _read(parameter: Parameter, text: str) -> Any:
    if parameter.hint is bool:
        if text not in ("true", "false"):
            raise InvalidInput(f"{parameter.name} must be true or false, not {text[:40]!r}.")
        return text == "true"
    if parameter.hint is int:
        digits = text.removeprefix("-")
        if not digits.isascii() or not digits.isdigit() or len(digits) > _MOST_DIGITS:
            raise InvalidInput(
                f"{parameter.name} must be a whole number, not {text[:40]!r}.", argument=parameter.name
            )
        return int(text)
    return text


@functools.cache
def offers() -> dict[str, Offer]:
    """All that is offered, by name. Imports the use cases, and so is not called before the first question."""
    from nbtrack.service.curation import Curation
    from nbtrack.service.data import Data
    from nbtrack.service.lineage import Lineage
    from nbtrack.service.models import Models
    from nbtrack.service.runs import Runs
    from nbtrack.service.search import Search
    from nbtrack.service.snapshots import Snapshots
    from nbtrack.service.trash import TrashBin

    # The first of two lists depends on nothing but the store; what the second asks looks at files or the clock too.
    table: dict[str, tuple[type, str, str]] = {
        "runs": (Runs, "search get outputs compare metric names complete", ""),
        "data": (Data, "get", ""),
        "snapshots": (Snapshots, "get", ""),
        "models": (Models, "list get", "register"),
        "search": (Search, "", "cells"),
        "lineage": (Lineage, "graph", "stale verdict"),
        "trash": (TrashBin, "content", "delete undo restore"),
        "curation": (Curation, "", "rename_runs move tag untag note pin"),
    }
    hidden = {"models.register": {"python"}}
    found = {}
    for noun, (use_cases, steady, live) in table.items():
        for verb in f"{steady} {live}".split():
            name = f"{noun}.{verb}"
            method = getattr(use_cases, verb)
            parameters = _parameters(method, hidden.get(name, set()))
            found[name] = Offer(
                OPERATIONS[name],
                parameters,
                inspect.cleandoc(method.__doc__ or "").partition("\n")[0],
                steady=verb in steady.split(),
                known=frozenset(parameter.name for parameter in parameters),
            )
    return found


def _parameters(method: Any, hidden: set[str]) -> tuple[Parameter, ...]:
    hints = typing.get_type_hints(method)
    return tuple(
        Parameter(name, _without_none(hints[name]), parameter.default is inspect.Parameter.empty)
        for name, parameter in list(inspect.signature(method).parameters.items())[1:]
        if name not in hidden
    )


def _without_none(hint: Any) -> Any:
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        rest = [option for option in typing.get_args(hint) if option is not types.NoneType]
        return rest[0] if len(rest) == 1 else hint
    return hint
