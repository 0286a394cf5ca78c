"""The registry: models, their numbered versions, and the aliases that point at them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRecord:
    """What was found of a model's file before its version existed, by a fresh process that loaded it.

    ``verified`` is ``equal answers`` (for ``rows`` kept rows, asked by ``method``, numbers within ``atol`` and ``rtol`` and
    at most ``largest`` apart), ``reload only`` (no rows were kept, or the model answers no question), or empty for a
    version of an older nbtrack. ``inputs`` maps the columns of the input to their dtypes (of an array, ``values``), whose
    type is ``input_type``; ``output`` is dtype and shape of the answer. ``requirements`` are the packages that loading and
    asking it imported, with exact versions. ``latency`` maps a number of rows to the median and the 95th percentile of the
    seconds that an answer for them took. ``runs_code`` says that loading the file runs code that it holds or names.
    """

    verified: str = ""
    runs_code: bool = False
    rows: int = 0
    method: str = ""
    largest: float = 0.0
    atol: float = 0.0
    rtol: float = 0.0
    inputs: dict[str, str] = field(default_factory=dict)
    input_type: str = ""
    output: str = ""
    requirements: list[str] = field(default_factory=list)
    python: str = ""
    load_seconds: float = 0.0
    latency: dict[str, list[float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """One version of a registered model; ``created`` is ISO 8601 in UTC, ``size`` in bytes.

    ``format`` is ``skops``, ``xgboost``, ``lightgbm``, ``catboost``, ``torch``, ``keras``, ``pickle`` or that of a plug-in;
    ``types`` are the types in the file beyond those that the format itself trusts, each on nbtrack's allow-list unless the
    file runs code.
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
    record: VersionRecord = field(default_factory=VersionRecord)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredModel:
    """A name in the registry: ``aliases`` maps an alias to a version number."""

    name: str
    versions: list[ModelVersion] = field(default_factory=list)
    aliases: dict[str, int] = field(default_factory=dict)
    description: str = ""
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A version that was written into a folder which needs no nbtrack."""

    path: str
    model: str
    version: int
    files: list[str] = field(default_factory=list)
