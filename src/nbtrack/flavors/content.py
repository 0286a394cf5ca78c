"""The content of a model's file: its digest, and that it is what was recorded."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from nbtrack.errors import ModelError, StoreCorrupt


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A model as bytes. ``types`` are those that the file makes and that are not its format's own.

    ``runs_code`` says that loading it runs code that stands in the file, or in a library that the file names.
    """

    content: bytes
    types: list[str] = field(default_factory=list)
    runs_code: bool = False


def digest_of(content: bytes) -> str:
    """The digest of a content: ``blake2b-256:<hex>``."""
    return f"blake2b-256:{hashlib.blake2b(content, digest_size=32).hexdigest()}"


def is_digest(given: str | None, digest: str) -> bool:
    """Whether a person named exactly this digest."""
    return given is not None and hmac.compare_digest(given.encode(), digest.encode())


def checked(source: Path | bytes, digest: str) -> bytes:
    """The content of a file, read once: a second read could find another file.

    Raises
    ------
    StoreCorrupt
        If it has another hash, or cannot be read.
    """
    name = source.name if isinstance(source, Path) else digest
    try:
        content = source.read_bytes() if isinstance(source, Path) else source
    except OSError as problem:
        raise StoreCorrupt(f"The model {name} cannot be read: {problem.strerror}.") from None
    if not is_digest(digest_of(content), digest):
        raise StoreCorrupt(
            f"The model {name} is not the one that was recorded: its content does not match its hash.",
            digest=digest,
        )
    return content


def sentence(problem: BaseException) -> str:
    """The type of an exception and the first line of what it says."""
    line = str(problem).strip().partition("\n")[0].rstrip(".")
    return f"{type(problem).__name__}: {line}." if line else f"{type(problem).__name__}."


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Have whatever a library raises go on as a `ModelError` that says what could not be done."""
    try:
        yield
    except Exception as problem:
        raise ModelError(f"{what}: {sentence(problem)}") from problem


def type_name(kind: type) -> str:
    """A class as ``module.Name``."""
    return f"{kind.__module__}.{kind.__qualname__}"
