"""scikit-learn: the data sets that it brings along, fetches or makes, and what ``train_test_split`` splits."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from nbtrack.capture.frameworks.patches import Closing, Patches
from nbtrack.capture.frameworks.reading import watch_readers
from nbtrack.capture.known_data import KnownData


def observe(module: ModuleType, known: KnownData, patches: Patches) -> None:
    """Watch ``sklearn.datasets``, or ``sklearn.model_selection``."""
    if module.__name__ == "sklearn.datasets":
        names = [name for name in list(vars(module)) if name.startswith(("load_", "fetch_", "make_"))]
        watch_readers(module, names, known, patches, "bundled")
        return

    def opening(args: tuple[Any, ...], named: dict[str, Any]) -> Closing | None:
        if not known.enter():
            return None

        def closing(result: Any, problem: BaseException | None) -> None:
            known.leave()
            if problem is None:
                known.split(args, result)

        return closing

    patches.around(module, "train_test_split", opening)
