"""The recorder: turns what happens to runs into records and hands them on."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import zlib
from array import array
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic  # by name: a notebook may put something else into the module
from typing import TYPE_CHECKING, Protocol

from nbtrack.capture.active_run import ActiveRun
from nbtrack.capture.artifacts import write_object
from nbtrack.capture.incoming import Incoming
from nbtrack.capture.known_data import KnownData
from nbtrack.capture.models import (
    FoundModel,
    NotSaved,
    SavedModel,
    TooLarge,
    describe_model,
    save_fast,
    save_written,
)
from nbtrack.capture.pending import LoggedPoints, OnDevice, Pending, on_device
from nbtrack.capture.redacted import Redaction, rows_without_secrets
from nbtrack.capture.series import COLUMNS_IN_FILE, as_file, as_steps, as_values
from nbtrack.capture.values import metric_value, param_value
from nbtrack.clock import now_ns
from nbtrack.entities import records
from nbtrack.entities.ids import new_id
from nbtrack.entities.records import Record
from nbtrack.errors import InvalidInput, NbtrackError

if TYPE_CHECKING:
    from nbtrack.entities.values import JSONValue


class PointSink(Protocol):
    """What takes points in a form that is quicker than a record each."""

    def log(
        self, run: str, series: dict[str, int], values: Mapping[str, float], step: int | None, now: int
    ) -> bool:
        """Take one point of each metric."""

    def log_series(
        self, run: str, series: dict[str, int], name: str, steps: array[int] | None, values: array[float]
    ) -> bool:
        """Take many points of one metric."""


_FAR = 2**63 - 1

_INLINE = 1 << 16
"""Bytes of a document of ours that stand in the journal."""

_CHECKED = 1 << 24
"""Bytes of an artifact up to which it takes a checksum along; what is larger is told by its size."""


class Recorder:
    """Records runs of one process.

    Parameters
    ----------
    append
        Takes each record, in order; must not raise.
    incoming
        The folder for bulk content that a record points at.
    process
        The id of this process.
    model_limit
        Bytes of models saved in one run at most.
    points
        Gives what takes points; without it each log call is a record.
    redaction
        What keeps secrets out.
    """

    def __init__(
        self,
        append: Callable[[Record], object],
        incoming: Path,
        process: str,
        model_limit: Callable[[], int],
        points: Callable[[], PointSink] | None = None,
        redaction: Redaction | None = None,
    ) -> None:
        self.append = append
        self.incoming = incoming
        self.bulk = Incoming(incoming, append)
        self.process = process
        self._model_limit = model_limit
        self._points = points
        self.data = KnownData()
        """Where the data of this process came from."""
        self.redaction = redaction or Redaction()
        """Cleans what goes into files beside the journal; the journal's records are cleaned by `append`."""
        self.pending = Pending(self._write, self.note)
        """Log calls whose values a device is still computing."""

    def start_run(
        self,
        name: str,
        experiment: str,
        *,
        notebook: str | None = None,
        cell_id: str | None = None,
        directory: str | None = None,
        environment: str | None = None,
        began: tuple[int, float] | None = None,
    ) -> ActiveRun:
        """Begin a run now, or one that `began` earlier (Unix time in ns, seconds of the monotonic clock)."""
        time_ns, began_at = began or (now_ns(), monotonic())
        run = ActiveRun(new_id(), name, experiment, began_at)
        self.append(
            records.RunStarted(
                run=run.id,
                time=time_ns,
                name=name,
                experiment=experiment,
                process=self.process,
                notebook=notebook,
                cell_id=cell_id,
                directory=directory,
                environment=environment,
            )
        )
        return run

    def continue_run(self, run: ActiveRun) -> None:
        """Go on with a run that had ended."""
        run.began, run.ended = monotonic(), False
        self.append(records.RunContinued(run=run.id, time=now_ns(), process=self.process))

    def end_run(self, run: ActiveRun, status: str = "finished", traceback: str | None = None) -> None:
        """End a run; a second end of the same part does nothing, and neither does one in a child of the run's process."""
        if not run.ended and run.owner == os.getpid():
            if self.pending:
                self.pending.settle()
            run.ended = True
            duration = monotonic() - run.began
            self.append(
                records.RunEnded(
                    run=run.id, time=now_ns(), duration=duration, status=status, traceback=traceback
                )
            )

    def log(self, run: ActiveRun, values: Mapping[str, object], step: int | None = None) -> None:
        """One point of each named metric.

        Raises
        ------
        InvalidInput
            If a value is no number or the step no whole number.
        """
        if step is not None and (not isinstance(step, int) or isinstance(step, bool)):
            raise InvalidInput(f"step must be a whole number, not {type(step).__name__}.")
        now = now_ns()
        points: dict[str, float | OnDevice] = {
            str(name): on_device(value) or metric_value(str(name), value) for name, value in values.items()
        }
        if step is not None:
            step = max(-_FAR - 1, min(int(step), _FAR))
        if self.pending or any(isinstance(value, OnDevice) for value in points.values()):
            self.pending.add(LoggedPoints(run, points, step, now))
            self.pending.settle(wait=False)
        elif points:
            self._write(run, points, step, now)  # type: ignore[arg-type]

    def _write(self, run: ActiveRun, values: dict[str, float], step: int | None, now: int) -> None:
        if self._points is None:
            self.append(records.MetricsLogged(run=run.id, time=now, values=values, step=step))
        else:
            self._points().log(run.id, run.series, values, step, now)

    def log_series(self, run: ActiveRun, name: str, values: object, steps: object = None) -> None:
        """Many points of one metric, all of this moment.

        Raises
        ------
        InvalidInput
            If the values are no numbers or the steps no whole numbers, one for each value.
        """
        column = as_values(name, values)
        places = None if steps is None else as_steps(name, steps, len(column))
        if not column:
            return
        self.pending.settle()
        width = 8 if places is None else 16
        if self._points is not None and len(column) * width <= COLUMNS_IN_FILE:
            self._points().log_series(run.id, run.series, name, places, column)
            return
        target = self.incoming / new_id()
        checksum = 0
        try:
            target.touch(mode=0o600)
            with target.open("wb", buffering=0) as file:
                for content in as_file(places, column):
                    checksum = zlib.crc32(content, checksum)
                    while content:
                        content = content[file.write(content) :]
        except OSError:
            with contextlib.suppress(OSError):
                target.unlink(missing_ok=True)
            if self._points is None:
                raise
            for start in range(0, len(column), part := COLUMNS_IN_FILE // width):
                some = slice(start, start + part)  # the journal goes on in memory
                steps_of_part = None if places is None else places[some]
                self._points().log_series(run.id, run.series, name, steps_of_part, column[some])
            return
        self.append(
            records.SeriesLogged(
                run=run.id,
                name=name,
                time=now_ns(),
                count=len(column),
                steps=places is not None,
                file=target.name,
                checksum=checksum,
            )
        )

    def params(self, run: ActiveRun, params: Mapping[str, object]) -> None:
        """Set params."""
        plain: dict[str, JSONValue] = {str(name): param_value(value) for name, value in params.items()}
        if plain:
            self.append(records.ParamsSet(run=run.id, params=plain))

    def tag(self, run: ActiveRun, tags: Mapping[str, object]) -> None:
        """Set tags; their values are texts."""
        if tags:
            self.append(
                records.TagsSet(run=run.id, tags={str(name): str(value) for name, value in tags.items()})
            )

    def note(self, run: ActiveRun, note: str) -> None:
        """Tell the run's reader something."""
        self.append(records.RunNoted(run=run.id, note=note))

    def artifact(self, run: ActiveRun, content: object, name: str | None = None) -> str:
        """Store a file, a folder (as a zip), or an object that has an obvious form; returns the artifact's name.

        Raises
        ------
        InvalidInput
            If there is no such file, or the object has no obvious form.
        """
        if isinstance(content, (str, os.PathLike)):
            source, kind = Path(content), "file"
            if source.is_dir():
                chosen, form = name or f"{source.name}.zip", "zip"
                target, _ = self.bulk.write(lambda target: _write_folder(source, target))
            elif source.is_file():
                chosen, form = name or source.name, source.suffix.lstrip(".").lower()
                target, _ = self.bulk.write(lambda target: shutil.copyfile(source, target))
            else:
                raise InvalidInput(f"There is no file {source}; nbtrack.artifact takes a path or an object.")
        else:
            target, form = self.bulk.write(lambda target: write_object(content, target))
            chosen, kind = name or f"{type(content).__name__.lower()}.{form}", "object"
        self.bulk.append(
            target,
            records.ArtifactSaved(
                run=run.id,
                time=now_ns(),
                name=chosen,
                kind=kind,
                format=form,
                size=target.stat().st_size,
                file=target.name,
                checksum=_checksum(target),
            ),
        )
        return chosen

    def document(self, run: ActiveRun, content: list[dict[str, JSONValue]], name: str) -> None:
        """Store a JSON document of ours as an artifact, without secrets; a small one stands in the journal."""
        redactor = self.redaction.redactor
        text = json.dumps(content)
        if redactor.suspects(text):
            content = redactor.value(content)
            text = json.dumps(content)
        if len(text) > _INLINE:
            self.artifact(run, content, name)
            return
        self.append(
            records.ArtifactSaved(
                run=run.id,
                time=now_ns(),
                name=name,
                kind="object",
                format="json",
                size=len(text),
                content=text,
            )
        )

    def model(self, run: ActiveRun, found: FoundModel, written: tuple[str, bytes] | None = None) -> bool:
        """Save a model in the fast form; whether that was possible. Where it was not, the run says why.

        `written` is its format and content where somebody has written it already.
        """
        limit = self._model_limit()
        note = None

        def write(target: Path) -> SavedModel:
            with target.open("wb") as file:
                if written is None:
                    return save_fast(found.object, file, limit - run.saved)
                return save_written(*written, file, limit - run.saved)

        try:
            target, saved = self.bulk.write(write)
        except TooLarge:
            note = f"it is larger than what is left of {limit:,} bytes a run (setting model_limit)"
        except NotSaved as problem:
            note = str(problem)
        except OSError as problem:
            note = f"it could not be written: {problem.strerror}"
        record = records.ArtifactSaved(
            run=run.id,
            time=now_ns(),
            name=found.name,
            kind="model",
            format=written[0] if written is not None else "pickle",
            size=0 if note else saved.size,
            file=None if note else target.name,
            digest=None if note else saved.digest,
            type_name=found.type_name,
            params=found.params,
            note=note,
        )
        if note is not None:
            self.note(run, f"model {found.name} not saved: {note}")
            self.append(record)
            return False
        self.bulk.append(target, record)
        run.saved += saved.size
        return True

    def verification(self, run: ActiveRun, model: str, content: bytes) -> None:
        """Keep rows of input of a model with what it predicts for them, beside the model."""
        try:
            content = rows_without_secrets(content, self.redaction.redactor)
            target, _ = self.bulk.write(lambda target: target.write_bytes(content))
        except OSError as problem:
            self.note(run, f"rows to verify {model} with could not be written: {problem.strerror}")
            return
        record = records.ArtifactSaved(
            run=run.id,
            time=now_ns(),
            name=f"{model}.rows.json",
            kind="verification",
            format="json",
            size=len(content),
            file=target.name,
            checksum=zlib.crc32(content),
        )
        self.bulk.append(target, record)

    def model_object(
        self,
        run: ActiveRun,
        model: object,
        name: str | None = None,
        written: tuple[str, bytes] | None = None,
    ) -> None:
        """Save a model that the person names; `written` as in `model`.

        Raises
        ------
        NbtrackError
            If it cannot be saved; the person asked for it, so silence would be wrong.
        """
        found = describe_model(name or "model", model)
        if not self.model(run, found, written):
            raise NbtrackError(f"The model {found.name} ({found.type_name}) was not saved; the run says why.")


def _write_folder(source: Path, target: Path) -> None:
    try:
        Path(shutil.make_archive(str(target), "zip", source)).replace(target)
    except BaseException:
        target.with_name(f"{target.name}.zip").unlink(missing_ok=True)
        raise


def _checksum(path: Path) -> int | None:
    return zlib.crc32(path.read_bytes()) if path.stat().st_size <= _CHECKED else None
