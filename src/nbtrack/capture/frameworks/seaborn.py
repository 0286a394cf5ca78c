"""seaborn: the example data that it fetches."""

from __future__ import annotations

from types import ModuleType

from nbtrack.capture.frameworks.patches import Patches
from nbtrack.capture.frameworks.reading import watch_readers
from nbtrack.capture.known_data import KnownData


def observe(module: ModuleType, known: KnownData, patches: Patches) -> None:
    """Watch the module's function."""
    watch_readers(module, ("load_dataset",), known, patches, "bundled")
