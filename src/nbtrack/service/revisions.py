"""The state of a git repository, asked of git itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

from nbtrack.entities.runs import Revision

_TIMEOUT = 10.0


def parse_status(text: str) -> Revision:
    """The answer of ``git status --porcelain=v2 --branch``."""
    commit = branch = None
    dirty = False
    for line in text.splitlines():
        if line.startswith("# branch.oid "):
            commit = line.removeprefix("# branch.oid ")
        elif line.startswith("# branch.head "):
            branch = line.removeprefix("# branch.head ")
        elif not line.startswith("#"):
            dirty = True
    return Revision(
        commit=None if commit == "(initial)" else commit,
        branch=None if branch == "(detached)" else branch,
        dirty=dirty,
    )


def read_revision(directory: str) -> Revision:
    """The state of the repository around `directory`; all None where there is none or git is not installed.

    Only tracked files count as changes. Neither hooks nor a file-system monitor of the repository's configuration are
    started, and no lock is taken that could be in the person's way.
    """
    if not Path(directory).is_dir():
        return Revision()
    command = ["git", "-c", "core.fsmonitor=false", "--no-optional-locks", "-C", directory]
    command += ["status", "--porcelain=v2", "--branch", "--untracked-files=no", "--ignore-submodules=all"]
    try:
        answer = subprocess.run(
            command,
            capture_output=True,
            check=True,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            timeout=_TIMEOUT,
        )
    except (OSError, subprocess.SubprocessError):
        return Revision()
    return parse_status(answer.stdout)
