"""What is carried from one store into another: by a bundle, or straight out of the other store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any, Protocol

from nbtrack.entities.bundles import (
    ChainDocument,
    OriginDocument,
    ProcessDocument,
    RegistryDocument,
    ReviewEventDocument,
    RunDocument,
    TombstoneDocument,
)
from nbtrack.store.database import Store
from nbtrack.store.registry_documents import RegistryDocuments
from nbtrack.store.run_documents import RunDocuments
from nbtrack.store.trash import IDS, bound


class Contents(Protocol):
    """Documents and content of some runs, with all that they need. What comes out of it may be asked for again."""

    @property
    def source(self) -> OriginDocument:
        """The store that tells all this."""

    @property
    def origins(self) -> list[OriginDocument]:
        """The stores that something came from, the source too."""

    @property
    def runs(self) -> list[str]:
        """The ids of the runs, in order."""

    def run(self, run: str) -> RunDocument:
        """A run."""

    def points(self, run: str) -> bytes:
        """The chunks of all its series, one after the other."""

    def processes(self) -> Iterator[ProcessDocument]:
        """What the runs' processes executed."""

    @property
    def registry(self) -> RegistryDocument:
        """The model versions that came of the runs, and what points at them."""

    def chains(self) -> Iterator[ChainDocument]:
        """The audit logs of the origins."""

    def reviews(self) -> list[ReviewEventDocument]:
        """What happened in the reviews that are about the runs."""

    def tombstones(self) -> list[TombstoneDocument]:
        """What the source has deleted for good."""

    @property
    def sizes(self) -> dict[str, int]:
        """The digests of all content that the documents name, each with its size."""

    def content(self, digest: str) -> Iterator[bytes]:
        """Content in pieces, checked against its digest at its end."""


class StoreContents:
    """Some runs of a store, read in one transaction of its reader."""

    def __init__(
        self,
        store: Store,
        runs: Iterable[str],
        versions: set[tuple[str, int]] | None = None,
        *,
        rows: bool = True,
    ) -> None:
        """Choose what to carry.

        Parameters
        ----------
        store
            A store that nobody changes meanwhile: a snapshot of it, or a copy.
        runs
            The ids of runs that have ended.
        versions
            The model versions; None: all that came of the runs.
        rows
            Whether the rows of input that were kept with models are carried too.
        """
        self._store = store
        self._documents = RunDocuments(store)
        self._registry = RegistryDocuments(store.connection)
        self._runs = sorted(runs)
        self._versions = versions
        self._rows = rows
        self._named: dict[str, set[str]] = {}

    @cached_property
    def source(self) -> OriginDocument:
        """The store that tells all this."""
        return self._store.origins.own()

    @cached_property
    def origins(self) -> list[OriginDocument]:
        """The source, and the stores that it has the runs, versions and aliases from."""
        rows = self._all(f"SELECT DISTINCT origin FROM run_origins WHERE run IN {IDS}", (bound(self._runs),))
        found = {origin for (origin,) in rows}
        found |= {version.origin for version in self.registry.versions}
        found |= {alias.origin for alias in self.registry.aliases}
        return [self.source, *(origin for origin in self._store.origins.all() if origin.id in found)]

    @property
    def runs(self) -> list[str]:
        """The ids of the runs, in order."""
        return self._runs

    def run(self, run: str) -> RunDocument:
        """A run."""
        document = self._documents.read(run)
        if not self._rows:
            kept = [item for item in document.artifacts if item.kind != "verification"]
            document = replace(document, artifacts=kept)
        self._named[run] = set(content_of_run(document))
        return document

    def points(self, run: str) -> bytes:
        """The chunks of all its series, one after the other."""
        return self._documents.points(run)

    def processes(self) -> Iterator[ProcessDocument]:
        """What the runs' processes executed: for the runs, and before their snapshots, which are made of it."""
        ids = IDS.replace("?", "?1")
        rows = self._all(
            "SELECT process, max(until) FROM ("
            f"SELECT process, taken AS until FROM snapshots WHERE run_id IN {ids}"
            f" UNION ALL SELECT process, 0 FROM executions WHERE run_id IN {ids}) GROUP BY process ORDER BY process",
            (bound(self._runs),),
        )
        for process, until in rows:
            document = self._documents.read_process(process, self._runs, until)
            self._named[process] = set(content_of_process(document))
            yield document

    @cached_property
    def registry(self) -> RegistryDocument:
        """The model versions that came of the runs, and what points at them."""
        return self._registry.read(self.source.id, self._runs, self._versions)

    def chains(self) -> Iterator[ChainDocument]:
        """The audit logs of the origins."""
        wanted = {origin.id for origin in self.origins}
        return (chain for chain in self._store.origins.chains() if chain.origin in wanted)

    def reviews(self) -> list[ReviewEventDocument]:
        """What happened in the reviews that are about the runs; where these are all runs, in every review."""
        return self._reviews

    @cached_property
    def _reviews(self) -> list[ReviewEventDocument]:
        (others,) = self._all(
            f"SELECT EXISTS (SELECT 1 FROM runs WHERE status <> 'running' AND deleted IS NULL AND id NOT IN {IDS})",
            (bound(self._runs),),
        )[0]
        return [
            ReviewEventDocument(
                id=event.id, review=event.review, time=event.time, author=event.author, kind=str(event.kind),
                content=event.content, base=event.base, head=event.head,
            )
            for event in self._store.reviews.of_runs(self._runs if others else None)
        ]  # fmt: skip

    def tombstones(self) -> list[TombstoneDocument]:
        """What the source has deleted for good."""
        return self._store.origins.tombstones()

    @cached_property
    def sizes(self) -> dict[str, int]:
        """The digests of all content that the documents name, each with its size."""
        if not self._named.keys() >= set(self._runs):  # else all were read, and their processes after them
            for run in self._runs:
                self.run(run)
            for _ in self.processes():
                pass
        named = set().union(*self._named.values(), (version.digest for version in self.registry.versions))
        named |= {digest for event in self.reviews() for digest in content_of_event(event)}
        rows = self._all(
            f"SELECT digest, size FROM blobs WHERE digest IN {IDS} ORDER BY digest", (bound(named),)
        )
        return dict(rows)

    def content(self, digest: str) -> Iterator[bytes]:
        """Content in pieces, checked against its digest at its end."""
        return self._store.blobs.read(digest)

    def _all(self, sql: str, bindings: Any) -> list[Any]:
        return self._store.connection.execute(sql, bindings).fetchall()


def content_of_run(run: RunDocument) -> Iterator[str]:
    """The digests that a run names."""
    if run.environment:
        yield from (run.environment.interpreter, run.environment.packages)
    yield from (item.digest for item in run.artifacts if item.digest)
    yield from (snapshot.file for snapshot in run.snapshots if snapshot.file)
    yield from (fact.digest for fact in run.facts if fact.digest)


def content_of_event(event: ReviewEventDocument) -> Iterator[str]:
    """The digests that an event of a review names."""
    yield from filter(None, (event.base, event.head))


def content_of_process(process: ProcessDocument) -> Iterator[str]:
    """The digests that the executions of a process name."""
    for execution in process.executions:
        yield from filter(None, (execution.source, execution.outputs))
