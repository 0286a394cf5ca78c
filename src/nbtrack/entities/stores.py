"""A store as a whole, as ``doctor`` and the load line speak of it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreStatus:
    """A store's state: sizes in bytes, ages in seconds.

    ``waiting`` is the size of what the journals hold and the store has not taken in, ``waiting_age`` how long the oldest
    of it has waited; ``orphans`` counts processes that record and of which nothing can be known, on another host for
    example. ``sampling`` says of how many open runs the keeper sees what they take of the machine. ``problems`` are about
    the content and ask for ``nbtrack verify``; ``warnings`` are about the surroundings.
    """

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
    warnings: list[str] = field(default_factory=list)
    free: int = 0
    file_system: str = ""
    waiting_age: float = 0.0
    orphans: int = 0
    quarantined: int = 0
    keeper_memory: int = 0
    keeper_age: float = 0.0
    sampling: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A copy of a store that was made and checked: ``size`` in bytes; ``made`` is ISO 8601 in UTC."""

    path: str
    made: str
    runs: int
    files: int
    size: int
