"""A copy of a folder for executing a slice in: what it may spoil is not the person's."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

MOST_BYTES, MOST_FILES = 512 << 20, 20_000
"""What is copied at most; files that the slice is known to read come first."""

_LEFT_OUT = frozenset(
    {".git", ".nbtrack", "__pycache__", ".ipynb_checkpoints", "node_modules", ".venv", "venv", ".tox", "mlruns", "wandb"}
)  # fmt: skip
_PROJECT = (".git", ".nbtrack", "pyproject.toml", "setup.py", "requirements.txt")
_HIGHEST = 4


def project_of(folder: Path) -> Path:
    """The folder that belongs to what is in `folder`: notebooks read ``../data``. Never the home folder or one above it."""
    home = Path.home()
    candidate = folder
    for _ in range(_HIGHEST):
        if candidate == home or candidate in home.parents or candidate.parent == candidate:
            break
        if any((candidate / name).exists() for name in _PROJECT):
            return candidate
        candidate = candidate.parent
    return folder


def copy_folder(source: Path, target: Path, first: Iterable[Path] = ()) -> list[str]:
    """Copy what is in `source`, at most `MOST_BYTES` and `MOST_FILES`; sentences about what was left out.

    Parameters
    ----------
    first
        Files in it that are copied before all others.
    """
    target.mkdir(parents=True, exist_ok=True)
    done: set[Path] = set()
    size = left = 0
    for path in _in_order(source, first):
        if path in done:
            continue
        try:
            length = path.stat().st_size
            if size + length > MOST_BYTES or len(done) >= MOST_FILES:
                left += 1
                continue
            place = target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(
                path, place
            )  # what a link points at, too: a link would lead back to the person's file
        except OSError:
            left += 1
            continue
        done.add(path)
        size += length
    if not left:
        return []
    return [
        f"{left:,} files of {source} were not copied: the copy may have {MOST_BYTES >> 20} MB, {MOST_FILES:,} files."
    ]


def _in_order(source: Path, first: Iterable[Path]) -> Iterator[Path]:
    yield from (path for path in first if path.is_relative_to(source) and path.is_file())
    files: list[Path] = []
    for root, folders, names in os.walk(source):
        folders[:] = sorted(name for name in folders if name not in _LEFT_OUT)
        files += [path for name in sorted(names) if (path := Path(root, name)).is_file()]
        if len(files) > 5 * MOST_FILES:
            break
    yield from sorted(files, key=_size)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
