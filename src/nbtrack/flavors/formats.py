"""The formats that models are kept in: a leaf of this package for each, and those that other packages bring.

A leaf is a module (or, of a plug-in, any object) with the names of `Flavor`. A package brings one by an entry point of the
group ``nbtrack.flavors``, whose name is the format's; the formats of nbtrack itself cannot be replaced.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final, Protocol, cast

from nbtrack.errors import MissingLibrary, ModelError, UnsafeModel
from nbtrack.flavors.content import Written, explained


class Flavor(Protocol):
    """A way to write and read models."""

    FORMAT: str
    """What versions call it."""
    LIBRARY: str
    """The module that has to be imported for models of this kind to exist."""

    def holds(self, kind: type) -> bool:
        """Whether instances of exactly this class are written so. Imports nothing."""

    def write(self, model: Any) -> Written:
        """The model as bytes. Raises `ModelError` where it cannot be."""

    def is_one(self, content: bytes) -> bool:
        """Whether a content begins as this format does."""

    def runs_code(self, content: bytes) -> bool:
        """Whether loading it would run code of the file, or of libraries that only the file names."""

    def load(self, content: bytes, types: list[str], *, trusted: bool) -> Any:
        """The model. What runs code is only loaded where `trusted`."""


GROUP: Final = "nbtrack.flavors"

LEAVES: Final = {
    "xgboost": "nbtrack.flavors.xgboost",
    "lightgbm": "nbtrack.flavors.lightgbm",
    "catboost": "nbtrack.flavors.catboost",
    "keras": "nbtrack.flavors.keras",
    "torch": "nbtrack.flavors.torch",
    "skops": "nbtrack.flavors.sklearn",
    "pickle": "nbtrack.flavors.pickled",
}
"""The modules of nbtrack's own formats. Of two that would take a model, the first is asked."""


def flavor(form: str) -> Flavor:
    """The leaf of a format.

    Raises
    ------
    ModelError
        If there is none.
    """
    if form in LEAVES:
        return cast("Flavor", importlib.import_module(LEAVES[form]))
    for point in entry_points(group=GROUP, name=form):
        return cast("Flavor", point.load())
    raise ModelError(f"nbtrack cannot load a model in the format {form!r}; there are {', '.join(formats())}.")


def formats() -> list[str]:
    """The names of all formats."""
    return [*LEAVES, *(point.name for point in entry_points(group=GROUP) if point.name not in LEAVES)]


def flavor_of(model: object) -> Flavor:
    """The leaf that writes a model safely.

    Raises
    ------
    ModelError
        If there is none.
    """
    for form in formats():
        if form != "pickle" and (found := _asked(form, type(model))) is not None:
            return found
    raise ModelError(
        f"No safe format of nbtrack holds a {type(model).__module__}.{type(model).__qualname__}; --format pickle "
        "keeps it as a pickle, which runs code when it is loaded."
    )


def _asked(form: str, kind: type) -> Flavor | None:
    found = flavor(form)
    return found if found.holds(kind) else None


def is_made_of(kind: type, library: str, *names: str) -> bool:
    """Whether a class is one of these of a library, or made from it; the library is not imported for it."""
    module = sys.modules.get(library)
    bases = [vars(module).get(name) for name in names] if module is not None else []
    return any(isinstance(base, type) and issubclass(kind, base) for base in bases)


def require(library: str, package: str | None = None) -> Any:
    """A library that a format needs.

    Raises
    ------
    MissingLibrary
        If it is not installed.
    """
    try:
        return importlib.import_module(library)
    except ImportError as problem:
        missing = package or library
        raise MissingLibrary(
            f"This model needs {missing}, which is not installed here ({problem}): pip install {missing}.",
            library=missing,
        ) from None


def saved(save: Callable[[Path], object], name: str, title: str) -> bytes:
    """What the library `title` writes into a file of this name.

    Raises
    ------
    ModelError
        If it cannot write the model.
    """
    with tempfile.TemporaryDirectory(prefix="nbtrack-") as folder:
        target = Path(folder) / name
        with explained(f"{title} cannot write the model"):
            save(target)
        return target.read_bytes()


def class_of(types: list[str], classes: Mapping[str, str], library: str, title: str) -> Any:
    """The class of a library that was recorded as a model's one type.

    Raises
    ------
    UnsafeModel
        If it is none of the library's `classes`.
    """
    if len(types) != 1 or types[0] not in classes:
        raise UnsafeModel(
            f"No model of {title} is a {', '.join(types) or 'thing without type'}.", types=types
        )
    return getattr(require(library), classes[types[0]])
