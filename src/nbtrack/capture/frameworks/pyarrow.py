"""pyarrow: tables that its modules for each format of files read."""

from __future__ import annotations

from types import ModuleType

from nbtrack.capture.frameworks.patches import Patches
from nbtrack.capture.frameworks.reading import watch_readers
from nbtrack.capture.known_data import KnownData


def observe(module: ModuleType, known: KnownData, patches: Patches) -> None:
    """Watch one of them."""
    watch_readers(
        module, ("read_csv", "read_table", "read_feather", "read_json", "read_pandas"), known, patches
    )
