"""What a person names when two notebooks are compared: a run, a snapshot, a file, or a file of a git revision."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbtrack.analysis.formats import current_format
from nbtrack.commands.grammar import Asking
from nbtrack.entities.notebook_text import NotebookError, read_notebook
from nbtrack.entities.snapshots import Snapshot
from nbtrack.errors import InvalidInput, NotFound

_GIT_TIMEOUT = 60.0
_NOTHING = ("/dev/null", "NUL", "nul")


@dataclass(frozen=True, slots=True)
class NotebookSource:
    """A notebook (nbformat 4), what to call it, and whether the store has it: by ``run``, the name of a run or snapshot."""

    label: str
    notebook: dict[str, Any]
    run: str | None = None


def notebook_source(asking: Asking, name: str, experiment: str | None) -> NotebookSource:
    """The notebook that a person names.

    Parameters
    ----------
    name
        A file that is there, ``REVISION:PATH`` of a git repository, else a run or a snapshot. ``/dev/null`` is an empty one.

    Raises
    ------
    NotFound
        If there is none of this name.
    InvalidInput
        If it is no notebook; says where it ceases to be one.
    """
    if name in _NOTHING:
        return NotebookSource(name, {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    path = Path(name).expanduser()
    if path.is_file():
        return NotebookSource(name, parsed(_content(path), name))
    if path.suffix == ".ipynb" and ":" not in name:
        raise NotFound(f"There is no file {name}.", path=name)
    revision, colon, inside = name.partition(":")
    if colon and inside:
        return NotebookSource(name, parsed(_of_revision(revision, inside), name))
    found: Snapshot = asking.proxy.ask("snapshots.get", run=name, experiment=experiment)
    return NotebookSource(found.run, found.notebook, name)


def parsed(content: bytes, name: str) -> dict[str, Any]:
    """The notebook that a file holds, as nbformat 4.

    Raises
    ------
    InvalidInput
        If it holds none.
    """
    try:
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError as problem:
            line = content.count(b"\n", 0, problem.start) + 1
            raise NotebookError(f"line {line:,} has bytes that are no UTF-8") from None
        return current_format(read_notebook(text).document)
    except NotebookError as problem:
        raise InvalidInput(f"{name} cannot be read as a notebook: {problem}.", path=name) from None


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        raise InvalidInput(f"The file {path} cannot be read: {problem.strerror}.") from None


def _of_revision(revision: str, path: str) -> bytes:
    """A file as a git revision has it; the path is meant from the working directory, as in a shell."""
    if revision.startswith("-"):
        raise InvalidInput(f"{revision[:60]} is no git revision.")
    # Not as git's own REVISION:PATH means it, which is from the top of the repository, unless only that is there.
    for place in (f"./{path}" if not path.startswith(("/", "./", "../")) else path, path):
        try:
            done = subprocess.run(
                ["git", "--no-optional-locks", "show", "--no-textconv", f"{revision}:{place}", "--"],
                stdin=subprocess.DEVNULL, capture_output=True, timeout=_GIT_TIMEOUT, check=False,
            )  # fmt: skip
        except FileNotFoundError:
            raise InvalidInput(
                f"{revision}:{path} is of a git repository, and git is not installed."
            ) from None
        except subprocess.TimeoutExpired:
            raise InvalidInput(f"git did not tell {revision}:{path} within a minute.") from None
        if done.returncode == 0:
            return done.stdout
    said = done.stderr.decode(errors="replace").strip().splitlines()
    reason = said[0].removeprefix("fatal: ") if said else "git does not have it"
    raise NotFound(f"There is no {revision}:{path}: {reason.rstrip('.')}.", path=path)
