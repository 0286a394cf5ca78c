"""Questions about the data of runs, and the profiles of whole files."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from nbtrack import version
from nbtrack.capture.redacted import without_secret_columns
from nbtrack.capture.secrets import Redactor
from nbtrack.entities.profiles import RunData
from nbtrack.service import Deferred
from nbtrack.service.runs import Runs
from nbtrack.store.database import Store
from nbtrack.store.profiles import profile_of

LARGEST: Final = 500_000_000
"""Bytes of a file that is looked at whole."""

_TIMEOUT: Final = 600.0
# This very nbtrack, whichever that interpreter has; nothing else from where it is installed, which is the keeper's.
_CHILD: Final = (
    "import sys; place = sys.argv.pop(); sys.path.insert(0, place); from nbtrack.capture.whole_files import main;"
    " sys.path.remove(place); main()"
)

log = logging.getLogger(__name__)


class Data:
    """The data of a store's runs."""

    def __init__(self, store: Store, runs: Runs) -> None:
        self._store = store
        self._runs = runs
        self._busy = False

    def get(self, run: str, experiment: str | None = None) -> RunData:
        """What a run read and what its models were fitted on, each with what it holds where that is known.

        Raises
        ------
        NotFound
            If there is no such run.
        """
        identity = self._runs.resolve(run, experiment)
        row = self._store.runs.rows([identity])[0]
        return RunData(
            run=identity,
            name=row.name,
            experiment=row.experiment,
            data=self._store.profiles.of_run(identity),
        )

    def next_file(self) -> Deferred | None:
        """The next file to look at whole, as work for the background; None where there is none, or one is looked at."""
        wanted = None if self._busy else self._store.profiles.wanted()
        if wanted is None:
            return None
        key, request = wanted
        self._busy = True

        def finish(profile: dict[str, Any] | None) -> None:
            self._busy = False
            with self._store.transaction():
                self._store.profiles.set_whole(key, profile)

        return Deferred(lambda: _profile_in_child(request), finish)


def _profile_in_child(request: dict[str, Any]) -> dict[str, Any] | None:
    """The plain profile of a file, made in the interpreter that read it; None where it cannot be made."""
    place, python = Path(request["place"]), request.pop("python")
    try:
        if place.stat().st_size > LARGEST:
            log.info("%s has more than %d bytes and is not looked at whole", place, LARGEST)
            return None
        package = str(Path(version.__file__).resolve().parent.parent)
        command = [python or sys.executable, "-I", "-c", _CHILD, package]
        done = subprocess.run(
            command, input=json.dumps(request), capture_output=True, text=True, timeout=_TIMEOUT, cwd="/"
        )
        answer = json.loads(done.stdout)
        if "profile" in answer:
            profile: dict[str, Any] = Redactor().value(
                without_secret_columns(asdict(profile_of(answer["profile"])))
            )
            return profile
        log.info("%s has no profile: %s", place, answer.get("error"))
    except (OSError, subprocess.SubprocessError, ValueError, TypeError, KeyError) as problem:
        log.info("%s has no profile: %s", place, problem)
    return None
