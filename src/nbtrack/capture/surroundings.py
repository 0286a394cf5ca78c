"""What only the process itself can tell of what its runs ran in: imported modules of the project, variables, arguments."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import monotonic  # by name: a notebook may put something else into the module
from typing import Final

from nbtrack.capture.environment import packages
from nbtrack.capture.modules import ProjectModules
from nbtrack.capture.secret_names import is_sensitive
from nbtrack.capture.secrets import Redactor
from nbtrack.entities.records import RunEnded, RunNoted, RunsSurrounded, RunStarted

BUDGET: Final = 0.01
"""Seconds of one look that sources may be read for: the person's code waits for the interpreter meanwhile."""

_PATIENCE: Final = 5.0
"""Seconds that who asks for everything waits for a look that is under way."""

HARMLESS: Final = (
    "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "CUBLAS_WORKSPACE_CONFIG", "PYTORCH_CUDA_ALLOC_CONF",
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "POLARS_MAX_THREADS",
    "PYTHONHASHSEED", "PYTHONOPTIMIZE", "TF_DETERMINISTIC_OPS", "KERAS_BACKEND", "JAX_PLATFORMS", "XLA_FLAGS",
    "TOKENIZERS_PARALLELISM", "WORLD_SIZE", "RANK", "LOCAL_RANK", "SLURM_JOB_ID", "TZ", "LANG", "LC_ALL",
    "CONDA_DEFAULT_ENV",
)  # fmt: skip
"""The environment variables that are recorded where nobody names others: they change results, and no secret is in them."""

_MOST_TEXT: Final = 1_000
_MOST_NAMED: Final = 10
_LAUNCHER: Final = "kernel_launcher.py"


class Around:
    """Tells the surroundings of runs, beside the person's code.

    Parameters
    ----------
    folder
        The notebook's or script's folder.
    allowed
        Gives the names of the environment variables that may be recorded, separated by commas; none: the harmless ones.
    redactor
        Takes secrets out; one of its own, since it works while cells do.
    append
        Takes each record.
    """

    def __init__(
        self,
        folder: Path,
        allowed: Callable[[], str],
        redactor: Redactor,
        append: Callable[[RunsSurrounded | RunNoted], object],
    ) -> None:
        self._allowed = allowed
        self._redactor = redactor
        self._append = append
        self._modules = ProjectModules(folder, redactor.text)
        self._turn = threading.Lock()
        self._known = 0
        self._sent: set[str] = set()
        self._due: deque[tuple[str, bool]] = deque()
        self._packages: dict[str, dict[str, str]] = {}
        self._last_packages: dict[str, str] = {}
        self._told: dict[str, tuple[tuple[str, str, str, str | None], ...]] = {}

    def notice(self, record: object) -> None:
        """Remember that a run has begun or ended: what it ran in is told a moment later."""
        if type(record) is RunStarted or type(record) is RunEnded:
            self._due.append((record.run, type(record) is RunEnded))

    def look(self, budget: float = BUDGET) -> None:
        """See what has been imported, and tell of the runs that wait for it, unless there is too much to read."""
        if not self._turn.acquire(timeout=0 if budget < _PATIENCE else _PATIENCE):
            return  # another thread is at it
        try:
            self._modules.look()
            until = monotonic() + budget
            for _ in self._modules.read():
                if monotonic() > until:
                    return
            if self._due:
                self._tell()
        finally:
            self._turn.release()

    def _tell(self) -> None:
        runs: list[tuple[str, bool]] = []
        with contextlib.suppress(IndexError):  # threads may begin runs meanwhile
            while True:
                runs.append(self._due.popleft())
        self._compare_packages(runs)
        self._redactor.refresh()
        if self._redactor.known != self._known:
            self._known = self._redactor.known
            self._modules.clean_again()
        facts, sources = self._facts()
        new = [run for run in dict.fromkeys(run for run, _ in runs) if self._told.get(run) != facts]
        # A run that has ended is not told again, so only the last ones need to be known.
        self._told = dict([*list(self._told.items())[-20:], *((run, facts) for run in new[-20:])])
        if new:
            fresh = {digest: text for digest, text in sources.items() if digest not in self._sent}
            self._sent.update(fresh)
            self._append(RunsSurrounded(runs=new, facts=[list(fact) for fact in facts], sources=fresh))

    def _compare_packages(self, runs: list[tuple[str, bool]]) -> None:
        """Say of a run that ends what was installed and removed since its beginning."""
        now = packages()  # asked of the folders' modification times, unless one has changed
        if now == self._last_packages:
            now = self._last_packages  # the same object is told apart from another at once
        self._last_packages = now
        for run, has_ended in runs:
            before = self._packages.setdefault(run, now)
            if has_ended:
                del self._packages[run]
                if before is not now and (note := changed_packages(before, now)):
                    self._append(RunNoted(run=run, note=note))

    def _facts(self) -> tuple[tuple[tuple[str, str, str, str | None], ...], dict[str, str]]:
        found: list[tuple[str, str, str, str | None]] = []
        sources: dict[str, str] = {}
        for module in self._modules.found.values():
            digest = None
            if module.source is not None:
                text = module.source.encode(errors="backslashreplace").decode()
                digest = f"blake2b-256:{hashlib.blake2b(text.encode(), digest_size=32).hexdigest()}"
                sources[digest] = text
            found.append(("module", module.name, "\n".join(filter(None, (module.path, module.note))), digest))
        names = [name.strip() for name in self._allowed().split(",") if name.strip()] or HARMLESS
        found += [
            ("variable", name, text, None)
            for name, text in allowed_variables(os.environ, names, self._redactor).items()
        ]
        if arguments := command_line(getattr(sys, "argv", []), self._redactor):
            found.append(("arguments", "", arguments, None))
        return tuple(found), sources


def changed_packages(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """A sentence on what was installed, removed or changed; nothing where nothing was."""
    changed = [
        f"{name} {before.get(name, 'absent')} → {now.get(name, 'absent')}"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]
    if not changed:
        return ""
    more = f" and {len(changed) - _MOST_NAMED:,} more" if len(changed) > _MOST_NAMED else ""
    return f"Packages changed while it ran: {', '.join(changed[:_MOST_NAMED])}{more}."


def allowed_variables(
    environment: Mapping[str, str], names: Sequence[str], redactor: Redactor
) -> dict[str, str]:
    """The variables of an allow-list, without secrets; one whose name says that it is a secret is never among them."""
    return {
        name: redactor.text(environment[name][:_MOST_TEXT])
        for name in names
        if name in environment and not is_sensitive(name)
    }


def command_line(arguments: object, redactor: Redactor) -> str:
    """The arguments of a script as one would type them, without secrets; nothing for a kernel, whose own they are not."""
    if type(arguments) is not list or not all(type(part) is str for part in arguments):
        return ""
    if len(arguments) < 2 or arguments[0].endswith(_LAUNCHER):
        return ""
    words, name = [], ""
    for word in arguments[1:]:
        given, equals, value = word.partition("=")
        if equals:
            words.append(f"{redactor.text(given)}={redactor.value(value, given.lstrip('-'))}")
        elif name and not word.startswith("-"):
            words.append(str(redactor.value(word, name)))
        else:
            words.append(redactor.text(word))
        name = word.lstrip("-") if word.startswith("-") and not equals else ""
    return redactor.text(shlex.join(words))[:_MOST_TEXT]
