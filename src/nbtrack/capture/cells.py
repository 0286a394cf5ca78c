"""What one execution of a cell gives to a run: read before it, read after it."""

from __future__ import annotations

import contextlib
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nbtrack.capture.active_run import ActiveRun
from nbtrack.capture.datasets import read_datasets
from nbtrack.capture.known_data import CellData, as_record, data_of_run
from nbtrack.capture.metrics import left_metrics
from nbtrack.capture.models import describe_model, fitted_estimators
from nbtrack.capture.params import assigned_params, read_params
from nbtrack.capture.recorder import Recorder
from nbtrack.capture.secret_names import mentions_secrets
from nbtrack.capture.source import CellSource, parse_cell
from nbtrack.clock import now_ns
from nbtrack.entities import records
from nbtrack.entities.ids import new_id
from nbtrack.errors import InvalidInput

if TYPE_CHECKING:
    from nbtrack.capture.lineage.tracer import Started, Tracer
    from nbtrack.entities.datasets import Dataset
    from nbtrack.entities.values import JSONValue

INLINE_OUTPUTS = 65_536
"""Outputs of more bytes than this do not stand in the journal but in a file beside it."""

CUT_OUTPUT = "[nbtrack: an output of {size:,} bytes was not kept; a cell may keep {limit:,} bytes (setting output_limit)]"


@dataclass(frozen=True, slots=True, kw_only=True)
class CellStart:
    """A cell about to run: ``source`` as written, ``code`` with its magics turned into Python."""

    source: str
    code: str
    namespace: Mapping[str, object]
    cell_id: str | None = None
    notebook: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CellEnd:
    """How it ended: ``outcome`` is ``ok``, ``error`` or ``interrupted``; ``outputs`` as nbformat 4 has them."""

    outcome: str
    duration: float
    execution_count: int | None = None
    traceback: str | None = None
    outputs: list[dict[str, Any]] = field(default_factory=list)


