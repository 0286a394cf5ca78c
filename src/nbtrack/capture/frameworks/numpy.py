"""NumPy: arrays that are loaded from files."""

from __future__ import annotations

from types import ModuleType

from nbtrack.capture.frameworks.patches import Patches
from nbtrack.capture.frameworks.reading import watch_readers
from nbtrack.capture.known_data import KnownData


def observe(module: ModuleType, known: KnownData, patches: Patches) -> None:
    """Watch the module's functions."""
    watch_readers(module, ("load", "loadtxt", "genfromtxt", "fromfile"), known, patches)
