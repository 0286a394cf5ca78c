"""What is told of runs that a process left open when it died."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftRun:
    """A run that was open when its process died: it is shown as crashed, and nobody was told of it yet.

    ``points`` counts those of all its metrics; ``died`` is the time of the last record.
    """

    process: str
    name: str
    died: str
    points: int
