"""Models as pickles, for those who ask for it: loading one runs code, so it needs ``trust``.

A bare pickle, or a zip archive with the pickle and the source of the notebook's classes that it needs. What the kernel
leaves at a cell's end is a bare pickle too; that is loaded by the list of safe types only (`nbtrack.flavors.restricted`).
"""

from __future__ import annotations

import io
import pickle
import types as python_types
import zipfile
from collections.abc import Mapping
from typing import Any, Final

from nbtrack.errors import ModelError, StoreCorrupt, UnsafeModel
from nbtrack.flavors.content import Written, sentence
from nbtrack.flavors.own_source import module_of, sources_of
from nbtrack.flavors.restricted import refused_types

FORMAT: Final = "pickle"
LIBRARY: Final = "pickle"

_PICKLE: Final = "model.pickle"
_SOURCE: Final = "source.py"


def holds(kind: type) -> bool:
    """Nothing is written so without being asked for."""
    return False


def write(model: Any) -> Written:
    """The model as a bare pickle.

    Raises
    ------
    ModelError
        If it cannot be pickled.
    """
    try:
        return with_source(pickle.dumps(model, 5), None)
    except ModelError:
        raise
    except Exception as problem:
        raise ModelError(f"The model cannot be pickled: {sentence(problem)}") from problem


def with_source(content: bytes, namespace: Mapping[str, object] | None) -> Written:
    """A pickle with the source of what it refers to in the notebook.

    Raises
    ------
    ModelError
        If that is not known.
    """
    names = refused_types(content)
    own = [name.removeprefix("__main__.") for name in names if name.startswith("__main__.")]
    if own:
        if missing := [name for name in own if name not in (namespace or {})]:
            raise ModelError(
                f"The model needs {', '.join(missing)} of the notebook, whose source is not known here: register the "
                "variable, in the notebook that has it."
            )
        source = sources_of([(namespace or {})[name] for name in own], namespace or {})
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for name, part in ((_SOURCE, source.encode()), (_PICKLE, content)):
                archive.writestr(
                    zipfile.ZipInfo(name), part
                )  # without a time: the same model, the same digest
        content = file.getvalue()
    return Written(content=content, types=names, runs_code=True)


def is_one(content: bytes) -> bool:
    """A pickle of protocol 2 or later, or our archive of one."""
    return content[:1] == b"\x80" or _is_archive(content)


def _is_archive(content: bytes) -> bool:
    if content[:4] != b"PK\x03\x04":
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.namelist() == [_SOURCE, _PICKLE]
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        return False


def runs_code(content: bytes) -> bool:
    """Every pickle does."""
    return True


def load(content: bytes, types: list[str], *, trusted: bool = False) -> Any:
    """What the pickle makes.

    Raises
    ------
    UnsafeModel
        If it is not trusted.
    ModelError
        If it cannot be loaded here.
    """
    if not trusted:
        raise UnsafeModel("A pickle is a program: it is not loaded without trust.", types=types)
    own = None
    try:
        if _is_archive(content):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                own = module_of(archive.read(_SOURCE).decode(), content)
                content = archive.read(_PICKLE)
        return _Unpickler(io.BytesIO(content), own).load()
    except (ModelError, StoreCorrupt):
        raise
    except Exception as problem:
        raise ModelError(f"The model cannot be loaded here: {sentence(problem)}") from problem


class _Unpickler(pickle.Unpickler):
    """Looks for the notebook's classes in the source that came with the pickle."""

    def __init__(self, file: io.BytesIO, own: python_types.ModuleType | None) -> None:
        super().__init__(file)
        self._own = own

    def find_class(self, module: str, name: str) -> Any:
        if module == "__main__" and self._own is not None and hasattr(self._own, name):
            return getattr(self._own, name)
        return super().find_class(module, name)
