"""statsmodels: the data sets that it brings along, each with functions of its own, and those that it fetches."""

from __future__ import annotations

from types import ModuleType

from nbtrack.capture.frameworks.patches import Patches
from nbtrack.capture.frameworks.reading import watch_readers
from nbtrack.capture.known_data import KnownData


def observe(module: ModuleType, known: KnownData, patches: Patches) -> None:
    """Watch ``statsmodels.datasets``."""
    for part in list(vars(module).values()):
        if type(part) is ModuleType and part.__name__.startswith("statsmodels.datasets."):
            watch_readers(part, ("load", "load_pandas"), known, patches, "bundled")
    watch_readers(module, ("get_rdataset", "webuse"), known, patches, "bundled")
