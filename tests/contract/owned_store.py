"""A store whose runs, models and blobs are made directly, for the tests of what a person does with what is theirs."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from nbtrack.entities import records
from nbtrack.entities.ids import new_id
from nbtrack.entities.models import ModelVersion
from nbtrack.service import Service, open_service
from nbtrack.service.points import Points
from nbtrack.service.recorded import Recorded
from nbtrack.store.database import Store
from nbtrack.store.location import create_store

DAY = 86_400 * 10**9


class OwnedStore:
    """A store and short ways to fill it."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(create_store(folder / ".nbtrack"))
        self.service: Service = open_service(self.store, "test")
        self.process = new_id()

    def run(self, name: str = "forest", experiment: str = "study", *, end: bool = True, **fields: Any) -> str:
        """A run; its id."""
        run = new_id()
        process = fields.pop("process", self.process)
        begun = records.RunStarted(
            run=run, time=time.time_ns(), name=name, experiment=experiment, process=process, **fields
        )
        with self.store.transaction():
            self.store.runs.start(begun)
            if end:
                ended = records.RunEnded(run=run, time=time.time_ns(), duration=0.5, status="finished")
                self.store.runs.end(ended)
        return run

    def artifact(self, run: str, content: bytes, name: str = "model", kind: str = "model") -> str:
        """An artifact of a run; the digest of its content."""
        record = records.ArtifactSaved(
            run=run, time=1, name=name, kind=kind, format="pickle", size=len(content)
        )
        with self.store.transaction():
            digest = self.store.blobs.put(content)
            self.store.artifacts.add(record, digest)
        return digest

    def execute(
        self,
        source: str,
        run: str | None = None,
        *,
        cell: str | None = None,
        text: str = "",
        when: int | None = None,
        process: str | None = None,
    ) -> str:
        """An execution of a cell with its output; its id."""
        outputs = [{"output_type": "stream", "name": "stdout", "text": text}] if text else []
        record = records.CellExecuted(
            execution=new_id(), process=process or self.process, time=when or time.time_ns(), duration=0.1,
            source=source, outcome="ok", run=run, cell_id=cell, notebook="a.ipynb",
        )  # fmt: skip
        with self.store.transaction():
            self.store.executions.add(record, outputs)
        return record.execution

    def trace(self, execution: str, **fields: Any) -> None:
        """What an execution read and wrote; see `Trace`."""
        with self.store.transaction():
            self.store.executions.add_trace(records.CellTraced(execution=execution, trace=fields))

    def reads(self, execution: str, *datasets: dict[str, Any]) -> None:
        """What calls in an execution read, taken in as from a journal."""
        self.take(records.DataRead(execution=execution, datasets=list(datasets)))

    def take(self, record: records.Record) -> None:
        """Take in a record."""
        with self.store.transaction():
            Recorded(self.store, Points(self.store.metrics)).take("journal", record)

    def snapshot(self, run: str, content: bytes | None = None) -> None:
        """A snapshot of the notebook at this moment."""
        record = records.SnapshotTaken(
            snapshot=new_id(), run=run, process=self.process, time=time.time_ns(), notebook="a.ipynb"
        )
        with self.store.transaction():
            file = None if content is None else self.store.blobs.put_notebook(content)
            self.store.executions.add_snapshot(record, file)

    def register(self, run: str, name: str = "churn", alias: str | None = None) -> ModelVersion:
        """A version of a model from a run, without the conversion."""
        content = os.urandom(50)
        with self.store.transaction():
            digest = self.store.blobs.put(content)
            version = self.store.models.add_version(
                name, run=run, artifact="model", format="skops", digest=digest, size=50, type_name=None, types=[],
                description="", tags={}, time=time.time_ns(),
            )  # fmt: skip
            if alias is not None:
                self.store.models.set_alias(name, alias, version)
        return self.service.models.get(f"{name}/{version}")

    def names(self) -> list[str]:
        """The runs that are not in the trash, as ``study/forest-1``."""
        return [f"{row.experiment}/{row.name}" for row in self.service.runs.search(sort=["started"]).runs]

    def decisions(self) -> list[str]:
        """What the audit log says was decided."""
        return [line[3] for line in self.store.audit.lines()]
