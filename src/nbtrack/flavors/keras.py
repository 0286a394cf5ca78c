"""Models of Keras 3 in its own archive, of which every class that the configuration names is Keras' own.

Keras' safe mode alone is not enough: it was led around by configurations that name other modules (CVE-2025-1550), that
name functions of Keras that fetch files (CVE-2025-8747), and by layers that read a file or a pickle which the configuration
names (CVE-2025-12058, ``TorchModuleWrapper``, ``TFSMLayer``). So the configuration is read first, by an exact list of
modules, without Keras.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from nbtrack.errors import StoreCorrupt, UnsafeModel
from nbtrack.flavors.content import Written, explained, sentence
from nbtrack.flavors.formats import is_made_of, require, saved

FORMAT: Final = "keras"
LIBRARY: Final = "keras"

_MEMBERS: Final = frozenset({"metadata.json", "config.json", "model.weights.h5"})
_MODULES: Final = frozenset(
    f"keras{part}"
    for part in (
        "",
        ".layers",
        ".initializers",
        ".regularizers",
        ".constraints",
        ".optimizers",
        ".optimizers.schedules",
        ".losses",
        ".metrics",
        ".activations",
        ".dtype_policies",
        ".src.models.functional",
    )
)
_REFUSED: Final = frozenset({"Lambda", "TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer"})
"""Layers that hold code, or read it from elsewhere."""
_VALUES: Final = ("__keras_tensor__", "__tensor__", "__numpy__", "__ellipsis__", "__slice__")
_READERS: Final = frozenset({"vocabulary", "idf_weights"})
"""Settings of layers that may be the path or address of a file."""


def holds(kind: type) -> bool:
    """Whether it is a model of Keras, of any class: one of the person's own is refused by its name when it is written."""
    return is_made_of(kind, LIBRARY, "Model")


def write(model: Any) -> Written:
    """The model as Keras' archive.

    Raises
    ------
    UnsafeModel
        If it is made of classes that are not Keras' own.
    ModelError
        If Keras cannot write it.
    """
    content = saved(model.save, "model.keras", "Keras")
    _check(content)
    return Written(content=content)


def is_one(content: bytes) -> bool:
    """A zip archive with exactly the members that Keras writes."""
    if content[:4] != b"PK\x03\x04":
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return sorted(archive.namelist()) == sorted(_MEMBERS)
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        return False


def runs_code(content: bytes) -> bool:
    """What would is refused, trusted or not."""
    return False


def load(content: bytes, types: list[str], *, trusted: bool = False) -> Any:
    """The model, without its optimizer.

    Raises
    ------
    UnsafeModel
        If its configuration names anything but classes of Keras.
    ModelError
        If Keras cannot read it.
    """
    _check(content)
    _choose_backend()
    library = require(LIBRARY)
    with tempfile.TemporaryDirectory(prefix="nbtrack-") as folder:
        source = Path(folder) / "model.keras"
        source.write_bytes(content)
        with explained("Keras cannot load the model here"):
            return library.saving.load_model(source, compile=False, safe_mode=True)


def _choose_backend() -> None:
    """Where nobody chose a backend and Keras' default, tensorflow, is not installed: one that is."""
    if "KERAS_BACKEND" not in os.environ and find_spec("tensorflow") is None:
        for backend in ("torch", "jax"):
            if find_spec(backend) is not None:
                os.environ["KERAS_BACKEND"] = backend
                return


def _check(content: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            config = json.loads(archive.read("config.json"))
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, RecursionError) as problem:
        raise StoreCorrupt(f"The file is no model of Keras: {sentence(problem)}") from None
    refused: dict[str, None] = {}
    _look(config, refused)
    if refused:
        raise UnsafeModel(
            f"The model is made of what is not Keras' own, or of what may hold code: {', '.join(refused)}.",
            types=list(refused),
        )


def _look(value: Any, refused: dict[str, None]) -> None:
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting.extend(part)
        elif isinstance(part, dict):
            waiting.extend(part.values())
            if "class_name" in part and part["class_name"] not in _VALUES:
                name, module = str(part["class_name"]), str(part.get("module"))
                if module not in _MODULES or name in _REFUSED:
                    refused[f"{module}.{name}"] = None
                registered = part.get("registered_name")
                if isinstance(registered, str) and ">" in registered and not registered.startswith("keras"):
                    refused[registered] = None
            for key in _READERS & part.keys():
                if isinstance(part[key], str):
                    refused[f"{key}={part[key]}"] = None
