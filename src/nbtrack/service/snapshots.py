"""Notebook snapshots, put together from the saved file and what was executed since."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from nbtrack.analysis.diff import diff_modules, diff_notebooks, outline
from nbtrack.analysis.formats import current_format
from nbtrack.analysis.notebooks import FROM_SAVE, Executed, lay_over
from nbtrack.analysis.responsible import with_numbers
from nbtrack.analysis.restored import restored
from nbtrack.entities.ids import short_id
from nbtrack.entities.notebook_text import NotebookError, read_notebook
from nbtrack.entities.snapshots import (
    History,
    HistoryEntry,
    NotebookDiff,
    Snapshot,
    SnapshotFile,
    SnapshotReason,
)
from nbtrack.entities.surroundings import surroundings_of
from nbtrack.errors import AmbiguousName, InvalidInput, NotFound
from nbtrack.service import Deferred, Sliced
from nbtrack.service.runs import Runs
from nbtrack.store.database import Store
from nbtrack.store.executions import SnapshotRecord
from nbtrack.store.values import iso

_ID = re.compile(r"[0-9a-f][0-9a-f-]{5,35}")
_MARGIN = 2 * 10**9
"""What ended this long (ns) before a file was saved is in it: a front end learns of a cell's end a moment later."""

_LOOKED_AT = 50
"""Executions of a session that are looked for in a file, to see whether it is the session's."""

_KEPT = 2_000
"""Answers to what changed from one snapshot to the next that are kept."""


