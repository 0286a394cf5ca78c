"""The use cases: every rule and every transaction boundary. Runs inside the keeper, on an open store.

A surface reaches these through `nbtrack.operations`; nothing here knows a surface.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbtrack.store.surroundings import give_back_memory

if TYPE_CHECKING:
    from nbtrack.service.backups import Backups
    from nbtrack.service.bundles import Bundles
    from nbtrack.service.curation import Curation
    from nbtrack.service.data import Data
    from nbtrack.service.deaths import Obituary
    from nbtrack.service.intake import Intake
    from nbtrack.service.ledger import Ledger
    from nbtrack.service.lineage import Lineage
    from nbtrack.service.merging import Merger
    from nbtrack.service.models import Models
    from nbtrack.service.packaging import Packager
    from nbtrack.service.promotion import Gate
    from nbtrack.service.repair import Repairer
    from nbtrack.service.retention import Collector
    from nbtrack.service.reviews import Reviews
    from nbtrack.service.runs import Runs
    from nbtrack.service.sampling import Sampler
    from nbtrack.service.search import Search
    from nbtrack.service.snapshots import Snapshots
    from nbtrack.service.status import Status
    from nbtrack.service.trash import TrashBin
    from nbtrack.service.usage import Space
    from nbtrack.service.verification import Verifier
    from nbtrack.store.database import Store


@dataclass(frozen=True, slots=True)
class Deferred:
    """An answer that needs slow work: `work` runs in a thread and leaves the store's connection alone, `finish` answers."""

    work: Callable[[], Any]
    finish: Callable[[Any], Any]

    def result(self) -> Any:
        """The answer, made at once."""
        return self.finish(self.work())


@dataclass(frozen=True, slots=True)
class Sliced:
    """An answer that takes long and works on the store: each of `steps` is short, and others may be answered in between."""

    steps: Iterator[None]
    finish: Callable[[], Any]

    def result(self) -> Any:
        """The answer, made at once."""
        for _ in self.steps:
            pass
        return self.finish()


def completed(answer: Any) -> Any:
    """An answer made at once, also one that need not be: for whoever has nobody else to answer meanwhile."""
    return answer.result() if isinstance(answer, Deferred | Sliced) else answer


@dataclass(frozen=True, slots=True)
class Service:
    """The use cases on one open store."""

    store: Store
    intake: Intake
    runs: Runs
    data: Data
    snapshots: Snapshots
    reviews: Reviews
    models: Models
    status: Status
    trash: TrashBin
    curation: Curation
    verification: Verifier
    repairs: Repairer
    backups: Backups
    bundles: Bundles
    merging: Merger
    search: Search
    retention: Collector
    space: Space
    deaths: Obituary
    sampler: Sampler
    lineage: Lineage
    gate: Gate
    audit: Ledger
    packages: Packager

    def rest(self) -> None:
        """Let go of what only makes the next answer faster."""
        self.runs.forget_answers()
        self.store.connection.execute("PRAGMA shrink_memory").fetchall()
        give_back_memory()

    def noun(self, name: str) -> Any:
        """The use cases of a noun, by the name that operations use."""
        nouns = {
            "runs": self.runs,
            "data": self.data,
            "snapshots": self.snapshots,
            "reviews": self.reviews,
            "models": self.models,
            "store": self.status,
            "trash": self.trash,
            "curation": self.curation,
            "verification": self.verification,
            "repairs": self.repairs,
            "backups": self.backups,
            "bundles": self.bundles,
            "merging": self.merging,
            "search": self.search,
            "retention": self.retention,
            "space": self.space,
            "deaths": self.deaths,
            "lineage": self.lineage,
            "gate": self.gate,
            "audit": self.audit,
            "packages": self.packages,
        }
        return nouns[name]


def open_service(store: Store, keeper: str) -> Service:
    """The use cases on `store`; `keeper` says who answers (for ``doctor``)."""
    from nbtrack.service.backups import Backups
    from nbtrack.service.bundles import Bundles
    from nbtrack.service.curation import Curation
    from nbtrack.service.data import Data
    from nbtrack.service.deaths import Obituary
    from nbtrack.service.intake import Intake
    from nbtrack.service.ledger import Ledger
    from nbtrack.service.lineage import Lineage
    from nbtrack.service.merging import Merger
    from nbtrack.service.models import Models
    from nbtrack.service.packaging import Packager
    from nbtrack.service.promotion import Gate
    from nbtrack.service.repair import Repairer
    from nbtrack.service.retention import Collector
    from nbtrack.service.reviews import Reviews
    from nbtrack.service.runs import Runs
    from nbtrack.service.sampling import Sampler
    from nbtrack.service.search import Search
    from nbtrack.service.snapshots import Snapshots
    from nbtrack.service.status import Status
    from nbtrack.service.trash import TrashBin
    from nbtrack.service.usage import Space
    from nbtrack.service.verification import Verifier

    intake = Intake(store)
    sampler = Sampler(store)
    status = Status(store, keeper, sampler.state)
    runs = Runs(store, status.size)
    models = Models(store, runs)
    snapshots = Snapshots(store, runs)
    collector = Collector(store)
    lineage = Lineage(store, runs)
    ledger = Ledger(store)
    return Service(
        store=store,
        intake=intake,
        runs=runs,
        data=Data(store, runs),
        snapshots=snapshots,
        reviews=Reviews(store, runs, snapshots),
        models=models,
        status=status,
        trash=TrashBin(store, runs, models),
        curation=Curation(store, runs, models),
        verification=Verifier(store),
        repairs=Repairer(store, intake),
        backups=Backups(store, intake),
        bundles=Bundles(store, runs, models, intake),
        merging=Merger(store),
        search=Search(store),
        retention=collector,
        space=Space(store, collector),
        deaths=Obituary(store),
        sampler=sampler,
        lineage=lineage,
        gate=Gate(store, runs, models, lineage),
        audit=ledger,
        packages=Packager(store, runs, models, ledger),
    )
