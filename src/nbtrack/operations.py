"""What people may ask of a store and decide about it: one named, typed list, and how it travels.

The list is the seam between surfaces and use cases: the socket, HTTP, the command tree and the Python client know names of
this list and the entities that answer, nothing else. A *question* changes nothing; a *decision* is one transaction.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import json
import math
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol, cast

from nbtrack.entities.bundles import Export, Merge
from nbtrack.entities.columns import MetricCurve, RunColumns
from nbtrack.entities.deaths import LeftRun
from nbtrack.entities.health import Repair, Verification
from nbtrack.entities.models import ModelVersion, RegisteredModel
from nbtrack.entities.ownership import Collection, Curated, Deletion, Trash, Usage
from nbtrack.entities.runs import Comparison, MetricSeries, RunDetail, RunOutcome, RunTable
from nbtrack.entities.search import SearchResult
from nbtrack.entities.snapshots import Snapshot
from nbtrack.entities.stores import Backup, StoreStatus
from nbtrack.errors import InvalidInput, NbtrackError, by_code
from nbtrack.service import Service


class Proxy(Protocol):
    """How a surface reaches a store, wherever the answer is made."""

    def call(self, operation: str, /, **arguments: Any) -> Any:
        """Ask or decide; the answer as plain values (dicts, lists, scalars)."""

    def ask(self, operation: str, /, **arguments: Any) -> Any:
        """Ask or decide; the answer as the operation's entity."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that may be asked or decided: ``noun.method`` of the service, and the type of its answer."""

    name: str
    answer: Any
    decision: bool = False

    def method(self, service: Service) -> Callable[..., Any]:
        """The use case behind the operation."""
        noun, _, verb = self.name.partition(".")
        return cast("Callable[..., Any]", getattr(service.noun(noun), verb))


OPERATIONS: dict[str, Operation] = {
    operation.name: operation
    for operation in (
        Operation("store.status", StoreStatus),
        Operation("verification.make", Verification),
        Operation("repairs.make", Repair, decision=True),
        Operation("runs.search", RunTable),
        Operation("runs.columns", RunColumns),
        Operation("runs.get", RunDetail),
        Operation("runs.compare", Comparison),
        Operation("runs.metric", MetricSeries),
        Operation("runs.curve", MetricCurve),
        Operation("runs.outcome", RunOutcome),
        Operation("runs.last", str),
        Operation("runs.complete", list[str]),
        Operation("runs.names", dict[str, list[str]]),
        Operation("search.cells", SearchResult),
        Operation("snapshots.get", Snapshot),
        Operation("models.list", list[RegisteredModel]),
        Operation("models.get", ModelVersion),
        Operation("models.content", dict[str, str]),
        Operation("models.register", ModelVersion, decision=True),
        Operation("trash.delete", Deletion, decision=True),
        Operation("trash.content", Trash),
        Operation("trash.undo", Deletion, decision=True),
        Operation("trash.restore", Deletion, decision=True),
        Operation("curation.rename_runs", Curated, decision=True),
        Operation("curation.rename_experiment", Curated, decision=True),
        Operation("curation.rename_model", Curated, decision=True),
        Operation("curation.move", Curated, decision=True),
        Operation("curation.tag", Curated, decision=True),
        Operation("curation.untag", Curated, decision=True),
        Operation("curation.note", Curated, decision=True),
        Operation("curation.describe", Curated, decision=True),
        Operation("curation.pin", Curated, decision=True),
        Operation("backups.make", Backup),
        Operation("bundles.write", Export),
        Operation("merging.merge", Merge, decision=True),
        Operation("retention.collect", Collection, decision=True),
        Operation("deaths.left", list[LeftRun]),
        Operation("deaths.tell", int, decision=True),
        Operation("space.measure", Usage),
    )
}