class Snapshots:
    """What may be asked about the snapshots of a store."""

    def __init__(self, store: Store, runs: Runs) -> None:
        self._store = store
        self._runs = runs
        self._changed: OrderedDict[tuple[str, str], tuple[int, str]] = OrderedDict()

    def get(self, run: str, experiment: str | None = None) -> Snapshot:
        """The notebook as a run left it, or as a snapshot (by its id) has it.

        Raises
        ------
        NotFound
            If there is none (the run was one of a script, or its process died before its end).
        """
        record, label = self._find(run, experiment)
        text = self._text(record)
        notebook, origin = self._notebook(record, text)
        return Snapshot(
            id=record.id,
            run=label,
            path=record.notebook,
            origin=origin,
            taken=iso(record.taken),
            notebook=notebook,
            modules=self._modules(record.run) if record.run else {},
        )

    def file(self, snapshot: str, experiment: str | None = None) -> SnapshotFile:
        """The notebook's file as a run left it, or as a snapshot has it: what was not executed since it was saved stays
        as it was written, byte for byte.

        Raises
        ------
        NotFound
            If there is none.
        """
        record, label = self._find(snapshot, experiment)
        text = self._text(record)
        found = restored(text, self._executions(record, text))
        return SnapshotFile(
            id=record.id, name=label, notebook=record.notebook, text=found.text, notes=found.notes
        )

    def diff(self, base: str, head: str, experiment: str | None = None) -> Deferred:
        """How the notebook differs between two runs or snapshots, and the modules that it imported.

        Of two runs also the params, metrics, data and packages that differ, each beside the cell responsible.

        Raises
        ------
        NotFound
            If there is none of one of these names.
        """
        records = [self._find(name, experiment)[0] for name in (base, head)]
        old, new = self.get(base, experiment), self.get(head, experiment)
        runs = [record.run for record in records if record.run is not None]
        comparison = self._runs.compare(runs) if len(runs) == 2 else None
        cells = [cell.source for cell in self._store.executions.of_run(runs[-1])] if comparison else []

        def work() -> NotebookDiff:
            modules = diff_modules(old.modules, new.modules)
            found = diff_notebooks(old.notebook, new.notebook, base=old.run, head=new.run, modules=modules)
            return with_numbers(found, comparison, cells) if comparison else found

        return Deferred(work, lambda found: found)

    def history(self, notebook: str | None = None, session: str | None = None, limit: int = 20) -> Sliced:
        """The snapshots of a notebook, newest first, each with what changed since the one before.

        Parameters
        ----------
        notebook
            Its path, or the end of that; None: the one of `session`, without that the one with the newest snapshot.
        session
            The id of a process that records.
        limit
            Entries at most.

        Raises
        ------
        NotFound
            If the store has no snapshot of it.
        AmbiguousName
            If the end of a path fits several notebooks.
        """
        if limit < 1:
            raise InvalidInput(f"limit counts snapshots and is at least 1, not {limit}.")
        path, process = self._which(notebook, session)
        total, found = self._store.saves.listed(path, process, limit + 1)
        entries: list[HistoryEntry] = []

        def steps() -> Iterator[None]:
            for index, record in enumerate(found[:limit]):
                before = found[index + 1] if index + 1 < len(found) else None
                entries.append(self._entry(record, before))
                yield

        return Sliced(steps(), lambda: History(notebook=path, entries=entries, total=total))

    def _which(self, notebook: str | None, session: str | None) -> tuple[str | None, str | None]:
        """The path of a notebook, or, where it has none, the process whose snapshots are meant."""
        if notebook is not None:
            paths = self._store.saves.notebooks(notebook)
            if len(paths) > 1 and notebook not in paths:
                raise AmbiguousName(
                    f"{notebook} fits several notebooks: {', '.join(paths[:10])}. Write one of these.",
                    candidates=paths,
                )
            if not paths:
                raise NotFound(
                    f"There is no snapshot of a notebook {notebook} in this store.", notebook=notebook
                )
            return (notebook if notebook in paths else paths[0]), None
        if session is not None:
            return self._store.executions.notebook_of(session), session
        newest = self._store.saves.newest()
        if newest is None:
            raise NotFound("This store has no snapshot of a notebook yet: there is one after each run.")
        return newest

    def _entry(self, record: SnapshotRecord, before: SnapshotRecord | None) -> HistoryEntry:
        row = self._store.runs.rows([record.run])[0] if record.run is not None else None
        cells, changed = self._change(record, before)
        return HistoryEntry(
            id=record.id,
            taken=iso(record.taken),
            reason=SnapshotReason(record.reason),
            run=row.name if row else None,
            run_id=record.run,
            status=str(row.status) if row else None,
            tags=dict(row.tags) if row else {},
            cells=cells,
            changed=changed,
        )

    def _change(self, record: SnapshotRecord, before: SnapshotRecord | None) -> tuple[int, str]:
        """How many cells a snapshot has, and what changed since the one before; kept, since neither changes any more."""
        key = (record.id, before.id if before else "")
        if key not in self._changed:
            new, _ = self._notebook(record, self._text(record))
            old, _ = self._notebook(before, self._text(before)) if before else ({}, "")
            self._changed[key] = len(new["cells"]), outline(diff_notebooks(old, new)) if before else ""
            if len(self._changed) > _KEPT:
                self._changed.popitem(last=False)
        return self._changed[key]

    def _find(self, name: str, experiment: str | None) -> tuple[SnapshotRecord, str]:
        """The snapshot of a run, or the one with an id that begins so; and what to call it."""
        try:
            identifier = self._runs.resolve(name, experiment)
        except NotFound as problem:
            found = self._store.saves.find(name) if _ID.fullmatch(name) else []
            if len(found) > 1:
                raise AmbiguousName(
                    f"{name} fits several snapshots, such as {found[0].id} and {found[1].id}.",
                    candidates=[record.id for record in found],
                ) from None
            if not found or isinstance(problem, AmbiguousName):
                raise
            run = found[0].run
            return found[0], self._store.runs.rows([run])[0].name if run else short_id(found[0].id)
        label = self._store.runs.rows([identifier])[0].name
        record = self._store.executions.snapshot_of(identifier)
        if record is None:
            raise NotFound(
                f"The run {label} has no notebook snapshot: it did not end inside a notebook.", run=label
            )
        return record, label

    def _notebook(self, record: SnapshotRecord, text: str | None) -> tuple[dict[str, Any], str]:
        saved = _parsed(text)
        if record.reason == "save":
            return lay_over(saved, [])[0], FROM_SAVE
        return lay_over(saved, self._executions(record, text))

    def _executions(self, record: SnapshotRecord, text: str | None) -> list[Executed]:
        """What a snapshot has beside its file: of a save nothing, else what was executed and is not in the file."""
        if record.reason == "save":
            return []
        since = None
        if record.saved is not None and self._is_of_session(record, text):
            since = record.saved - _MARGIN
        return self._store.executions.until(record.process, record.taken, since, record.run)

    def _is_of_session(self, record: SnapshotRecord, text: str | None) -> bool:
        """Whether the file shows what the process executed before it was saved: one beside which it only ran does not."""
        saved = _parsed(text)
        if saved is None or record.saved is None:
            return False
        executed = self._store.executions.ended_before(record.process, record.saved - _MARGIN, _LOOKED_AT)
        cells = [cell for cell in saved.get("cells", []) if isinstance(cell, dict)]
        known = {cell.get("id") for cell in cells if cell.get("outputs") or cell.get("execution_count")}
        sources = {
            "".join(map(str, source)) if isinstance(source := cell.get("source"), list) else source
            for cell in cells
        }
        return not executed or any(cell in known or source in sources for cell, source in executed)

    def _modules(self, run: str) -> dict[str, str]:
        return {
            module.path: self._store.blobs.get(module.digest).decode()
            for module in surroundings_of(self._store.facts.of_run(run, "process")).modules
            if module.digest
        }

    def _text(self, record: SnapshotRecord) -> str | None:
        if record.file is None:
            return None
        return self._store.blobs.get(record.file).decode("utf-8", "surrogateescape")


def _parsed(text: str | None) -> dict[str, Any] | None:
    """The notebook of a file; None where it was cut off, or is none: the executions are the truth then."""
    try:
        return None if text is None else current_format(read_notebook(text).document)
    except NotebookError:
        return None
