"""What people may ask of a store and decide about it: one named, typed list, and how it travels.

The list is the seam between surfaces and use cases: the socket, HTTP, the command tree and the Python client know names of
this list and the entities that answer, nothing else. A *question* changes nothing; a *decision* is one transaction.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import math
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol, cast

from nbtrack.entities.columns import MetricCurve, RunColumns
from nbtrack.entities.health import Repair, Verification
from nbtrack.entities.models import ModelVersion, RegisteredModel
from nbtrack.entities.ownership import Collection, Curated, Deletion, Trash
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
        Operation("retention.collect", Collection, decision=True),
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
    try:
        inspect.signature(method).bind(**arguments)
    except TypeError as problem:
        raise InvalidInput(f"The operation {name} cannot be asked like this: {problem}.") from None
    hints = typing.get_type_hints(method)
    for key, value in arguments.items():
        if not _fits(value, hints[key]):
            raise InvalidInput(
                f"The argument {key} of {name} must be {_describe(hints[key])}, not {value!r}."
            )
    return method(**arguments)


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


def to_plain(value: Any) -> Any:
    """Entities as dicts, lists and scalars; floats stay floats, NaN too."""
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    return value


def to_entity(name: str, plain: Any) -> Any:
    """The plain answer of an operation as its entity: the reverse of `to_plain`."""
    return _build(OPERATIONS[name].answer, plain)


def _build(hint: Any, plain: Any) -> Any:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if plain is None:
        return None
    if origin is list:
        return [_build(inner[0], item) for item in plain]
    if origin is dict:
        return {key: _build(inner[1], item) for key, item in plain.items()}
    if origin in (types.UnionType, typing.Union):
        options = [option for option in inner if option is not type(None)]
        return _build(options[0], plain) if len(options) == 1 else plain
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        hints = _hints(hint)
        return hint(**{key: _build(hints[key], item) for key, item in plain.items() if key in hints})
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(plain)
    return plain


_HINTS: dict[type, dict[str, Any]] = {}


def _hints(entity: type) -> dict[str, Any]:
    if entity not in _HINTS:
        _HINTS[entity] = typing.get_type_hints(entity)
    return _HINTS[entity]


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