def dispatch(service: Service, name: str, arguments: dict[str, Any]) -> Any:
    """Answer an operation: an entity, or a `Deferred` that gives one.

    Raises
    ------
    InvalidInput
        If there is no such operation or its arguments do not fit.
    NbtrackError
        Whatever the use case has to say.
    """
    operation = OPERATIONS.get(name)
    if operation is None:
        raise InvalidInput(f"There is no operation {name}; there are {', '.join(OPERATIONS)}.")
    method = operation.method(service)
    signature, hints = _expected(getattr(method, "__func__", method))
    try:
        signature.bind(service, **arguments)
    except TypeError as problem:
        raise InvalidInput(f"The operation {name} cannot be asked like this: {problem}.") from None
    for key, value in arguments.items():
        if not _fits(value, hints[key]):
            raise InvalidInput(
                f"The argument {key} of {name} must be {_describe(hints[key])}, not {value!r}."
            )
    return method(**arguments)


@functools.cache
def _expected(function: Callable[..., Any]) -> tuple[inspect.Signature, dict[str, Any]]:
    """What a method takes, ``self`` first; looking at it takes as long as many a question."""
    return inspect.signature(function), typing.get_type_hints(function)


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value that came over the wire has the type that a use case asks for."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return any(_fits(value, option) for option in inner)
    if origin is list:
        return isinstance(value, list) and all(_fits(item, inner[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(
            isinstance(key, str) and _fits(item, inner[1]) for key, item in value.items()
        )
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)


def _describe(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) and not typing.get_args(hint) else str(hint)


_SCALARS = frozenset({str, int, float, bool, bytes, types.NoneType})


def to_plain(value: Any) -> Any:
    """Entities as dicts, lists and scalars; floats stay floats, NaN too."""
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: to_plain(getattr(value, name)) for name in _fields(type(value))}
    if isinstance(value, dict):
        return {key: item if type(item) in _SCALARS else to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [item if type(item) in _SCALARS else to_plain(item) for item in value]
    return value


@functools.cache
def _fields(entity: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(entity))


def to_entity(name: str, plain: Any) -> Any:
    """The plain answer of an operation as its entity: the reverse of `to_plain`."""
    return _build(OPERATIONS[name].answer, plain)


def _build(hint: Any, plain: Any) -> Any:
    build = None if plain is None else _builder(hint)
    return plain if build is None else build(plain)


@functools.cache
def _builder(hint: Any) -> Callable[[Any], Any] | None:
    """What makes a value of this type of a plain one; None where it is one already."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (list, dict) and _builder(inner[-1]) is None:
        return None
    if origin is list:
        return lambda plain: [_build(inner[0], item) for item in plain]
    if origin is dict:
        return lambda plain: {key: _build(inner[1], item) for key, item in plain.items()}
    if origin in (types.UnionType, typing.Union):
        options = [option for option in inner if option is not types.NoneType]
        return _builder(options[0]) if len(options) == 1 else None
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return functools.partial(_build_entity, hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    return None


def _build_entity(entity: type, plain: dict[str, Any]) -> Any:
    hints = _hints(entity)
    return entity(**{key: _build(hints[key], item) for key, item in plain.items() if key in hints})


@functools.cache
def _hints(entity: type) -> dict[str, Any]:
    return typing.get_type_hints(entity)


def to_json(value: Any, indent: int | None = None) -> str:
    """Strict JSON for browsers and other programs.

    NaN and infinities become the texts ``"NaN"``, ``"Infinity"``, ``"-Infinity"``.
    """
    return json.dumps(_strict(to_plain(value)), indent=indent, allow_nan=False)


def _strict(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_strict(item) for item in value]
    return value


def error_to_plain(error: NbtrackError) -> dict[str, Any]:
    """An error as it travels: code, message, details."""
    return {"code": error.code, "message": error.message, "details": error.details}


def error_from_plain(plain: dict[str, Any]) -> NbtrackError:
    """The reverse of `error_to_plain`."""
    return by_code(plain["code"], plain["message"], plain["details"])
