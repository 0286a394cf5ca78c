"""What a run ran in: the interpreter, and the installed distributions with their versions.

Only the names of folders on ``sys.path`` are read. ``importlib.metadata`` opens a METADATA file per
distribution, and other trackers start a process to infer requirements: in an environment of some hundred
packages that takes longer than many a training cell.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import platform
import re
import sys
from typing import Final

_SUFFIXES: Final = (".dist-info", ".egg-info")
_FOLDERS_KEPT: Final = 64


def environment() -> tuple[str, dict[str, str], dict[str, str]]:
    """Describe this process's environment.

    Returns
    -------
    tuple
        An identifier (``blake2b-128:<hex>`` of the rest, so that equal environments have equal ones),
        `interpreter` and `packages`.
    """
    return _described(_folders())


@functools.lru_cache(maxsize=4)
def _described(folders: tuple[tuple[str, int], ...]) -> tuple[str, dict[str, str], dict[str, str]]:
    """Describe what is in `folders`: most runs of a process find what the one before found."""
    about, installed = interpreter(), _packages(folders)
    text = json.dumps([about, installed], sort_keys=True, separators=(",", ":"))
    content = text.encode("utf-8", "backslashreplace")
    return f"blake2b-128:{hashlib.blake2b(content, digest_size=16).hexdigest()}", about, installed


def interpreter() -> dict[str, str]:
    """Return ``python`` (version), ``implementation``, ``platform`` (system and release) and ``machine``."""
    system = platform.uname()
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": f"{system.system} {system.release}".strip(),
        "machine": system.machine,
    }


def packages() -> dict[str, str]:
    """Return the installed distributions by PEP 503 name, with their versions.

    The first folder on ``sys.path`` that has a name wins, as it does for an import. A folder is read again
    only after its modification time has changed, which installing and removing do. A distribution whose
    folder does not tell its version (the ``name.egg-info`` of an old ``setup.py develop``) is left out.
    """
    return _packages(_folders())


def _folders() -> tuple[tuple[str, int], ...]:
    """Return the folders that may hold distributions, each with its modification time."""
    found = []
    for folder in list(sys.path):
        # "" is the notebook's own folder: it holds data, sometimes a million files, and no distributions
        if type(folder) is not str or folder in ("", "."):
            continue
        try:
            found.append((folder, os.stat(folder).st_mtime_ns))  # noqa: PTH116 - pathlib doubles the cost of a cached answer
        except (OSError, ValueError):
            continue
    return tuple(found)


def _packages(folders: tuple[tuple[str, int], ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for folder, changed in folders:
        for name, version in _distributions(folder, changed):
            found.setdefault(name, version)
    return dict(sorted(found.items()))


@functools.lru_cache(maxsize=_FOLDERS_KEPT)
def _distributions(folder: str, changed: int) -> tuple[tuple[str, str], ...]:
    """Return names and versions in `folder`; `changed`, its modification time, only keys the cache."""
    found: dict[str, tuple[str, os.DirEntry[str]]] = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                parsed = _parsed(entry.name)
                if parsed is None:
                    continue
                name, version = parsed
                if name in found and _modified(entry) < _modified(found[name][1]):
                    continue  # an interrupted upgrade leaves two: the newer one is what gets imported
                found[name] = (version, entry)
    except OSError:  # a zip file, or a folder that may be passed but not listed
        return ()
    return tuple((name, version) for name, (version, _) in found.items())


def _parsed(file_name: str) -> tuple[str, str] | None:
    """Return name and version from ``Some_Name-1.2.dist-info`` or ``some-1.2-py3.11.egg-info``, else None."""
    if not file_name.endswith(_SUFFIXES):
        return None
    stem = file_name.rpartition(".")[0]
    if stem.startswith("~"):  # pip renames to "~ame" what it is about to remove
        return None
    # neither part has a "-" of its own: it is written as "_"
    name, _, rest = stem.partition("-")
    version = rest.partition("-")[0]
    return (re.sub(r"[-_.]+", "-", name).lower(), version) if name and version else None


def _modified(entry: os.DirEntry[str]) -> tuple[int, str]:
    """Return what tells the newer of two folders of one distribution."""
    try:
        return entry.stat().st_mtime_ns, entry.name
    except OSError:
        return 0, entry.name