class CellCapture:
    """The capture of one execution. Without a run only the execution itself is recorded."""

    def __init__(self, recorder: Recorder, start: CellStart) -> None:
        self._recorder = recorder
        self._start = start
        self.started = now_ns()
        """When the cell began, Unix time in ns."""
        self._cell: CellSource | None = None
        self._tracer: Tracer | None = None
        self._traced: Started | None = None
        self._failed: Callable[[str, BaseException], None]
        self._read: dict[str, JSONValue] = {}
        self._datasets: list[Dataset] = []
        self._data = CellData()
        self.models: dict[str, object] = {}
        """After `end`: the fitted estimators that the cell left, by name."""
        self.metrics: dict[str, float] = {}
        """After `end`: the metrics that the cell left."""

    @property
    def code(self) -> str:
        """The source with its magics turned into Python."""
        return self._start.code

    @property
    def source(self) -> CellSource:
        """What the source tells."""
        if self._cell is None:
            self._cell = parse_cell(self._start.code)
        return self._cell

    def look(self, not_params: Mapping[str, float]) -> None:
        """Read what the cell will take from earlier cells; for a cell that belongs to a run, before it runs.

        Parameters
        ----------
        not_params
            Metrics of earlier runs by name: one that still has its value is a result and no param.
        """
        read = read_params(self.source, self._start.namespace)
        self._read = {
            name: value for name, value in read.items() if name not in not_params or not_params[name] != value
        }
        self._datasets = read_datasets(self.source.loads, self._start.namespace)

    def trace(self, tracer: Tracer, failed: Callable[[str, BaseException], None]) -> None:
        """Have the execution traced; to be called last, right before the cell runs. `failed` hears what fails behind it."""
        self._tracer, self._failed = tracer, failed
        self._traced = tracer.begin(self._start.code)

    def let_go(self) -> None:
        """The end of the cell will not be told: trace it no longer."""
        traced, self._traced = self._traced, None
        if self._tracer is not None and traced is not None:
            self._tracer.abandon(traced)

    def end(
        self,
        end: CellEnd,
        run: ActiveRun | None,
        *,
        save_models: bool = True,
        output_limit: int = 10_000_000,
        params: tuple[str, ...] = (),
        metrics: tuple[str, ...] = (),
        is_metric: Callable[[str, float], bool] | None = None,
        earlier: ActiveRun | None = None,
        verification: int = 0,
        fitted: Mapping[str, int] | None = None,
    ) -> None:
        """Record the execution, and with a run what it gave to it.

        Parameters
        ----------
        is_metric
            Which of the floats that it left are metrics; by default all.
        earlier
            The run that the execution belongs to without giving it its params and metrics.
        params, metrics
            Names of variables that the person wants recorded as such.
        verification
            Rows of input that are kept with a saved model at most.
        fitted
            The estimators that it was seen fitting, with how many times.
        """
        self._learn_secrets()
        outputs, file, checksum = self._bulk(end.outputs, output_limit)
        execution = new_id()
        self._recorder.append(
            records.CellExecuted(
                execution=execution,
                process=self._recorder.process,
                time=self.started,
                duration=end.duration,
                source=self._start.source,
                outcome=end.outcome,
                run=run.id if run else earlier.id if earlier else None,
                notebook=self._start.notebook,
                cell_id=self._start.cell_id,
                execution_count=end.execution_count,
                traceback=end.traceback,
                outputs=outputs,
                file=file,
                checksum=checksum,
            )
        )
        self._end_trace(execution, end, fitted or {})
        self._data = self._recorder.data.end_cell(
            self.source, self._start.code, self._start.namespace, end.duration if run else None
        )
        if self._data.reads:
            self._recorder.append(
                records.DataRead(execution=execution, datasets=[as_record(seen) for seen in self._data.reads])
            )
        if run is not None:
            self._give(
                run,
                save_models=save_models,
                params=params,
                metrics=metrics,
                is_metric=is_metric,
                verification=verification,
            )

    def floats(self) -> dict[str, float]:
        """What the cell's own names hold that may be a metric."""
        return left_metrics(self.source, self._start.namespace, {})

    def _end_trace(self, execution: str, end: CellEnd, fitted: Mapping[str, int]) -> None:
        traced, self._traced = self._traced, None
        if self._tracer is None or traced is None:
            return
        try:
            trace = self._tracer.end(
                traced, finished=end.outcome == "ok", duration=end.duration, count=end.execution_count
            )
            trace.fitted.update(fitted)
            self._recorder.append(records.CellTraced(execution=execution, trace=trace.to_plain()))
        except Exception as problem:  # noqa: BLE001 - the execution is recorded all the same
            self._tracer.forget()
            self._failed("trace", problem)

    def _give(
        self,
        run: ActiveRun,
        *,
        save_models: bool,
        params: tuple[str, ...],
        metrics: tuple[str, ...],
        is_metric: Callable[[str, float], bool] | None,
        verification: int,
    ) -> None:
        namespace, recorder = self._start.namespace, self._recorder
        found: dict[str, JSONValue] = {**self.source.seeds, **self._read}
        found |= assigned_params(self.source, namespace)
        found.update((name, namespace[name]) for name in params if name in namespace)  # type: ignore[misc]
        for name in metrics:
            found.pop(name, None)
        recorder.params(run, found)
        self.metrics = left_metrics(self.source, namespace, found)
        if is_metric is not None:
            self.metrics = {name: value for name, value in self.metrics.items() if is_metric(name, value)}
        recorder.log(run, self.metrics)
        for name in metrics:
            if name in namespace:
                try:
                    recorder.log(run, {name: namespace[name]})
                except InvalidInput as problem:
                    recorder.note(run, problem.message)
        for name in (*params, *metrics):
            if name not in namespace:
                recorder.note(run, f"{name} was to be recorded, but the cell left no variable of this name")
        data = data_of_run(recorder.data, self._data, self._datasets, namespace)
        if data:
            recorder.append(records.DatasetsSeen(run=run.id, datasets=[as_record(seen) for seen in data]))
        for found_name, model in fitted_estimators(self.source, namespace):
            self.models[found_name] = model
            if save_models and recorder.model(run, describe_model(found_name, model)):
                from nbtrack.capture.verification import verification_rows  # late: few cells save a model

                names = dict.fromkeys([*self.source.loads, *self.source.stores])
                rows = verification_rows(model, names, namespace, recorder.data, verification)
                if rows is not None:
                    recorder.verification(run, found_name, rows)

    def _learn_secrets(self) -> None:
        """Look from now on for the values of what the cell called ``password`` and the like."""
        redactor, namespace = self._recorder.redaction.redactor, self._start.namespace
        redactor.refresh()
        if mentions_secrets(self._start.source):
            for name in self.source.stores:
                redactor.learn(name, namespace.get(name))

    def _bulk(
        self, outputs: list[dict[str, Any]], limit: int
    ) -> tuple[list[dict[str, Any]], str | None, int | None]:
        """Outputs for the journal, or the name and checksum of a file with them; what is over the limit leaves a mark."""
        kept, total = [], 0
        for output in outputs:
            size = _size(output)
            if total + size > limit:
                text = CUT_OUTPUT.format(size=size, limit=limit)
                output, size = {"output_type": "stream", "name": "stderr", "text": text}, len(text)
            total += size
            kept.append(output)
        if total <= INLINE_OUTPUTS:
            return kept, None, None
        file = self._recorder.incoming / new_id()
        content = json.dumps(self._recorder.redaction.redactor.value(kept)).encode()
        try:
            file.touch(mode=0o600)
            file.write_bytes(content)
        except OSError:
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)
            return kept, None, None  # the journal goes on in memory
        return [], file.name, zlib.crc32(content)


def _size(output: dict[str, Any]) -> int:
    data = output.get("data")
    texts = data.values() if isinstance(data, dict) else [output.get("text", "")]
    return sum(len(text) if isinstance(text, str) else len(json.dumps(text)) for text in texts)
