"""The state of a git repository, asked of git itself: commit, branch, remotes, and what was not committed."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from nbtrack.capture.secrets import Redactor
from nbtrack.entities.runs import Revision

_TIMEOUT = 10.0

DIFF_LIMIT = 1_000_000
"""Bytes of what was not committed that are kept at most."""

SOURCES = (
    "*.py", "*.pyi", "*.pyx", "*.ipy", "*.r", "*.R", "*.jl", "*.sql", "*.sh", "*.c", "*.cc", "*.cpp", "*.cu", "*.h", "*.hpp",
    "*.rs", "*.java", "*.scala", "*.js", "*.ts", "*.toml", "*.cfg", "*.ini", "*.yaml", "*.yml", "*.md", "*.rst",
    "*requirements*.txt", "*Makefile", "*Dockerfile",
)  # fmt: skip
"""What counts as a source file. Data is none, and notebooks are in snapshots: their outputs would drown the rest."""

_BEGIN = re.compile(rb"\ndiff --git ")


@dataclass(frozen=True, slots=True)
class Repository:
    """The repository around a folder: ``diff`` is what was not committed, without secrets, ``note`` what it lacks."""

    revision: Revision = field(default_factory=Revision)
    remotes: dict[str, str] = field(default_factory=dict)
    diff: str = ""
    note: str = ""


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


def parse_remotes(text: str, redactor: Redactor) -> dict[str, str]:
    """The answer of ``git config --get-regexp`` for the addresses of remotes, without users, passwords and tokens."""
    found = {}
    for line in text.splitlines():
        key, _, address = line.partition(" ")
        name = key.removeprefix("remote.").removesuffix(".url")
        found[redactor.text(name)] = redactor.text(without_user(address))
    return found


def without_user(address: str) -> str:
    """An address without user-info, query and fragment, each of which may be a token; a path stays as it is."""
    if "://" not in address:
        return address
    try:
        parts = urlsplit(address)
    except ValueError:
        return "an address that cannot be read"
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


class Repositories:
    """Asks git; what it said of a folder last is remembered, since looking through a long diff for secrets takes time."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[object, str]] = {}
        self._turn = threading.Lock()

    def read(self, directory: str, variables: Mapping[str, str]) -> Repository:
        """The repository around `directory`; empty where there is none or git is not installed.

        Only tracked files count as changes. Neither hooks nor a file-system monitor of the repository's configuration are
        started, no program that it names for diffs, and no lock is taken that could be in the person's way.

        Parameters
        ----------
        variables
            The environment of the process that runs there: its secrets are looked for in what git says.
        """
        if not Path(directory).is_dir():
            return Repository()
        status, _ = _git(
            directory,
            "status",
            "--porcelain=v2",
            "--branch",
            "--untracked-files=no",
            "--ignore-submodules=all",
        )
        if status is None:
            return Repository()
        revision = parse_status(status.decode(errors="replace"))
        redactor = Redactor(variables)
        addresses, _ = _git(directory, "config", "--get-regexp", r"^remote\..*\.url$")
        remotes = parse_remotes((addresses or b"").decode(errors="replace"), redactor)
        if not revision.dirty or revision.commit is None:
            return Repository(revision, remotes)
        content, whole = _git(
            directory, "diff", "HEAD", "--no-ext-diff", "--no-textconv", "--no-color", "--ignore-submodules=all",
            "--", *(f":(top,icase){pattern}" for pattern in SOURCES), limit=DIFF_LIMIT,
        )  # fmt: skip
        if not content:
            return Repository(revision, remotes)
        note = "" if whole else f"cut off after {DIFF_LIMIT:,} bytes"
        return Repository(revision, remotes, self._cleaned(directory, content, whole, variables), note)

    def _cleaned(self, directory: str, content: bytes, whole: bool, variables: Mapping[str, str]) -> str:
        if not whole and (starts := [match.start() for match in _BEGIN.finditer(content)]):
            content = content[: starts[-1] + 1]  # half a file's changes would be misread
        with self._turn:
            key = (content, frozenset(variables.items()))
            if directory not in self._last or self._last[directory][0] != key:
                text = Redactor(variables).text(content.decode(errors="replace"))
                self._last = {directory: (key, text)}
            return self._last[directory][1]


def _git(directory: str, *arguments: str, limit: int | None = None) -> tuple[bytes | None, bool]:
    """What git says, up to `limit` bytes, and whether that is all; None where it cannot say."""
    command = ["git", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false", "--no-optional-locks"]
    try:
        with subprocess.Popen(
            [*command, "-C", directory, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            assert process.stdout is not None
            over = threading.Timer(_TIMEOUT, process.kill)
            over.start()
            try:
                content = process.stdout.read(-1 if limit is None else limit + 1)
                if limit is not None and len(content) > limit:
                    process.kill()
                    return content[:limit], False
                failed = process.wait()
            finally:
                over.cancel()
    except OSError:
        return None, True
    return (None if failed else content), True
