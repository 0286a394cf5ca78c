"""The notebook's file as it is saved: a copy at each run's end, at each save that is seen, and at the kernel's end."""

from __future__ import annotations

import contextlib
import os
import threading
import zlib
from dataclasses import dataclass
from pathlib import Path
from time import monotonic  # by name: a notebook may put something else into the module

from nbtrack.capture.active_run import ActiveRun
from nbtrack.capture.notebook_copy import NotebookCopies
from nbtrack.clock import now_ns
from nbtrack.entities import records
from nbtrack.entities.ids import new_id
from nbtrack.session import Session

SNAPSHOT_LIMIT = 200_000_000
"""A notebook file of more bytes than this is not copied; the snapshot is made from the executions."""

LOOK_EVERY = 1.0
"""Seconds between two looks at the file. Front ends save every two minutes, or when somebody asks for it."""


_State = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Copy:
    file: str
    checksum: int
    saved: int


class Saves:
    """Copies one notebook's file where it has changed.

    The thread beside the person's code looks for saves (`look`), so that no cell waits for them; a run's end copies the file
    as it is at that moment.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.notebook: str | None = None
        """The file to look at; the hooks say so at each cell."""
        self._seen: tuple[str, _State] | None = None
        self._due = 0.0
        self._home = os.getpid()
        self._ended = False
        self._turn = threading.Lock()
        redaction = session.redaction
        self._of_runs = NotebookCopies(lambda: redaction.redactor)
        self._of_saves = NotebookCopies(lambda: redaction.redactor.twin())

    def look(self) -> None:
        """Copy the file if it was saved since it was copied last. For the thread beside the person's code.

        That one must not be kept from its work for as long as a large file takes, so that copies have a thread each.
        """
        if monotonic() < self._due or os.getpid() != self._home or self._turn.locked():
            return
        self._due = monotonic() + LOOK_EVERY
        if self.notebook is not None and self._seen != (self.notebook, _state(self.notebook)):
            with contextlib.suppress(RuntimeError):  # no thread can be started any more
                threading.Thread(target=self._save, name="nbtrack-save", daemon=True).start()

    def _save(self) -> None:
        with self._turn:
            if not self._ended:
                self._guarded("save")

    def end(self) -> None:
        """The kernel ends: what was saved or executed since the last look is an entry of the history too."""
        if os.getpid() != self._home:
            return
        with self._turn:
            self._ended = True
            self._guarded("end")

    def _guarded(self, reason: str) -> None:
        try:
            self._copy_save(reason)
        except Exception as problem:  # noqa: BLE001 - a thread's traceback would be printed into the person's cell
            self._session.note_problem(f"the saved notebook: {type(problem).__name__}: {problem}")

    def take(self, run: ActiveRun, notebook: str | None) -> None:
        """Keep the notebook as it is now, for a run; the keeper lays over it what was executed."""
        session = self._session
        if not session.settings["snapshot"]:
            return
        state = _state(notebook)
        copy = self._copied(notebook, state, self._of_runs) if notebook is not None and state else None
        if copy is not None and notebook is not None and state is not None:
            self._seen = notebook, state
        session.append(
            records.SnapshotTaken(
                snapshot=new_id(),
                run=run.id,
                process=session.process,
                time=now_ns(),
                notebook=notebook,
                file=copy.file if copy else None,
                checksum=copy.checksum if copy else None,
                saved=copy.saved if copy else None,
            )
        )

    def _copy_save(self, reason: str) -> None:
        notebook, session = self.notebook, self._session
        if notebook is None or not session.settings["snapshot"]:
            return
        state = _state(notebook)
        if state is None or (reason == "save" and self._seen == (notebook, state)):
            return
        copy = self._copied(notebook, state, self._of_saves)
        if copy is None:
            return
        self._seen = notebook, state
        session.append(
            records.NotebookSaved(
                snapshot=new_id(),
                process=session.process,
                time=now_ns(),
                notebook=notebook,
                file=copy.file,
                checksum=copy.checksum,
                saved=copy.saved,
                reason=reason,
            )
        )

    def _copied(self, notebook: str, state: _State, copies: NotebookCopies) -> _Copy | None:
        """A copy of the file without secrets, for the keeper; None where it cannot be read, or is being written."""
        if state[1] > SNAPSHOT_LIMIT:
            return None
        target = self._session.recorder.incoming / new_id()
        try:
            content = copies.without_secrets(Path(notebook).read_bytes())
            target.touch(mode=0o600)
            target.write_bytes(content)
        except OSError:
            with contextlib.suppress(OSError):
                target.unlink(missing_ok=True)
            return None
        return _Copy(target.name, zlib.crc32(content), state[0])


def _state(notebook: str | None) -> _State | None:
    """When a file was changed last (ns), its size and which one it is: a save may replace it by another."""
    if notebook is None:
        return None
    try:
        found = os.stat(notebook)  # noqa: PTH116 - a quarter of what it costs through pathlib
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
