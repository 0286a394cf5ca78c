"""The models that a cell leaves, and the fast way to save one.

A pickle is written in the kernel because it takes milliseconds where a safe format takes hundreds; it is
never loaded there. `nbtrack.flavors` converts it to a safe format in a process of its own.
"""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Final

from nbtrack.capture.constants import ABSENT
from nbtrack.capture.estimators import attributes_of, defaults_of
from nbtrack.capture.params import jsonable, loaded, scalar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nbtrack.capture.source import CellSource
    from nbtrack.entities.values import JSONValue

_PROTOCOL: Final = 5  # whole buffers of arrays are written without a copy
_MAX_PARAM_PARTS: Final = 100  # a param grid is a param, a vocabulary is data
_MAX_REASON: Final = 200


@dataclass(frozen=True)
class FoundModel:
    """A fitted estimator that the cell left under `name`."""

    name: str
    object: object
    type_name: str
    params: dict[str, JSONValue] = field(default_factory=dict)


@dataclass(frozen=True)
class SavedModel:
    """What was written: ``size`` in bytes, ``digest`` as ``blake2b-256:<hex>``."""

    size: int
    digest: str
    format: str = "pickle"


class NotSaved(Exception):
    """The model cannot be saved; the text says why, in one sentence."""


class TooLarge(NotSaved):
    """The model has more bytes than it may."""


def fitted_estimators(cell: CellSource, namespace: Mapping[str, object]) -> list[tuple[str, object]]:
    """Fitted scikit-learn estimators bound to names that the cell stored or fitted; call it after the cell.

    An object with several names is found once, by the first name that the cell stored.
    """
    base = loaded("sklearn.base", "BaseEstimator")
    if not isinstance(base, type):
        return []
    found: dict[int, tuple[str, object]] = {}
    names = [*cell.stores, *cell.fitted]
    # `_ = model.fit(X, y)` is only there to show nothing
    for name in sorted(names, key=lambda name: name.startswith("_")):
        value = namespace.get(name)
        # not isinstance: it asks the object for its __class__, and a mock would answer
        if id(value) not in found and issubclass(type(value), base) and _is_fitted(value):
            found[id(value)] = name, value
    return list(found.values())


def describe_model(name: str, model: object) -> FoundModel:
    """Describe any object as a model: its type and what ``get_params`` tells."""
    kind = type(model)
    type_name = f"{_type_attribute(kind, '__module__')}.{_type_attribute(kind, '__qualname__')}"
    return FoundModel(name, model, type_name, _params(model))


def save_fast(model: object, file: IO[bytes], limit: int) -> SavedModel:
    """Pickle `model` to `file`, hashing on the way.

    Raises
    ------
    TooLarge
        As soon as more than `limit` bytes come; the file then holds a part.
    NotSaved
        If it cannot be pickled.
    OSError
        If the file cannot be written.
    """
    writer = _Hashing(file, limit)
    try:
        pickle.Pickler(writer, protocol=_PROTOCOL).dump(model)
    except NotSaved:
        raise
    except Exception as problem:  # noqa: BLE001 - the object's own __reduce__ may raise anything
        if writer.problem is not None:
            raise writer.problem from None
        raise NotSaved(f"it cannot be pickled: {_sentence(problem)}") from None
    return SavedModel(writer.size, f"blake2b-256:{writer.hash.hexdigest()}")


def save_written(form: str, content: bytes, file: IO[bytes], limit: int) -> SavedModel:
    """Write a model that is bytes already.

    Raises
    ------
    TooLarge
        If it has more than `limit` bytes.
    OSError
        If the file cannot be written.
    """
    writer = _Hashing(file, limit)
    writer.write(content)
    return SavedModel(writer.size, f"blake2b-256:{writer.hash.hexdigest()}", form)


class _Hashing:
    """Counts and hashes what is written, and stops at a limit."""

    def __init__(self, file: IO[bytes], limit: int) -> None:
        self.size = 0
        self.hash = hashlib.blake2b(digest_size=32)
        self.problem: OSError | None = None
        self._file = file
        self._limit = limit

    def write(self, part: Any) -> int:
        length = memoryview(part).nbytes  # len() of a buffer counts elements
        self.size += length
        if self.size > self._limit:
            raise TooLarge(f"it has more than {self._limit:,} bytes")
        self.hash.update(part)
        try:
            self._file.write(part)
        except OSError as problem:
            self.problem = problem
            raise
        return length


def _is_fitted(model: object) -> bool:
    """As ``sklearn.utils.validation.check_is_fitted`` decides, without importing it or running code of the notebook."""
    own_answer = _guarded(getattr, type(model), "__sklearn_is_fitted__", None)
    if callable(own_answer) and not _is_of_the_notebook(type(model), "__sklearn_is_fitted__"):
        return scalar(_guarded(own_answer, model)) is True
    attributes = _guarded(object.__getattribute__, model, "__dict__")
    if type(attributes) is not dict:
        return False
    return any(
        type(name) is str and name.endswith("_") and not name.startswith("__") for name in list(attributes)
    )


def _params(model: object) -> dict[str, JSONValue]:
    """Return ``get_params(deep=False)``, or what a method of the notebook's own would be expected to tell.

    What has no JSON-like form is named by its class.
    """
    params: object = None
    if _is_of_the_notebook(type(model), "get_params"):
        attributes = attributes_of(model)
        params = {name: attributes[name] for name in defaults_of(type(model)) if name in attributes}
    elif callable(get_params := _guarded(getattr, type(model), "get_params", None)):
        params = _guarded(get_params, model, deep=False)
    if type(params) is not dict:
        return {}
    found: dict[str, JSONValue] = {}
    for name, value in params.items():
        if type(name) is str:
            plain = jsonable(value, _MAX_PARAM_PARTS)
            found[name] = _type_attribute(type(value), "__name__") if plain is ABSENT else plain
    return found


def _is_of_the_notebook(kind: type, method: str) -> bool:
    """Whether a method was written in a cell: asking it may print, draw or count."""
    for place in type.__getattribute__(kind, "__mro__"):
        if method in type.__getattribute__(place, "__dict__"):
            return _type_attribute(place, "__module__") == "__main__"
    return False


def _guarded(function: Callable[..., object], *arguments: object, **options: object) -> object:
    """Call what may be the person's own code; None where it raises, even when it wants to end the process."""
    try:
        return function(*arguments, **options)
    except (Exception, SystemExit, GeneratorExit):  # noqa: BLE001 - any of them would end the person's cell or kernel
        return None


def _type_attribute(kind: type, name: str) -> str:
    """Return a name of a class without asking its metaclass."""
    value = type.__getattribute__(kind, name)
    return value if type(value) is str else "?"


def _sentence(problem: Exception) -> str:
    """Type and first line of an exception, whose ``__str__`` may be the person's own."""
    text = _guarded(str, problem)
    line = (text if type(text) is str else "").strip().partition("\n")[0]
    sentence = f"{type(problem).__name__}: {line}" if line else type(problem).__name__
    return sentence if len(sentence) <= _MAX_REASON else f"{sentence[: _MAX_REASON - 1]}…"
