"""What people may ask of a store and decide about it: one named, typed list, and how it travels.

The list is the seam between surfaces and use cases: the socket, HTTP, the command tree and the Python client know names of
this list and the entities that answer, nothing else. A *question* changes nothing; a *decision* is one transaction.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import inspect
import json
import math
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol, cast

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
    """One thing that may be asked or decided: ``noun.method`` of the service, and the type of its answer.

    ``given`` is that type, or names an entity as ``module.Class``, which is imported with the first answer: all of them
    together would be a third of the time that loading the extension takes.
    """

    name: str
    given: Any
    many: bool = False
    """Whether a list of them is the answer."""
    decision: bool = False

    @property
    def answer(self) -> Any:
        """The type of the answer."""
        return _answer(self.given, self.many)

    def method(self, service: Service) -> Callable[..., Any]:
        """The use case behind the operation."""
        noun, _, verb = self.name.partition(".")
        return cast("Callable[..., Any]", getattr(service.noun(noun), verb))


@functools.cache
def _answer(given: Any, many: bool) -> Any:
    if isinstance(given, str):
        module, _, name = given.rpartition(".")
        given = getattr(importlib.import_module(f"nbtrack.entities.{module}"), name)
    return list[given] if many else given


OPERATIONS: dict[str, Operation] = {
    operation.name: operation
    for operation in (
        Operation("store.status", "stores.StoreStatus"),
        Operation("verification.make", "health.Verification"),
        Operation("repairs.make", "health.Repair", decision=True),
        Operation("runs.search", "runs.RunTable"),
        Operation("runs.columns", "columns.RunColumns"),
        Operation("runs.get", "runs.RunDetail"),
        Operation("runs.outputs", "runs.CellOutputs", many=True),
        Operation("runs.compare", "runs.Comparison"),
        Operation("runs.metric", "runs.MetricSeries"),
        Operation("runs.curve", "columns.MetricCurve"),
        Operation("runs.outcome", "runs.RunOutcome"),
        Operation("runs.last", str),
        Operation("runs.complete", list[str]),
        Operation("runs.names", dict[str, list[str]]),
        Operation("data.get", "profiles.RunData"),
        Operation("search.cells", "search.SearchResult"),
        Operation("snapshots.get", "snapshots.Snapshot"),
        Operation("snapshots.file", "snapshots.SnapshotFile"),
        Operation("snapshots.history", "snapshots.History"),
        Operation("snapshots.diff", "snapshots.NotebookDiff"),
        Operation("reviews.listed", "reviews.ReviewList"),
        Operation("reviews.get", "reviews.Review"),
        Operation("reviews.open", "reviews.Review", decision=True),
        Operation("reviews.update", "reviews.Review", decision=True),
        Operation("reviews.comment", "reviews.Review", decision=True),
        Operation("reviews.settle", "reviews.Review", decision=True),
        Operation("reviews.judge", "reviews.Review", decision=True),
        Operation("lineage.graph", "graphs.LineageGraph"),
        Operation("lineage.slice", "graphs.LineageSlice"),
        Operation("lineage.stale", "graphs.Staleness"),
        Operation("lineage.verdict", "graphs.Verdict"),
        Operation("models.list", "models.RegisteredModel", many=True),
        Operation("models.get", "models.ModelVersion"),
        Operation("models.content", dict[str, str]),
        Operation("models.register", "models.ModelVersion", decision=True),
        Operation("gate.promote", "promotions.Promotion", decision=True),
        Operation("gate.rollback", "promotions.Promotion", decision=True),
        Operation("packages.card", str),
        Operation("packages.write", "models.Package"),
        Operation("audit.log", "promotions.AuditLog"),
        Operation("audit.verify", "promotions.AuditCheck"),
        Operation("audit.at", "promotions.AliasesThen"),
        Operation("trash.delete", "ownership.Deletion", decision=True),
        Operation("trash.content", "ownership.Trash"),
        Operation("trash.undo", "ownership.Deletion", decision=True),
        Operation("trash.restore", "ownership.Deletion", decision=True),
        Operation("curation.rename_runs", "ownership.Curated", decision=True),
        Operation("curation.rename_experiment", "ownership.Curated", decision=True),
        Operation("curation.rename_model", "ownership.Curated", decision=True),
        Operation("curation.move", "ownership.Curated", decision=True),
        Operation("curation.tag", "ownership.Curated", decision=True),
        Operation("curation.untag", "ownership.Curated", decision=True),
        Operation("curation.note", "ownership.Curated", decision=True),
        Operation("curation.describe", "ownership.Curated", decision=True),
        Operation("curation.pin", "ownership.Curated", decision=True),
        Operation("backups.make", "stores.Backup"),
        Operation("bundles.write", "bundles.Export"),
        Operation("merging.merge", "bundles.Merge", decision=True),
        Operation("retention.collect", "ownership.Collection", decision=True),
        Operation("deaths.left", "deaths.LeftRun", many=True),
        Operation("deaths.tell", int, decision=True),
        Operation("space.measure", "ownership.Usage"),
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
    if hint is Any:
        return True
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
