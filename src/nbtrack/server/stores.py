"""The way from a path of the server to the store that serves it: no word of HTTP or tornado here."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from nbtrack.config import Settings
from nbtrack.entities.runs import RunTable
from nbtrack.errors import InvalidInput, NotFound
from nbtrack.keeper import connect
from nbtrack.operations import to_json, to_plain
from nbtrack.server.offers import Offer
from nbtrack.store.location import find_store, is_store, named_place
from nbtrack.version import __version__


class StoreProxy(Protocol):
    """What is needed of a way to a store."""

    def call(self, operation: str, /, **arguments: Any) -> Any:
        """Ask or decide; the answer as plain values."""

    def close(self) -> None:
        """Let the connection go."""


PATIENCE = 10.0
"""Seconds that a question waits for the store: each holds one of the server's few threads meanwhile."""

SLOW_PATIENCE = 300.0
"""Seconds that a decision waits: registering a large model converts it first."""


@dataclass(frozen=True, slots=True)
class Answer:
    """JSON and its mark; ``body`` is None where the asker has the answer of this mark already."""

    body: str | None
    mark: str


@dataclass
class Stores:
    """Asks the stores under one folder, and keeps the way to each open between questions.

    Parameters
    ----------
    root
        The folder that the server serves; paths are relative to it and may not leave it.
    """

    root: Path
    _proxies: dict[tuple[Path, float], StoreProxy] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, offer: Offer, path: str, arguments: dict[str, Any], known: str = "") -> Answer:
        """The answer of the store that serves `path`, unless the asker has it already (its mark is in `known`).

        Parameters
        ----------
        path
            A notebook or a folder, with slashes, relative to the root. It need not exist: a notebook may
            have been moved since the page was drawn.
        known
            What the asker sent as ``If-None-Match``.

        Raises
        ------
        InvalidInput
            If `path` leaves the root, or the store cannot read the question.
        NotFound
            If no store serves the path, or there is nothing of the name that is asked for.
        NbtrackError
            Whatever else the store has to say.
        """
        store = store_of(inside(self.root, path))
        if store is None:
            return _without_store(offer, path)
        proxy = self._proxy(store, SLOW_PATIENCE if offer.operation.decision else PATIENCE)
        # A moment that a filter names ("2d ago") passes without a change of the store.
        steady = offer.steady and "filter" not in arguments
        mark = ""
        if steady:
            # Asked before the answer is made: a change in between makes a mark that is too old, which costs a repetition.
            table = proxy.call("runs.search", limit=0)
            mark = mark_of(table["store"], str(table["version"]), offer.name, to_json(arguments))
            if mark in known:
                return Answer(None, mark)
        body = to_json(proxy.call(offer.name, **arguments))
        mark = mark or mark_of(body)
        return Answer(None if mark in known else body, mark)

    def _proxy(self, store: Path, patience: float) -> StoreProxy:
        with self._lock:
            key = store, patience
            if key not in self._proxies:
                self._proxies[key] = connect(store, patience=patience)
            return self._proxies[key]

    def close(self) -> None:
        """Let all connections go."""
        with self._lock:
            for proxy in self._proxies.values():
                proxy.close()
            self._proxies.clear()


def _without_store(offer: Offer, path: str) -> Answer:
    """What is said where nothing was tracked yet: there are no runs and no models, and nothing else can be asked."""
    empty = {
        "runs.search": to_plain(RunTable(store="", version=0, total=0)),
        "models.list": [],
    }
    if offer.name not in empty:
        raise NotFound(f"No store of nbtrack serves {path or 'this folder'} yet.", path=path)
    body = to_json(empty[offer.name])
    return Answer(body, mark_of(body))


def inside(root: Path, path: str) -> Path:
    """`path` below `root`, by its words as Jupyter itself reads it: links that lead out are allowed.

    Raises
    ------
    InvalidInput
        If it leaves the root.
    """
    # Path takes a name apart once more as the system does: on Windows it may hold "\\.." or a drive.
    parts = [part for name in path.split("/") for part in Path(name).parts]
    if ".." in parts or "\0" in path or any(Path(part).anchor for part in parts):
        raise InvalidInput(f"The path {path!r} is not below the server's root folder.", path=path)
    try:
        path.encode()
    except UnicodeEncodeError:
        raise InvalidInput(f"The path {path!r} is no text that a file can be called by.") from None
    return root.joinpath(*parts)


def store_of(start: Path) -> Path | None:
    """The store that a kernel in `start` writes to: the one that settings name, else the nearest upward."""
    # Kernels inherit the server's environment, so NBTRACK_STORE means the same here and there.
    try:
        named = str(Settings(start if start.is_dir() else start.parent)["store"])
        if not named:
            return find_store(start)
    except OSError:  # a name that is longer than the file system allows
        return None
    place = named_place(named)
    return place if is_store(place) else None


def mark_of(*state: str) -> str:
    """A short text that differs when the answer may: with this version of nbtrack, that is by `state` alone."""
    whole = "\n".join([__version__, *state])
    return hashlib.blake2b(whole.encode(errors="replace"), digest_size=12).hexdigest()
