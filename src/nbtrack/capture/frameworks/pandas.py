"""pandas: what its ``read_…`` functions read, and those of modin and dask, which are called the same."""

from __future__ import annotations

from types import ModuleType

from nbtrack.capture.frameworks.patches import Patches
from nbtrack.capture.frameworks.reading import watch_readers
from nbtrack.capture.known_data import KnownData


def observe(module: ModuleType, known: KnownData, patches: Patches) -> None:
    """Watch the functions of ``pandas``, ``modin.pandas`` or ``dask.dataframe``."""
    names = [name for name in list(vars(module)) if name.startswith("read_")]
    watch_readers(module, names, known, patches)
