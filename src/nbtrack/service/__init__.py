"""The use cases: every rule and every transaction boundary. Runs inside the keeper, on an open store.

A surface reaches these through `nbtrack.operations`; nothing here knows a surface.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbtrack.service.intake import Intake
    from nbtrack.service.models import Models
    from nbtrack.service.runs import Runs
    from nbtrack.service.snapshots import Snapshots
    from nbtrack.service.status import Status
    from nbtrack.service.trash import TrashBin
    from nbtrack.store.database import Store


@dataclass(frozen=True, slots=True)
class Deferred:
    """An answer that needs slow work: `work` touches no store and may run in a thread, `finish` gives the answer."""

    work: Callable[[], Any]
    finish: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Service:
    """The use cases on one open store."""

    store: Store
    intake: Intake
    runs: Runs
    snapshots: Snapshots
    models: Models
    status: Status
    trash: TrashBin

    def noun(self, name: str) -> Any:
        """The use cases of a noun, by the name that operations use."""
        nouns = {
            "runs": self.runs,
            "snapshots": self.snapshots,
            "models": self.models,
            "store": self.status,
            "trash": self.trash,
        }
        return nouns[name]


def open_service(store: Store, keeper: str) -> Service:
    """The use cases on `store`; `keeper` says who answers (for ``doctor``)."""
    from nbtrack.service.intake import Intake
    from nbtrack.service.models import Models
    from nbtrack.service.runs import Runs
    from nbtrack.service.snapshots import Snapshots
    from nbtrack.service.status import Status
    from nbtrack.service.trash import TrashBin

    status = Status(store, keeper)
    runs = Runs(store, status.size)
    models = Models(store, runs)
    return Service(
        store=store,
        intake=Intake(store),
        runs=runs,
        snapshots=Snapshots(store, runs),
        models=models,
        status=status,
        trash=TrashBin(store, runs, models),
    )
