"""Makes of what a run kept of a model the file of a version, in a process of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbtrack.errors import MissingLibrary, ModelError, UnsafeModel
from nbtrack.flavors.answers import answers, frame_of, method_of
from nbtrack.flavors.content import checked, digest_of, type_name
from nbtrack.flavors.formats import flavor, flavor_of
from nbtrack.flavors.loading import load_kept
from nbtrack.flavors.pickled import with_source


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """A model in the format of a version: ``size`` in bytes, ``types`` those that the format itself does not trust.

    ``kinds`` are the types of its params where the format keeps them; a faithful copy has them too. ``expected`` is what
    the model answers for the kept rows, by the method ``method``, where it is not known from its cell.
    """

    format: str
    digest: str
    size: int
    type_name: str
    types: list[str] = field(default_factory=list)
    runs_code: bool = False
    kinds: dict[str, str] = field(default_factory=dict)
    method: str = ""
    expected: list[Any] | None = None


def convert(
    source: Path,
    digest: str,
    target: Path,
    *,
    form: str = "pickle",
    want: str | None = None,
    rows: str | None = None,
) -> Converted:
    """Write a kept model to `target` in the safe format of its kind, or in the one that is wanted.

    Parameters
    ----------
    source, digest, form
        What the run kept, which must have this hash, and its format.
    target
        A file that is written, and exists only if all went well.
    want
        ``pickle``, for those who asked for it; else the model's kind decides.
    rows
        The rows that were kept with it, as JSON.

    Raises
    ------
    StoreCorrupt
        If the file has another hash, or is not of its format.
    UnsafeModel
        If the model has types that are not on the list; nothing of it has run then.
    MissingLibrary
        If its library is not installed.
    ModelError
        If the installed libraries cannot load or write it.
    """
    content = checked(source, digest)
    if want is not None and (want != "pickle" or form != "pickle"):
        raise ModelError(f"A model that was kept as {form} cannot be registered as {want}.")
    if content[:2] == b"PK" and form == "pickle" and want is None:
        raise ModelError(
            "The run kept this model as a pickle with its source; register it with --format pickle."
        )
    if want == "pickle":
        written = with_source(content, None) if content[:1] == b"\x80" else None
        leaf = flavor("pickle")
        model = leaf.load(content, [], trusted=True)
        types = written.types if written is not None else []
        final, runs_code = content, True
    elif form == "pickle":
        try:
            model = load_kept(content, digest, form)
            leaf = flavor_of(model)
            made = leaf.write(model)
        except UnsafeModel as problem:
            types = problem.details.get("types", [])
            raise UnsafeModel(
                f"The model has types that are not on the list of safe ones: {', '.join(types)}. --format pickle keeps it "
                "all the same; whoever loads it then has to trust it.",
                types=types,
            ) from problem
        final, types, runs_code = made.content, made.types, made.runs_code
    else:
        leaf = flavor(form)
        runs_code = leaf.runs_code(content)
        # trusted, as a pickle that was asked for: the person's own kernel has written it
        model, final = leaf.load(content, [], trusted=True), content
        types = []
    method, expected = _expected(model, rows)
    target.write_bytes(final)
    return Converted(
        format=leaf.FORMAT,
        digest=digest_of(final),
        size=len(final),
        type_name=type_name(type(model)),
        types=types,
        runs_code=runs_code,
        kinds=kinds_of(model) if leaf.FORMAT == "skops" else {},
        method=method,
        expected=expected,
    )


def _expected(model: Any, rows: str | None) -> tuple[str, list[Any] | None]:
    """What the model answers for the kept rows before it is written, where its cell has not said."""
    if rows is None:
        return "", None
    kept = json.loads(rows)
    if kept.get("method"):
        return kept["method"], None
    method = method_of(model)
    if not method:
        return "", None
    try:
        answer = answers(model, method, frame_of(kept["rows"], kept["type"], kept["schema"]))
    except (ModelError, MissingLibrary):
        return "", None  # a row may be no input of this model
    return method, answer.tolist()


def kinds_of(model: Any) -> dict[str, str]:
    """The types of a model's params; comparing values may run for minutes."""
    try:
        return {name: type_name(type(value)) for name, value in model.get_params(deep=False).items()}
    except (AttributeError, TypeError, ValueError):
        return {}
