"""Which libraries are observed, and by what."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from functools import partial
from types import ModuleType
from typing import Final

from nbtrack.capture.frameworks.imports import ImportWatch
from nbtrack.capture.frameworks.patches import Patches

TRACKERS: Final = {
    "mlflow": "mlflow",
    "wandb": "wandb",
    "trackio": "trackio",
    "torch.utils.tensorboard.writer": "tensorboard",
    "tensorboardX.writer": "tensorboard",
}
"""The module of this package that observes another tracker, by the tracker's own module."""

LIBRARIES: Final = {
    "sklearn.base": "sklearn",
    "sklearn.metrics": "sklearn",
    "sklearn.model_selection": "sklearn",
    "xgboost": "xgboost",
    "lightgbm": "lightgbm",
    "catboost.core": "catboost",
    "statsmodels.base.model": "statsmodels",
    "optuna.study.study": "optuna",
    "torch.optim.optimizer": "torch",
    "torch._tensor": "torch",
    "keras.src.models.model": "keras",
    "transformers.trainer": "transformers",
    "lightning.pytorch.trainer.trainer": "lightning",
    "pytorch_lightning.trainer.trainer": "lightning",
}
"""The module of this package that observes what a library trains, by the library's own module."""

READERS: Final = {
    "pandas": "pandas",
    "modin.pandas": "pandas",
    "dask.dataframe": "pandas",
    "seaborn": "seaborn",
    "polars": "polars",
    "numpy": "numpy",
    "pyarrow.csv": "pyarrow",
    "pyarrow.parquet": "pyarrow",
    "pyarrow.feather": "pyarrow",
    "pyarrow.json": "pyarrow",
    "pyarrow.orc": "pyarrow",
    "sklearn.datasets": "sklearn_datasets",
    "statsmodels.datasets": "statsmodels_datasets",
    "sklearn.model_selection": "sklearn_datasets",
}
"""The module of this package that observes what a library reads, by the library's own module."""


class Observers:
    """Observes the libraries of this process from `begin` to `end`, whether they are imported before or after.

    Parameters
    ----------
    leaves
        The module of this package that observes a library, by the library's own module.
    sink
        Takes what was observed; what it must be the leaves say.
    failed
        Told what was raised while something was observed.
    leaves
        The module of this package that observes a library, by the library's own module.
    """

    def __init__(
        self,
        sink: object,
        failed: Callable[[BaseException], object],
        leaves: Mapping[str, str] = TRACKERS,
    ) -> None:
        self._sink = sink
        self._failed = failed
        self._patches = Patches(failed)
        self._watch = ImportWatch({library: partial(self._observe, leaf) for library, leaf in leaves.items()})

    def begin(self) -> None:
        """Observe what is imported, and what will be."""
        self._watch.begin()

    def end(self) -> None:
        """Leave all libraries as they were."""
        self._watch.end()
        self._patches.undo()

    def _observe(self, leaf: str, module: ModuleType) -> None:
        try:
            observer = importlib.import_module(f"nbtrack.capture.frameworks.{leaf}")
            observer.observe(module, self._sink, self._patches)
        except Exception as problem:  # noqa: BLE001 - a release that looks different is not observed, and that is all
            self._failed(problem)
