"""Loads a recorded model: only if its content is what was recorded, and only as what it was recorded as."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nbtrack.errors import ModelError, StoreCorrupt, UnsafeModel
from nbtrack.flavors.content import checked, is_digest, sentence
from nbtrack.flavors.formats import flavor, require
from nbtrack.flavors.restricted import load_restricted, refused_types


def load(
    source: Path | bytes, digest: str, format: str, types: Iterable[str] = (), *, trust: str | None = None
) -> Any:
    """Load a version of a registered model.

    Parameters
    ----------
    source, digest
        The file or its content, and the recorded hash.
    format
        The format, as recorded. The content must begin as that format does: no other loader is tried.
    types
        The types recorded for it; those on the list are trusted, and no others.
    trust
        The digest once more, to load what runs code: a pickle, or a network of classes of somebody's own.

    Raises
    ------
    StoreCorrupt
        If the file has another hash, or is not of its recorded format.
    UnsafeModel
        If it has types that may not be loaded (``details["types"]`` names them), or runs code without trust.
    MissingLibrary
        If its library is not installed.
    ModelError
        If the installed library cannot load it.
    """
    content, leaf = checked(source, digest), flavor(format)
    if not leaf.is_one(content):
        raise StoreCorrupt(
            f"The model {_name(source, digest)} is recorded as {format}, but its content is something else."
        )
    names = list(types)
    trusted = is_digest(trust, digest)
    if leaf.runs_code(content) and not trusted:
        told = f" (it has {', '.join(names)})" if names else ""
        raise UnsafeModel(
            f"Loading this model runs code from its file{told}; if you trust who made it, say so with trust={digest!r}.",
            types=names,
        )
    return leaf.load(content, names, trusted=trusted)


def load_kept(source: Path | bytes, digest: str, format: str, *, trust: str | None = None) -> Any:
    """Load what a run kept of a model at a cell's end: a pickle by the list of safe types, else as `load` does.

    Parameters
    ----------
    trust
        The digest once more, to load a pickle with types that are not on the list. That runs the pickle's code.

    Raises
    ------
    StoreCorrupt
        If the file has another hash, or is not of its recorded format.
    UnsafeModel
        If it has types that may not be loaded; ``details["types"]`` names them.
    ModelError
        If the installed libraries cannot load it.
    """
    content = checked(source, digest)
    if format != "pickle" or content[:2] == b"PK":
        return load(content, digest, format, trust=trust)
    name = _name(source, digest)
    if content[:1] != b"\x80":
        raise StoreCorrupt(f"The model {name} is recorded as pickle, but its content is something else.")
    require("sklearn", "scikit-learn")
    refused = refused_types(content)
    if not refused:
        return load_restricted(content)
    if not is_digest(trust, digest):
        raise UnsafeModel(
            f"The model has types that are not on the list of safe ones: {', '.join(refused)}. Loading it runs code "
            f"from the file; if you trust who made it, say so with trust={digest!r}.",
            types=refused,
        )
    try:
        return pickle.loads(content)
    except Exception as problem:
        raise ModelError(f"The model {name} cannot be loaded here: {sentence(problem)}") from problem


def _name(source: Path | bytes, digest: str) -> str:
    return source.name if isinstance(source, Path) else digest
