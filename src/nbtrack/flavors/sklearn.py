"""Saves scikit-learn models in the format of skops, and loads them.

What the kernel left is a pickle. It is loaded by `nbtrack.flavors.restricted` only, and in a process of its
own (`nbtrack.flavors.convert`). What people load later is the skops file, with the types that were recorded
for it.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import pickle
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from nbtrack.errors import MissingLibrary, ModelError, StoreCorrupt, UnsafeModel
from nbtrack.flavors.allowed import is_allowed
from nbtrack.flavors.restricted import load_restricted, refused_types

_SCHEMA: Final = "schema.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """A model in a safe format: ``size`` in bytes, ``types`` those that skops itself does not trust."""

    format: str
    digest: str
    size: int
    type_name: str
    types: list[str] = field(default_factory=list)


def convert(source_pickle: Path, digest: str, target: Path) -> Converted:
    """Write the model of a pickle to `target` in the format of skops.

    Parameters
    ----------
    source_pickle
        The pickle, which must have the hash `digest` (``blake2b-256:<hex>``).
    target
        A file that is written, and exists only if all went well.

    Raises
    ------
    StoreCorrupt
        If the pickle has another hash, or is incomplete.
    UnsafeModel
        If the model has types that are not on the list; nothing of it has run then.
    MissingLibrary
        If scikit-learn or skops is not installed.
    ModelError
        If the installed libraries cannot load or write it.
    """
    content = _checked(source_pickle, digest)
    _require_sklearn()
    model = load_restricted(content)
    skops = _skops()  # after what may refuse: its import takes longer than all the rest
    type_name = f"{type(model).__module__}.{type(model).__qualname__}"
    try:
        data: bytes = skops.dumps(model, compression=zipfile.ZIP_DEFLATED, compresslevel=1)
    except Exception as problem:
        raise ModelError(
            f"skops cannot write a {type_name}: {_sentence(problem)} The model stays a pickle."
        ) from problem
    types = _untrusted(skops, data)
    _refuse(name for name in types if not is_allowed(name))
    loaded = _skops_load(skops, data, types)
    if type(loaded) is not type(model) or _kinds(loaded) != _kinds(model):
        raise ModelError(
            f"What skops wrote of a {type_name} loads as something else. The model stays a pickle."
        )
    target.write_bytes(data)
    return Converted(format="skops", digest=_digest(data), size=len(data), type_name=type_name, types=types)


def load(
    source: Path | bytes, digest: str, format: str, types: Iterable[str] = (), *, trust: str | None = None
) -> Any:
    """Load a recorded model.

    Parameters
    ----------
    source, digest
        The file or its content, and the recorded hash.
    format
        ``skops`` or ``pickle``, as recorded. The file must be what it says: no other loader is tried.
    types
        The types recorded for a skops file; those on the list are trusted, and no others.
    trust
        The digest once more, to load a pickle with types that are not on the list. That runs the pickle's
        code.

    Raises
    ------
    StoreCorrupt
        If the file has another hash, or is not of its recorded format.
    UnsafeModel
        If it has types that may not be loaded; ``details["types"]`` names them.
    MissingLibrary
        If scikit-learn or skops is not installed.
    ModelError
        If the installed libraries cannot load it.
    """
    name = source.name if isinstance(source, Path) else digest
    content = _checked(source, digest)
    if format not in ("skops", "pickle"):
        raise ModelError(f"nbtrack cannot load a model in the format {format!r}.")
    if not (_is_skops(content) if format == "skops" else content[:1] == b"\x80"):
        raise StoreCorrupt(f"The model {name} is recorded as {format}, but its content is something else.")
    if format == "skops":
        skops = _skops()
        trusted = [name for name in types if is_allowed(name)]
        _refuse(name for name in _untrusted(skops, content) if name not in trusted)
        return _skops_load(skops, content, trusted)
    _require_sklearn()
    refused = refused_types(content)
    if not refused:
        return load_restricted(content)
    if trust is None or not hmac.compare_digest(trust.encode(), digest.encode()):
        raise UnsafeModel(
            f"The model has types that are not on the list of safe ones: {', '.join(refused)}. Loading it runs code "
            f"from the file; if you trust who made it, say so with trust={digest!r}.",
            types=refused,
        )
    try:
        return pickle.loads(content)
    except Exception as problem:
        raise ModelError(f"The model {name} cannot be loaded here: {_sentence(problem)}") from problem


def _checked(source: Path | bytes, digest: str) -> bytes:
    """Return the content of a file, read once: a second read could find another file."""
    name = source.name if isinstance(source, Path) else digest
    try:
        content = source.read_bytes() if isinstance(source, Path) else source
    except OSError as problem:
        raise StoreCorrupt(f"The model {name} cannot be read: {problem.strerror}.") from None
    if not hmac.compare_digest(_digest(content).encode(), digest.encode()):
        raise StoreCorrupt(
            f"The model {name} is not the one that was recorded: its content does not match its hash.",
            digest=digest,
        )
    return content


def _digest(content: bytes) -> str:
    return f"blake2b-256:{hashlib.blake2b(content, digest_size=32).hexdigest()}"


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
        raise ModelError(f"The model's file cannot be read: {_sentence(problem)}") from problem


def _skops_load(skops: ModuleType, data: bytes, trusted: list[str]) -> Any:
    try:
        return skops.loads(data, trusted=trusted)
    except Exception as problem:
        raise ModelError(f"skops cannot load the model here: {_sentence(problem)}") from problem


def _refuse(names: Iterable[str]) -> None:
    refused = list(names)
    if refused:
        raise UnsafeModel(
            f"The model has types that are not on the list of safe ones: {', '.join(refused)}.", types=refused
        )


def _kinds(model: Any) -> dict[str, type]:
    """Return the types of a model's params, which a faithful copy has too; comparing values may run for minutes."""
    try:
        return {name: type(value) for name, value in model.get_params(deep=False).items()}
    except (AttributeError, TypeError, ValueError):
        return {}


def _sentence(problem: Exception) -> str:
    line = str(problem).strip().partition("\n")[0].rstrip(".")
    return f"{type(problem).__name__}: {line}."
