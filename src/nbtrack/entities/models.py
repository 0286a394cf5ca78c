"""The registry: models, their numbered versions, and the aliases that point at them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """One version of a registered model; ``created`` is ISO 8601 in UTC, ``size`` in bytes.

    ``format`` is ``skops``; ``types`` are the types in the file beyond those that skops itself trusts, each on
    nbtrack's allow-list.
    """

    model: str
    version: int
    run_id: str
    run: str
    artifact: str
    format: str
    digest: str
    size: int
    created: str
    type_name: str | None = None
    types: list[str] = field(default_factory=list)
    aliases: list[str] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)
    description: str = ""
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredModel:
    """A name in the registry: ``aliases`` maps an alias to a version number."""

    name: str
    versions: list[ModelVersion] = field(default_factory=list)
    aliases: dict[str, int] = field(default_factory=dict)
    description: str = ""
    tags: dict[str, str] = field(default_factory=dict)
