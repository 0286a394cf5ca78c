"""A run that is being recorded, as this process knows it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from time import monotonic  # by name: a notebook may put something else into the module


@dataclass(slots=True)
class ActiveRun:
    """A run that this process records. ``saved`` counts the bytes of models that it has saved.

    ``owner`` is the process that began it and alone ends it: a forked child comes out of the same cell or block.
    """

    id: str
    name: str
    experiment: str
    began: float = field(default_factory=monotonic)
    ended: bool = False
    saved: int = 0
    series: dict[str, int] = field(default_factory=dict)
    """The numbers of its series in the journal, kept by the journal's writer."""
    owner: int = field(default_factory=os.getpid)
