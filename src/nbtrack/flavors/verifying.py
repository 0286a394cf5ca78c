"""Loads a model's file in a fresh process and looks whether it is the model that was written."""

from __future__ import annotations

import importlib.metadata
import json
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from nbtrack.entities.models import VersionRecord
from nbtrack.errors import ModelError
from nbtrack.flavors.answers import ATOL, RTOL, answers, compare, frame_of, method_of, times
from nbtrack.flavors.content import type_name
from nbtrack.flavors.conversion import kinds_of
from nbtrack.flavors.formats import flavor
from nbtrack.flavors.loading import load

_READERS: Final = {"skops": ("skops",), "torch": ("safetensors",)}
"""Libraries that only read a format."""
_BATCHES: Final = {1: 30, 1000: 10}
_SECONDS: Final = 0.3
"""How often a batch is asked for at most, and for how long."""


def verify(
    source: Path,
    digest: str,
    form: str,
    types: list[str],
    *,
    model_type: str,
    kinds: dict[str, str],
    rows: str | None = None,
    method: str = "",
    expected: list[Any] | None = None,
) -> VersionRecord:
    """Load a file as people will, and compare what the model answers with what it answered.

    Raises
    ------
    ModelError
        If it is another model: of another class, with params of other types, or with other answers.
    """
    content = source.read_bytes()
    begun = time.perf_counter()
    model = load(content, digest, form, types, trust=digest)
    seconds = time.perf_counter() - begun
    if _own(type_name(type(model))) != _own(model_type) or (kinds and kinds_of(model) != kinds):
        raise ModelError(
            f"What was written of a {model_type} loads as something else; nothing was registered."
        )
    kept = json.loads(rows) if rows is not None else None
    needed = [flavor(form).LIBRARY, *_READERS.get(form, ()), model_type, *types]
    if kept is not None:
        needed.append(kept["type"])
    facts: dict[str, Any] = {
        "atol": ATOL,
        "rtol": RTOL,
        "python": sys.version.partition(" ")[0],
        "load_seconds": seconds,
        "requirements": requirements(needed),
    }
    if kept is None:
        return VersionRecord(verified="reload only", **facts)
    facts |= {"inputs": kept["schema"], "input_type": kept["type"]}
    known = kept.get("predictions") if kept.get("method") else expected
    asked = kept.get("method") or method or method_of(model)
    if known is None or not asked:
        return VersionRecord(verified="reload only", **facts)
    frame = frame_of(kept["rows"], kept["type"], kept["schema"])
    answer = answers(model, asked, frame)
    agreement = compare(known, answer)
    if agreement.different:
        raise ModelError(
            f"The model that was written answers otherwise than the one of the notebook, for {agreement.different} of "
            f"{len(known)} rows and by up to {agreement.largest:.3g}; nothing was registered."
        )
    return VersionRecord(
        verified="equal answers",
        rows=len(known),
        method=asked,
        largest=agreement.largest,
        output=_shape(answer),
        latency={str(count): _timed(lambda: answers(model, asked, batch), most) for count, most in _BATCHES.items()
                 if (batch := times(frame, count)) is not None},
        **facts,
    )  # fmt: skip


def _own(name: str) -> str:
    """A class of a notebook by its name alone: the module that it is made in again has another."""
    module, _, short = name.rpartition(".")
    return short if module == "__main__" or module.startswith("nbtrack_model_") else name


def _shape(answer: Any) -> str:
    sizes = ["n", *map(str, answer.shape[1:])]
    return f"{answer.dtype} ({', '.join(sizes)})"


def _timed(ask: Callable[[], object], most: int) -> list[float]:
    """Median and 95th percentile of the seconds that an answer takes."""
    taken: list[float] = []
    begun = time.perf_counter()
    while len(taken) < most and (not taken or time.perf_counter() - begun < _SECONDS):
        start = time.perf_counter()
        ask()
        taken.append(time.perf_counter() - start)
    ordered = sorted(taken)
    return [statistics.median(ordered), ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]]


def requirements(modules: Iterable[str]) -> list[str]:
    """The packages of these modules and all that they require, with exact versions, as in a ``requirements.txt``."""
    found: dict[str, str] = {}
    waiting = [name for module in modules if (name := _distribution(module))]
    while waiting:
        name = waiting.pop()
        key = re.sub(r"[-_.]+", "-", name).lower()
        if key in found:
            continue
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # required on another platform, or not installed and not missed: the model has just been loaded
        found[key] = f"{distribution.metadata['Name']}=={distribution.version}"
        for line in distribution.requires or ():
            if "extra ==" not in line and (needed := re.match(r"[A-Za-z0-9._-]+", line)):
                waiting.append(needed.group())
    return sorted(found.values(), key=str.lower)


def _distribution(module: str) -> str:
    """The package that a module came with; empty where it came with Python, or with the notebook."""
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names or top == "__main__" or top.startswith("nbtrack_model_"):
        return ""
    known = "scikit-learn" if top == "sklearn" else top
    try:
        return importlib.metadata.distribution(known).metadata["Name"]
    except importlib.metadata.PackageNotFoundError:
        return next(iter(importlib.metadata.packages_distributions().get(top, ())), "")
