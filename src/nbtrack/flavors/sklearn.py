"""Models of scikit-learn in the format of skops, which is loaded with the types that were recorded for it.

Estimators of other libraries that follow scikit-learn are too, where their classes are on the list of safe types.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from types import ModuleType
from typing import Any, Final

from nbtrack.errors import MissingLibrary, ModelError, UnsafeModel
from nbtrack.flavors.allowed import is_allowed
from nbtrack.flavors.content import Written, explained, sentence, type_name
from nbtrack.flavors.formats import is_made_of

FORMAT: Final = "skops"
LIBRARY: Final = "sklearn"

_SCHEMA: Final = "schema.json"


def holds(kind: type) -> bool:
    """Whether it is an estimator: of scikit-learn, or of a library that follows it and is on the list of safe types."""
    return is_made_of(kind, "sklearn.base", "BaseEstimator")


def write(model: Any) -> Written:
    """The model in the format of skops.

    Raises
    ------
    UnsafeModel
        If it has types that are not on the list.
    MissingLibrary
        If skops is not installed.
    ModelError
        If skops cannot write it.
    """
    skops = _skops()
    try:
        data: bytes = skops.dumps(model, compression=zipfile.ZIP_DEFLATED, compresslevel=1)
    except Exception as problem:
        raise ModelError(
            f"skops cannot write a {type_name(type(model))}: {sentence(problem)} The model stays a pickle."
        ) from problem
    types = _untrusted(skops, data)
    _refuse(name for name in types if not is_allowed(name))
    return Written(content=data, types=types)


def is_one(content: bytes) -> bool:
    """A zip archive with the schema that skops writes."""
    return _is_skops(content)


def runs_code(content: bytes) -> bool:
    """What would is refused, trusted or not."""
    return False


def load(content: bytes, types: list[str], *, trusted: bool = False) -> Any:
    """The model, made of types on the list that were recorded for it, and of no others.

    Raises
    ------
    UnsafeModel
        If it has others; ``details["types"]`` names them.
    ModelError
        If skops cannot load it here.
    """
    skops = _skops()
    allowed = [name for name in types if is_allowed(name)]
    _refuse(name for name in _untrusted(skops, content) if name not in allowed)
    with explained("skops cannot load the model here"):
        return skops.loads(content, trusted=allowed)


def _is_skops(content: bytes) -> bool:
    if content[:4] != b"PK\x03\x04":
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _SCHEMA in archive.namelist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        return False


def _require_sklearn() -> None:
    try:
        import sklearn  # noqa: F401 - only asks whether it is there
    except ImportError:
        raise _missing("scikit-learn") from None


def _skops() -> ModuleType:
    _require_sklearn()
    try:
        import skops.io
    except ImportError:
        raise _missing("skops") from None
    module: ModuleType = skops.io
    return module


def _missing(library: str) -> MissingLibrary:
    return MissingLibrary(
        f'Models of scikit-learn need {library}, which is not installed here: pip install "nbtrack[sklearn]".',
        library=library,
    )


def _untrusted(skops: ModuleType, data: bytes) -> list[str]:
    try:
        return sorted(skops.get_untrusted_types(data=data))
    except Exception as problem:
        raise ModelError(f"The model's file cannot be read: {sentence(problem)}") from problem


def _refuse(names: Iterable[str]) -> None:
    refused = list(names)
    if refused:
        raise UnsafeModel(
            f"The model has types that are not on the list of safe ones: {', '.join(refused)}.", types=refused
        )
