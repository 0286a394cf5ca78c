"""What a notebook fitted, measured and read, seen by instruments of our own at the libraries' classes; nbtrack is not there.

Only calls that the notebook's own code makes count: what an estimator or a search does inside is its own affair.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType
from typing import Any

FITS = ("fit", "fit_predict", "fit_transform", "partial_fit", "fit_regularized")
CROSS = ("cross_val_score", "cross_validate")
STEPS = {
    "preprocessing", "impute", "feature_extraction", "feature_selection", "compose", "pipeline", "kernel_approximation",
    "random_projection"
}  # fmt: skip
"""Modules of scikit-learn whose estimators only prepare data, unless they predict."""
CRITERIA = ("rsquared", "rsquared_adj", "aic", "bic", "bic_llf", "llf")
"""What results of statsmodels tell of themselves."""
ASKED = ("predict", "transform", "score_samples")
ASK = "import hashlib, numpy; print(hashlib.sha256(repr(numpy.asarray({}).tolist()).encode()).hexdigest())"

Seen = dict[str, list[Any]]


class Oracle:
    """The witness of one process: begun before the first cell, asked after each."""

    def __init__(self) -> None:
        self._seen = self._nothing()
        self._trained: list[tuple[Any, Any, Any]] = []
        self._wrapped: set[Any] = set()
        self._bases: tuple[type, ...] = ()
        self._inside = False

    @staticmethod
    def _nothing() -> Seen:
        return {"fits": [], "metrics": [], "told": [], "reads": [], "asks": []}

    def begin(self) -> None:
        """Put the instruments in place: everything that is watched is imported for that."""
        from sklearn.base import BaseEstimator
        from sklearn.utils import all_estimators

        all_estimators()
        self._bases = (BaseEstimator, *self._statsmodels())
        self._classes()
        self._late_classes()
        metrics = importlib.import_module("sklearn.metrics")
        for name in metrics.__all__:
            function = vars(metrics).get(name)
            if type(function) is FunctionType and not name.startswith(("make_", "get_", "check_")):
                setattr(metrics, name, self._around(function, functools.partial(self._measured, name)))
        selection = importlib.import_module("sklearn.model_selection")
        for name in CROSS:
            setattr(
                selection, name, self._around(vars(selection)[name], functools.partial(self._crossed, name))
            )
        self._readers()

    def of_cell(self, namespace: Mapping[str, Any]) -> Seen:
        """What the cell did, with expressions that ask each model that it left for what it makes of its data.

        Parameters
        ----------
        namespace
            The notebook's variables.
        """
        found, self._seen = self._seen, self._nothing()
        trained, self._trained = self._trained, []
        found["asks"] = list(dict.fromkeys(ask for fit in trained for ask in _asks(*fit, namespace)))
        self._classes()
        return found

    @staticmethod
    def _statsmodels() -> list[type]:
        try:
            return [importlib.import_module("statsmodels.base.model").Model]
        except ImportError:
            return []

    @staticmethod
    def _statsmodels_datasets() -> list[Any]:
        try:
            found = importlib.import_module("statsmodels.datasets")
        except ImportError:
            return []
        return [part for part in vars(found).values() if hasattr(part, "load_pandas")]

    def _readers(self) -> None:
        for module, prefixes in (("pandas", ("read_",)), ("sklearn.datasets", ("load_", "fetch_"))):
            holder = importlib.import_module(module)
            for name in dir(holder):
                function = getattr(holder, name)
                if name.startswith(prefixes) and type(function) is FunctionType:
                    setattr(holder, name, self._around(function, functools.partial(self._read, name)))
        for holder in self._statsmodels_datasets():
            for name in ("load", "load_pandas"):
                setattr(
                    holder, name, self._around(getattr(holder, name), functools.partial(self._read, name))
                )
        numpy = importlib.import_module("numpy")
        for name in ("load", "loadtxt", "genfromtxt"):
            setattr(numpy, name, self._around(getattr(numpy, name), functools.partial(self._read, name)))

    def _late_classes(self) -> None:
        build = builtins.__build_class__

        def watched(*args: Any, **named: Any) -> Any:
            made = build(*args, **named)
            if isinstance(made, type) and issubclass(made, self._bases):
                self._methods(made)
            return made

        builtins.__build_class__ = watched

    def _classes(self) -> None:
        left = list(self._bases)
        while left:
            kind = left.pop()
            left += type.__subclasses__(kind)
            for each in kind.__mro__:
                if each is not object:
                    self._methods(each)

    def _methods(self, kind: type) -> None:
        if kind in self._wrapped:
            return
        self._wrapped.add(kind)
        for name in (*FITS, "score"):
            method: Any = vars(kind).get(name)
            if name == "score" and not issubclass(kind, self._bases[0]) and "sklearn" not in kind.__module__:
                continue  # the gradient of statsmodels' likelihoods
            told = self._scored if name == "score" else functools.partial(self._fitted, name)
            if type(method) is FunctionType:
                setattr(kind, name, self._around(method, told))
            elif hasattr(method, "fn"):  # methods that only some objects of the class have
                method.fn = self._around(method.fn, told)

    def _around(self, function: Callable[..., Any], told: Callable[..., None]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **named: Any) -> Any:
            own = not self._inside and sys._getframe(1).f_globals.get("__name__") == "__main__"
            if not own:
                return function(*args, **named)
            self._inside = True
            try:
                result = function(*args, **named)
            finally:
                self._inside = False
            told(args, named, result)
            return result

        return call

    def _fitted(self, name: str, args: tuple[Any, ...], named: dict[str, Any], result: Any) -> None:
        model = args[0]
        again = name == "partial_fit" and any(model is known for known, _, _ in self._trained)
        data = args[1] if len(args) > 1 else named.get("X")
        self._trained.append((model, data, result))
        if not again:
            self._seen["fits"].append([type(model).__name__, is_model(model)])
        self._seen["told"] += _told(model, result)

    def _scored(self, _args: tuple[Any, ...], _named: dict[str, Any], result: Any) -> None:
        self._measured("score", (), {}, result)

    def _measured(self, name: str, _args: tuple[Any, ...], _named: dict[str, Any], result: Any) -> None:
        if isinstance(result, float) or (
            type(result).__module__ == "numpy" and getattr(result, "shape", None) == ()
        ):
            self._seen["metrics"].append([name, float(result)])

    def _crossed(self, name: str, args: tuple[Any, ...], named: dict[str, Any], result: Any) -> None:
        scores = result if isinstance(result, dict) else {"test_score": result}
        for key, values in scores.items():
            if key.startswith("test_"):
                self._seen["metrics"].append([f"{name} {key}", float(values.mean())])
                self._seen["told"].append(float(values.std()))
        model = args[0] if args else named.get("estimator")
        self._seen["fits"].append([type(model).__name__, True])

    def _read(self, name: str, _args: tuple[Any, ...], _named: dict[str, Any], _result: Any) -> None:
        self._seen["reads"].append(name)


def is_model(model: Any) -> bool:
    """Whether what was fitted is more than a step that prepares data; of a pipeline, what stands last."""
    while getattr(model, "steps", None) and hasattr(model.steps[-1][1], "fit"):
        model = model.steps[-1][1]
    kind = type(model)
    if any(hasattr(kind, name) for name in ("predict", "fit_predict")):
        return True
    for module in (base.__module__.split(".") for base in kind.__mro__):
        if module[0] == "sklearn" and module[1] not in ("base", "utils"):
            return module[1] not in STEPS
    learned = hasattr(model, "components_") or hasattr(model, "embedding_")
    return learned or not any(hasattr(kind, name) for name in ("transform", "fit_resample"))


def _told(model: Any, result: Any) -> Iterator[float]:
    """What a fit says of how good it is."""
    if type(model).__module__.startswith("statsmodels"):
        for name in CRITERIA:
            value = getattr(result, name, None)
            if value is not None:
                yield float(value)
    found, best = vars(model).get("cv_results_"), vars(model).get("best_index_")
    if isinstance(found, dict) and best is not None:
        yield from (float(found[key][best]) for key in found if key.startswith("mean_test_"))


def _asks(model: Any, data: Any, result: Any, namespace: Mapping[str, Any]) -> Iterator[str]:
    """A cell that prints a digest of what a model makes of the data that it was fitted on, if variables hold both."""
    if type(model).__module__.startswith("statsmodels"):
        if (name := _name_of(result, namespace)) is not None and hasattr(result, "predict"):
            yield ASK.format(f"{name}.predict()")
        return
    method = next((name for name in ASKED if hasattr(model, name)), None)
    name, given = _name_of(model, namespace), _name_of(data, namespace)
    if method is not None and name is not None and given is not None:
        yield ASK.format(f"{name}.{method}({given})")


def _name_of(value: Any, namespace: Mapping[str, Any]) -> str | None:
    """The variable that is this very object, or whose item is, as in ``iris["data"]``."""
    for name, held in namespace.items():
        if name.startswith("_") or value is None:
            continue
        if held is value:
            return name
        if isinstance(held, dict):
            for key, item in held.items():
                if item is value and isinstance(key, str):
                    return f"{name}[{key!r}]"
    return None
