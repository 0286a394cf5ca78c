"""Data that runs read, and where it came from.

Kernels load this with the first data that they see, so that it stands apart from the other nouns.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from nbtrack.entities.values import JSONValue


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSource:
    """Where data came from.

    ``kind`` is ``file``, ``url``, ``sql``, ``bundled`` (data that a library brings along or makes) or ``memory``.
    ``function`` is what read it (``pandas.read_csv``), ``place`` the path or address without user-info, ``query`` the SQL.
    ``stamp`` is size and modification time (ns) of a file when it was read. ``arguments`` are those of the call, where all
    of them are plain values. ``link`` tells how the data is known to have come from there: ``itself`` (it is what was read),
    ``part`` (a view of it), ``split`` (a part that a function split off) or ``name`` (it was made of names that hold it).
    """

    kind: str
    function: str
    place: str | None = None
    query: str | None = None
    stamp: str | None = None
    arguments: dict[str, JSONValue] | None = None
    link: str = "itself"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Data that a run read or was fitted on: ``shape`` in elements; ``fingerprint`` of its content.

    ``sampled`` tells that the fingerprint is not of all of it. ``role`` is ``train`` (a model was fitted on it), ``test`` (a
    split put it aside), ``source`` (it was read from ``sources``) or ``read``. ``schema`` has the dtypes of the columns.
    """

    name: str
    type_name: str
    shape: list[int] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    fingerprint: str | None = None
    sampled: bool = False
    role: str = "read"
    schema: dict[str, str] = field(default_factory=dict)
    sources: list[DataSource] = field(default_factory=list)
