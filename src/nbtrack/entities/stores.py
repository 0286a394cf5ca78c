"""A store as a whole, as ``doctor`` and the load line speak of it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreStatus:
    """A store's state: sizes in bytes; ``waiting`` is the size of journals that are not drained yet."""

    path: str
    id: str
    schema: str
    version: int
    nbtrack: str
    sqlite: str
    keeper: str
    runs: int
    running: int
    executions: int
    models: int
    database_size: int
    blob_size: int
    waiting: int
    problems: list[str] = field(default_factory=list)
