"""Whether a difference between two models is more than noise, and what else differs between versions."""

from __future__ import annotations

from dataclasses import dataclass, field

from nbtrack.entities.models import ModelVersion
from nbtrack.entities.runs import Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Significance:
    """The difference of the second from the first: ``low`` and ``high`` are its interval at the level ``level``.

    ``effect`` is the measure of size that ``effect_name`` says, ``count`` the pairs that were compared; ``p`` is None where
    the method gives none. ``measure`` is what differs, where the asker has said that.
    """

    test: str
    difference: float
    low: float
    high: float
    effect: float
    effect_name: str
    count: int
    level: float = 0.95
    p: float | None = None
    measure: str = ""

    @property
    def inside_the_noise(self) -> bool:
        """Whether no difference is among what the data allow."""
        return not (self.low > 0 or self.high < 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionComparison:
    """Versions side by side: what differs, by group, and what tests say of the last against the first."""

    versions: list[ModelVersion]
    metrics: list[Difference] = field(default_factory=list)
    file: list[Difference] = field(default_factory=list)
    inputs: list[Difference] = field(default_factory=list)
    requirements: list[Difference] = field(default_factory=list)
    tests: list[Significance] = field(default_factory=list)
