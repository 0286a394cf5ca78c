"""What the server answers about runs, from paths and texts: no word of HTTP or tornado here."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from nbtrack.config import Settings
from nbtrack.entities.runs import RunTable
from nbtrack.errors import InvalidInput
from nbtrack.keeper import connect
from nbtrack.operations import to_plain
from nbtrack.store.location import find_store, is_store, named_place

DEFAULT_LIMIT = 1_000
"""Runs in an answer when the question names no limit."""


class StoreProxy(Protocol):
    """What is needed of a way to a store."""

    def call(self, operation: str, /, **arguments: Any) -> Any:
        """Ask or decide; the answer as plain values."""

    def close(self) -> None:
        """Let the connection go."""


PATIENCE = 10.0
"""Seconds that a request waits for the store: each holds one of the server's few threads meanwhile."""


@dataclass
class RunSearch:
    """Answers searches in the stores under one folder, and keeps the way to each store open between them.

    Parameters
    ----------
    root
        The folder that the server serves; paths are relative to it and may not leave it.
    """

    root: Path
    _proxies: dict[Path, StoreProxy] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def search(
        self, path: str = "", filter: str = "", sort: list[str] | None = None, limit: int | None = None
    ) -> dict[str, Any]:
        """The runs of the store that serves `path`, as plain values of a `RunTable`.

        Parameters
        ----------
        path
            A notebook or a folder, with slashes, relative to the root. It need not exist: a notebook may
            have been moved since the page was drawn.
        filter, sort, limit
            As for the operation ``runs.search``.

        Raises
        ------
        InvalidInput
            If `path` leaves the root, or the store cannot read the question.
        NbtrackError
            Whatever the store has to say.
        """
        start = inside(self.root, path)
        store = store_of(start)
        if store is None:
            return dict(to_plain(RunTable(store="", version=0, total=0)))
        limit = DEFAULT_LIMIT if limit is None else limit
        answer: dict[str, Any] = self._proxy(store).call(
            "runs.search", filter=filter, sort=sort or [], limit=limit
        )
        return answer

    def _proxy(self, store: Path) -> StoreProxy:
        with self._lock:
            if store not in self._proxies:
                self._proxies[store] = connect(store, patience=PATIENCE)
            return self._proxies[store]

    def close(self) -> None:
        """Let all connections go."""
        with self._lock:
            for proxy in self._proxies.values():
                proxy.close()
            self._proxies.clear()


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
    return root.joinpath(*parts)


def store_of(start: Path) -> Path | None:
    """The store that a kernel in `start` writes to: the one that settings name, else the nearest upward."""
    # Kernels inherit the server's environment, so NBTRACK_STORE means the same here and there.
    named = str(Settings(start if start.is_dir() else start.parent)["store"])
    if not named:
        return find_store(start)
    place = named_place(named)
    return place if is_store(place) else None


def mark(table: dict[str, Any]) -> str:
    """A short text that differs when the answer may: a store at a version has one answer to a question."""
    state = f"{table['store']}\n{table['version']}\n{table['total']}"
    return hashlib.blake2b(state.encode(), digest_size=12).hexdigest()
