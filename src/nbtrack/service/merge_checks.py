"""What must hold of documents from elsewhere before anything of them is written.

Whatever is read here may have been made to do harm: to overwrite what is recorded here, to make a page of this store fail
for good, or to speak in another's name. The types of the fields are checked already (`nbtrack.store.documents`).
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any

from nbtrack.entities.bundles import (
    ChainDocument,
    EnvironmentDocument,
    ExecutionDocument,
    ProcessDocument,
    RegistryDocument,
    RunDocument,
    SeriesDocument,
)
from nbtrack.entities.datasets import Dataset, DataSource
from nbtrack.entities.lineage import EFFECTS
from nbtrack.entities.runs import RunStatus
from nbtrack.entities.surroundings import PARTS
from nbtrack.flavors.formats import formats
from nbtrack.service.review_checks import problem_of
from nbtrack.store.audit import GENESIS, line_digest
from nbtrack.store.bundle_contents import Contents, content_of_event, content_of_run
from nbtrack.store.checks import series_problem
from nbtrack.store.metrics import LARGE, SMALL
from nbtrack.store.points import checked
from nbtrack.store.profiles import dataset_of
from nbtrack.store.values import to_sql

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_DIGEST = re.compile(r"blake2b-256:[0-9a-f]{64}")
_ENDED = {status.value for status in RunStatus} - {RunStatus.RUNNING.value}
_OUTCOMES = {"ok", "error", "interrupted"}
_TOMBSTONES = {"run", "execution", "model_version"}
_MOST_NUMBER = 10**15
_MOST_SECONDS = 1e11
_MOST_SAMPLES = 100_000


class Refusal(ValueError):
    """Why a bundle is refused; a clause that follows "was refused:"."""


@dataclass(slots=True)
class _Look:
    """What was seen so far."""

    origins: set[str]
    sizes: dict[str, int] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)
    environments: dict[str, EnvironmentDocument] = field(default_factory=dict)
    sources: set[str] = field(default_factory=set)
    outputs: set[str] = field(default_factory=set)


def check(contents: Contents) -> Iterator[None]:
    """Look at everything, all content too; one step is one document or one piece of content.

    Raises
    ------
    Refusal
        If something cannot have come from a store of nbtrack.
    """
    look = _Look(_check_origins(contents))
    runs = set(contents.runs)
    for run in contents.runs:
        _check_run(look, contents.run(run), contents.points(run))
        yield
    _check_processes(look, contents.processes())
    _check_registry(look, contents.registry, runs)
    for chain in contents.chains():
        _check_chain(look, chain)
        yield
    reviews = contents.reviews()
    if problem := problem_of(reviews):
        raise Refusal(problem)
    for event in reviews:
        for digest in content_of_event(event):
            _name(look, digest)
    for tombstone in contents.tombstones():
        _require(tombstone.kind in _TOMBSTONES, f"it has a tombstone of the kind {tombstone.kind[:40]!r}")
        _require(
            0 < len(tombstone.id) < 2000 and tombstone.time >= 0, "it has a tombstone that means nothing"
        )
    look.sizes = contents.sizes
    if missing := look.named - look.sizes.keys():
        raise Refusal(f"it names the content {min(missing)}, which is not in it")
    if more := look.sizes.keys() - look.named:
        raise Refusal(f"it has the content {min(more)}, which nothing in it names")
    yield from _check_content(look, contents)


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Refusal(otherwise)


def _is_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def _check_name(text: str, what: str, *, most: int = 700, without: str = "") -> None:
    fits = 0 < len(text) <= most and text == text.strip() and not any(sign in text for sign in without)
    _require(
        fits and not any(ord(sign) < 32 or ord(sign) == 127 for sign in text),
        f"{text[:60]!r} is no name of {what}",
    )


def _check_time(time: int | None, of: str) -> None:
    _require(time is None or time >= 0, f"{of} has an impossible time")


def _check_seconds(seconds: float | None, of: str) -> None:
    _require(seconds is None or 0 <= seconds < _MOST_SECONDS, f"{of} has an impossible duration")


def _check_origins(contents: Contents) -> set[str]:
    for origin in contents.origins:
        _require(_is_id(origin.id), f"the store {origin.id[:60]!r} has no id")
        _check_name(origin.name, "a store", most=200)
    found = {origin.id for origin in contents.origins}
    _require(len(found) == len(contents.origins), "it names a store twice")
    _require(contents.source.id in found, "it does not say which store wrote it")
    return found


def _check_run(look: _Look, run: RunDocument, points: bytes) -> None:
    of = f"its run {run.id}"
    _require(_is_id(run.id), f"{run.id[:60]!r} is no id of a run")
    _require(run.origin in look.origins, f"{of} is of a store that it does not name")
    _check_name(run.experiment, "an experiment")
    _check_name(run.name, "a run", without="/")
    _require(1 <= run.number < _MOST_NUMBER, f"{of} has no number")
    _require(run.status in _ENDED, f"{of} has not ended")
    _require(0 < len(run.process) <= 200, f"{of} is of no process")
    _check_time(run.started, of)
    _check_time(run.ended, of)
    _check_seconds(run.duration, of)
    _check_series(run, points)
    _require(len({item.name for item in run.artifacts}) == len(run.artifacts), f"{of} has an artifact twice")
    for item in run.artifacts:
        _require(bool(item.name) and item.size >= 0, f"{of} has an artifact that cannot be")
    for name, content in run.datasets.items():
        _check_dataset(of, name, content)
    _require(run.profiles.keys() <= run.datasets.keys(), f"{of} has a profile of no data")
    for snapshot in run.snapshots:
        _require(_is_id(snapshot.id), f"{of} has a snapshot without an id")
        _require(0 < len(snapshot.process) <= 200, f"{of} has a snapshot of no process")
        _check_time(snapshot.taken, of)
        _check_time(snapshot.saved, of)
    _check_surroundings(of, run)
    if run.environment:
        known = look.environments.setdefault(run.environment.id, run.environment)
        _require(known == run.environment, f"{of} has an environment that is two")
    for digest in content_of_run(run):
        _name(look, digest)


def _name(look: _Look, digest: str) -> None:
    _require(_DIGEST.fullmatch(digest) is not None, f"{digest[:80]!r} is no hash")
    look.named.add(digest)


def _check_dataset(of: str, name: str, content: dict[str, Any]) -> None:
    known = {item.name for item in fields(Dataset)}
    try:
        dataset = dataset_of(content)
    except TypeError:
        raise Refusal(f"{of} has data that is described in another way") from None
    holds = (
        content.keys() <= known
        and isinstance(dataset.name, str)
        and dataset.name == name
        and isinstance(dataset.type_name, str)
        and _is_list(dataset.shape, int)
        and _is_list(dataset.columns, str)
        and isinstance(dataset.fingerprint, str | None)
        and isinstance(dataset.sampled, bool)
        and isinstance(dataset.role, str)
        and isinstance(dataset.schema, dict)
        and _is_list([*dataset.schema, *dataset.schema.values()], str)
        and all(map(_is_source, dataset.sources))
    )
    _require(holds, f"{of} has data that is described in another way")


def _check_surroundings(of: str, run: RunDocument) -> None:
    for fact in run.facts:
        _require(fact.kind in PARTS.get(fact.part, ()), f"{of} has surroundings of an unknown kind")
    keys = {(fact.kind, fact.name) for fact in run.facts}
    _require(len(keys) == len(run.facts), f"{of} has a part of its surroundings twice")
    if (use := run.use) is None:
        return
    _check_seconds(use.span, of)
    _check_seconds(use.cpu, of)
    bounded = all(0 <= count < _MOST_NUMBER * 1000 for count in (use.memory, use.gpu_memory or 0))
    _require(bounded, f"{of} took an impossible amount of memory")
    _require(len({item.name for item in use.series}) == len(use.series), f"{of} has a sampled series twice")
    for item in use.series:
        whole = bool(item.name) and 0 < len(item.values) == len(item.seconds) <= _MOST_SAMPLES
        _require(
            whole and all(0 <= second < _MOST_SECONDS for second in item.seconds),
            f"{of} has a sampled series that is not whole",
        )


def _is_source(source: DataSource) -> bool:
    texts = (source.place, source.query, source.stamp)
    return (
        _is_list([source.kind, source.function, source.link], str)
        and all(isinstance(text, str | None) for text in texts)
        and isinstance(source.arguments, dict | None)
    )


def _is_list(value: object, kind: type) -> bool:
    return isinstance(value, list) and all(isinstance(item, kind) for item in value)


def _check_series(run: RunDocument, points: bytes) -> None:
    of, position = f"its run {run.id}", 0
    _require(len({series.name for series in run.metrics}) == len(run.metrics), f"{of} has a metric twice")
    for series in run.metrics:
        chunks = []
        for item in series.chunks:
            _require(
                len(item) == 2 and item[1] > 0, f"the metric {series.name[:60]!r} of {of} cannot be read"
            )
            first, length = item
            _require(first % SMALL == 0, f"the metric {series.name[:60]!r} of {of} is cut in another way")
            chunks.append((first, points[position : position + length]))
            position += length
        problem = _series_problem(series, chunks)
        _require(not problem, f"the metric {series.name[:60]!r} of {of} is not whole ({problem})")
    _require(position == len(points), f"{of} has more points than its metrics, or fewer")


def _series_problem(series: SeriesDocument, chunks: list[tuple[int, bytes]]) -> str | None:
    _require(bool(series.name), "a metric has no name")
    if series.count == 1:
        return "a single point has no chunk" if chunks else None
    if series.count < 1 or not chunks:
        return "it has no points"
    for first, content in chunks:
        try:
            chunk = checked(content, LARGE)
        except ValueError as problem:
            return str(problem)
        if first // LARGE != (first + chunk.count - 1) // LARGE:
            return "it is cut in another way"
    bounds = (None if math.isnan(bound) else bound for bound in (series.lowest, series.highest))
    summary = (series.count, *bounds, series.last_step, series.last_time)
    return series_problem(summary, chunks, to_sql(series.last))


def _check_processes(look: _Look, processes: Iterable[ProcessDocument]) -> None:
    seen: set[str] = set()
    executions: set[str] = set()
    for process in processes:
        _require(0 < len(process.process) <= 200 and process.process not in seen, "it has a process twice")
        seen.add(process.process)
        for execution in process.executions:
            _require(execution.id not in executions, f"it has the execution {execution.id[:60]!r} twice")
            executions.add(execution.id)
            _check_execution(look, execution)


def _check_execution(look: _Look, execution: ExecutionDocument) -> None:
    of = f"its execution {execution.id[:60]!r}"
    _require(_is_id(execution.id), f"{of} has no id")
    _require(execution.run is None or _is_id(execution.run), f"{of} is of a run without an id")
    _require(execution.outcome in _OUTCOMES, f"{of} ended in an unknown way")
    _check_time(execution.started, of)
    _check_seconds(execution.duration, of)
    _name(look, execution.source)
    look.sources.add(execution.source)
    if execution.outputs is not None:
        _name(look, execution.outputs)
        look.outputs.add(execution.outputs)
    for item in execution.data:
        _check_dataset(of, item.data.get("name", ""), item.data)
    if execution.trace is not None:
        place = execution.trace.place
        _require(place is None or _is_id(place), f"{of} ran inside of one without an id")
        _require(set(execution.trace.effects) <= set(EFFECTS), f"{of} has an unknown effect")


def _check_registry(look: _Look, registry: RegistryDocument, runs: set[str]) -> None:
    for version in registry.versions:
        of = f"its model version {version.model[:60]}/{version.number}"
        for name in (version.model, version.given):
            _check_name(name, "a model", most=200, without="/@")
        _require(version.origin in look.origins, f"{of} is of a store that it does not name")
        _require(1 <= version.number < _MOST_NUMBER, f"{of} has no number")
        _require(version.run in runs, f"{of} came from a run that is not in it")
        _require(version.format in formats(), f"{of} has the format {version.format[:40]!r}")
        _require(version.size >= 0, f"{of} has an impossible size")
        _check_time(version.created, of)
        _name(look, version.digest)
    seen = set()
    for alias in registry.aliases:
        _check_name(alias.alias, "an alias", most=400, without="/")
        _check_name(alias.model, "a model", most=200, without="/@")
        _require(alias.origin in look.origins, f"its alias {alias.alias} is of a store that it does not name")
        _require(0 <= alias.version < len(registry.versions), f"its alias {alias.alias} points at nothing")
        key = (alias.origin, alias.model, alias.alias)
        _require(key not in seen, f"it has the alias {alias.alias} twice")
        seen.add(key)


def _check_chain(look: _Look, chain: ChainDocument) -> None:
    _require(chain.origin in look.origins, "it has the audit log of a store that it does not name")
    before = GENESIS
    for sequence, line in enumerate(chain.lines, 1):
        expected = line_digest(before, sequence, line.time, line.actor, line.decision, line.detail)
        _require(
            line.digest == expected,
            f"line {sequence} of the audit log of the store {chain.origin} is not what was written",
        )
        before = line.digest


def _check_content(look: _Look, contents: Contents) -> Iterator[None]:
    """Read all content, each against its hash, and look into what this store would read itself."""
    described = {
        digest for known in look.environments.values() for digest in (known.interpreter, known.packages)
    }
    environments: dict[str, Any] = {}
    for digest in sorted(look.sizes):
        if digest not in described | look.sources | look.outputs:
            for _ in contents.content(digest):
                yield
            continue
        content = b"".join(contents.content(digest))
        if digest in look.sources:
            _as_text(content, digest)
        if digest in look.outputs:
            outputs = _as_json(content, digest)
            _require(
                _is_list(outputs, dict) and all(isinstance(item.get("output_type"), str) for item in outputs),
                f"the outputs {digest} are none",
            )
        if digest in described:
            environments[digest] = _as_json(content, digest)
        yield
    for known in look.environments.values():
        both = [environments[known.interpreter], environments[known.packages]]
        text = json.dumps(both, sort_keys=True, separators=(",", ":"))
        identity = f"blake2b-128:{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}"
        holds = identity == known.id and all(
            isinstance(part, dict) and _is_list(list(part.values()), str) for part in both
        )
        _require(holds, f"the environment {known.id[:60]!r} is not what it is called")


def _as_text(content: bytes, digest: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise Refusal(f"the source {digest} is no text") from None


def _as_json(content: bytes, digest: str) -> Any:
    try:
        return json.loads(_as_text(content, digest))
    except (ValueError, RecursionError):
        raise Refusal(f"the content {digest} is no JSON") from None
