"""Where a store is: a private folder ``.nbtrack``, found upward like ``.git``."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from nbtrack.errors import DiskFull, InvalidInput, NotAStore, StoreNotWritable

FOLDER = ".nbtrack"
MARK = "nbtrack-store"
"""A file of this name tells a store from any other folder called ``.nbtrack``."""

_FOLDERS = ("blobs", "incoming", "journal")
_UNFINISHED = ".new-"

_MARKED = "This folder is a store of nbtrack. Remove it only together with all it holds.\n"

_GITIGNORE = "# The store of nbtrack: private to this machine, not for version control.\n*\n"


def is_store(folder: Path) -> bool:
    """Whether `folder` is a store."""
    return (folder / MARK).is_file()


def _is_ours(folder: Path) -> bool:
    # A store planted by somebody else (in /tmp, on a shared disk) could feed hostile content: it is not adopted.
    return not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid()


def find_store(start: Path) -> Path | None:
    """The store that serves `start` (a file or a folder), looking upward; None if there is none.

    A store that belongs to another user is passed over. The search ends at the root of the file system.
    """
    start = start.absolute()
    for folder in (start, *start.parents):
        candidate = folder / FOLDER
        try:
            if is_store(candidate) and _is_ours(candidate):
                return candidate
        except OSError:
            continue
    return None


def repository_root(start: Path) -> Path | None:
    """The root of the git repository around `start`, or None."""
    start = start.absolute()
    return next((folder for folder in (start, *start.parents) if (folder / ".git").exists()), None)


def default_place(start: Path) -> Path:
    """Where a new store for `start` (a folder) goes: beside the repository's root, else in `start` itself."""
    return (repository_root(start) or start.absolute()) / FOLDER


def create_store(folder: Path) -> Path:
    """Create the store `folder`, or complete it if it exists; private to the user.

    Raises
    ------
    NotAStore
        If `folder` exists and is something else.
    StoreNotWritable
        If it cannot be created.
    """
    try:
        if folder.exists() and not is_store(folder) and not _is_empty(folder):
            raise NotAStore(
                f"{folder} is not an nbtrack store; name another folder or remove what is there.",
                path=str(folder),
            )
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        for name in _FOLDERS:
            (folder / name).mkdir(mode=0o700, exist_ok=True)
        _write_once(folder / ".gitignore", _GITIGNORE)
        _write_once(folder / MARK, _MARKED)  # last: what is marked is complete
    except OSError as problem:
        raise StoreNotWritable(
            f"The store {folder} cannot be created ({problem.strerror}); "
            "set NBTRACK_STORE to a folder that you can write.",
            path=str(folder),
        ) from problem
    return folder


def _is_empty(folder: Path) -> bool:
    """Whether the folder has nothing but what a creation leaves that was cut off, by a kill for example."""
    return folder.is_dir() and all(
        path.name.startswith(_UNFINISHED)
        or (path.name in _FOLDERS and path.is_dir() and not any(path.iterdir()))
        or (path.name == ".gitignore" and path.read_text(encoding="utf-8", errors="replace") == _GITIGNORE)
        for path in folder.iterdir()
    )


def _write_once(path: Path, text: str) -> None:
    if path.exists():
        return
    # whole or not at all: an empty .gitignore would let the store into the repository
    temporary = path.with_name(f"{_UNFINISHED}{os.getpid()}-{path.name}")
    temporary.write_text(text, encoding="utf-8")
    temporary.chmod(0o600)
    temporary.replace(path)


def named_place(path: str | os.PathLike[str]) -> Path:
    """The folder that `path` names: a store, or the one inside it; as it is where there is none yet."""
    folder = Path(path).expanduser().absolute()
    return next(filter(is_store, (folder, folder / FOLDER)), folder)


def not_writable(store: Path, problem: OSError) -> StoreNotWritable:
    """The error of a store that exists and cannot be written."""
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(store)
    return StoreNotWritable(
        f"The store {store} cannot be written ({problem.strerror}); "
        "check its permissions or set NBTRACK_STORE to another folder.",
        path=str(store),
    )


def disk_full(store: Path) -> DiskFull:
    """The error of a store whose disk is full."""
    return DiskFull(
        f"The disk of the store {store} is full; make room on it. What is recorded meanwhile is kept and taken in later.",
        path=str(store),
    )


def resolve_store(path: str | os.PathLike[str] | None, start: Path) -> Path:
    """The store that is meant by `path`, or (None) the one found from `start` upward.

    Parameters
    ----------
    path
        A store, or a folder that has one.
    start
        Where to look if `path` is None.

    Raises
    ------
    NotAStore
        If there is none.
    """
    if path is None:
        found = find_store(start)
        if found is None:
            raise NotAStore(
                f"There is no nbtrack store in {start.absolute()} or above it; "
                "run %load_ext nbtrack in a notebook there, or name a store with --store PATH.",
                path=str(start),
            )
        return found
    text = os.fspath(path)
    if "://" in text:
        raise InvalidInput(f"{text} is a URL; this version of nbtrack opens stores in folders only.")
    place = named_place(text)
    if is_store(place):
        return place
    raise NotAStore(
        f"{place} is not an nbtrack store; name the folder .nbtrack or the one that has it.", path=text
    )


def runtime_folder() -> Path:
    """A private folder of this user for sockets, whose paths must be short (108 bytes on Linux).

    Raises
    ------
    StoreNotWritable
        If there is no place for it, or the place belongs to somebody else.
    """
    user = os.getuid() if hasattr(os, "getuid") else "user"
    places = [Path(tempfile.gettempdir()) / f"nbtrack-{user}"]
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        places.insert(0, Path(runtime) / "nbtrack")  # set, but not there: common under su and in containers
    for place in places:
        try:
            place.mkdir(mode=0o700, exist_ok=True)
            state = place.lstat()
        except OSError:
            continue
        if hasattr(os, "getuid") and (state.st_uid != os.getuid() or state.st_mode & 0o077):
            raise StoreNotWritable(f"{place} is not private to you; remove it or set XDG_RUNTIME_DIR.")
        return place
    raise StoreNotWritable(f"No folder for sockets can be made in {places[-1].parent}; set XDG_RUNTIME_DIR.")
