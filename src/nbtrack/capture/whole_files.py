"""Reads a file once more, as a cell has read it, and makes the profile of all of it, in a process of its own.

One JSON request on stdin, one JSON answer on stdout: ``{"profile": {…}}`` or ``{"error": "…"}``. The interpreter is the one
that the cell ran in, since the keeper's may not have the library.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from nbtrack.capture.datasets import Kinds
from nbtrack.capture.profiles import COLUMNS, all_columns, extent
from nbtrack.capture.sources import stamp_of
from nbtrack.capture.table_sketch import ColumnSketch
from nbtrack.entities.profiles import DataProfile

CHUNK: Final = 100_000
"""Rows of a text file that are in memory at once."""

READERS: Final = frozenset(
    {
        f"pandas.read_{kind}"
        for kind in ("csv", "table", "fwf", "parquet", "feather", "orc", "json", "excel", "stata")
    }
    | {f"polars.read_{kind}" for kind in ("csv", "parquet", "ipc", "json", "ndjson", "excel")}
    | {"numpy.load", "numpy.loadtxt", "numpy.genfromtxt"}
    | {
        "pyarrow.csv.read_csv",
        "pyarrow.parquet.read_table",
        "pyarrow.feather.read_table",
        "pyarrow.json.read_json",
    }
)
"""The functions that are called again: none of them runs what stands in a file, as reading a pickle does."""

_IN_CHUNKS: Final = frozenset({"pandas.read_csv", "pandas.read_table", "pandas.read_fwf"})
_ONE_BY_ONE: Final = ("chunksize", "iterator", "nrows")


def main() -> None:
    """Answer one request. Libraries that print or warn do so on stderr, even those that write to the descriptor."""
    with contextlib.suppress(OSError, AttributeError):
        os.nice(19)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    with answers:
        try:
            answer: dict[str, Any] = {"profile": asdict(profile_file(json.loads(sys.stdin.read())))}
        except Exception as problem:  # noqa: BLE001 - libraries raise anything; the keeper needs a sentence
            answer = {"error": f"{type(problem).__name__}: {problem}"}
        json.dump(answer, answers)


def profile_file(request: dict[str, Any]) -> DataProfile:
    """The profile of the file that a recorded call has read.

    Parameters
    ----------
    request
        ``function``, ``place``, ``stamp`` and ``arguments`` of the call's source, and the ``columns`` that it gave.

    Raises
    ------
    ValueError
        If the file is another by now, or reading it gives no table, or other columns than it gave then.
    """
    function, place = request["function"], request["place"]
    if function not in READERS:
        raise ValueError(f"{function} is not called again")
    if stamp_of(place) != request["stamp"]:
        raise ValueError("the file was changed since it was read")
    sketches: list[ColumnSketch] = []
    rows = width = 0
    for part in _parts(function, place, request["arguments"]):
        module = Kinds().module_of(part)
        if module is None:
            raise ValueError("what was read is no table")
        more, width = extent(part, module)
        rows += more
        columns = list(all_columns(part, module, min(width, COLUMNS)))
        if not sketches:
            sketches = [ColumnSketch(name, dtype) for name, dtype, _ in columns]
        if [name for name, _, _ in columns] != [sketch.name for sketch in sketches]:
            raise ValueError("its parts have other columns")
        for sketch, (name, dtype, take) in zip(sketches, columns, strict=True):
            seen = ColumnSketch(name, dtype)
            seen.add(take(None))
            sketch.merge(seen)
    names = [sketch.name for sketch in sketches]
    if request["columns"] and names != request["columns"][: len(names)]:
        raise ValueError("it has other columns than when it was read")
    if stamp_of(place) != request["stamp"]:
        raise ValueError("the file was changed while it was read")
    return DataProfile(
        rows=rows,
        read=rows,
        width=width,
        sampled=len(names) < width,
        note=f"{len(names):,} of {width:,} columns were read" if len(names) < width else None,
        columns=[sketch.profile() for sketch in sketches],
    )


def _parts(function: str, place: str, arguments: dict[str, Any]) -> Iterator[Any]:
    """What the call gives, in parts where the library can give parts."""
    module, _, name = function.rpartition(".")
    read = getattr(importlib.import_module(module), name)
    given, named = arguments["place"], arguments["name"]
    if function == "numpy.load":
        named = {**named, "allow_pickle": False, "mmap_mode": "r"}
    if function in _IN_CHUNKS and not any(word in named for word in _ONE_BY_ONE):
        with read(place, *given, chunksize=CHUNK, **named) as parts:
            yield from parts
    else:
        yield read(place, *given, **named)
