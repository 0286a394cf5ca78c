"""polars: what its ``read_…`` functions read, and what its ``scan_…`` functions are going to."""

from __future__ import annotations

from types import ModuleType

from nbtrack.capture.frameworks.patches import Patches
from nbtrack.capture.frameworks.reading import watch_readers
from nbtrack.capture.known_data import KnownData


def observe(module: ModuleType, known: KnownData, patches: Patches) -> None:
    """Watch the module's functions."""
    names = [
        name for name in list(vars(module)) if name.startswith(("read_", "scan_")) and "schema" not in name
    ]
    watch_readers(module, names, known, patches)
