"""What a notebook fitted, measured and read, seen by instruments of our own at the libraries' classes; nbtrack is not there.

Only calls that the notebook's own code makes count: what an estimator or a search does inside is its own affair.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any

FITS = ("fit", "fit_predict", "fit_transform", "partial_fit")
CROSS = ("cross_val_score", "cross_validate")


class Oracle:
    """The witness of one process: begun before the first cell, asked after each."""

    def __init__(self) -> None:
        self._seen: dict[str, list[Any]] = {"fits": [], "metrics": [], "reads": []}
        self._wrapped: set[Any] = set()
        self._inside = False

    def begin(self) -> None:
        """Put the instruments in place: everything that is watched is imported for that."""
        from sklearn.base import BaseEstimator
        from sklearn.utils import all_estimators

        all_estimators()
        self._base = BaseEstimator
        self._classes(BaseEstimator)
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

    def of_cell(self) -> dict[str, list[Any]]:
        """What the cell did."""
        found, self._seen = self._seen, {"fits": [], "metrics": [], "reads": []}
        self._classes(self._base)
        return found

    def _readers(self) -> None:
        for module, prefixes in (("pandas", ("read_",)), ("sklearn.datasets", ("load_", "fetch_"))):
            holder = importlib.import_module(module)
            for name in dir(holder):
                function = getattr(holder, name)
                if name.startswith(prefixes) and type(function) is FunctionType:
                    setattr(holder, name, self._around(function, functools.partial(self._read, name)))
        numpy = importlib.import_module("numpy")
        for name in ("load", "loadtxt", "genfromtxt"):
            setattr(numpy, name, self._around(getattr(numpy, name), functools.partial(self._read, name)))

    def _late_classes(self) -> None:
        build = builtins.__build_class__

        def watched(*args: Any, **named: Any) -> Any:
            made = build(*args, **named)
            if isinstance(made, type) and issubclass(made, self._base):
                self._methods(made)
            return made

        builtins.__build_class__ = watched

    def _classes(self, base: type) -> None:
        left = [base]
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
            told(args, result)
            return result

        return call

    def _fitted(self, name: str, args: tuple[Any, ...], _result: Any) -> None:
        kind = type(args[0])
        predicts = any(hasattr(kind, method) for method in ("predict", "score_samples", "fit_predict"))
        last = args[0].steps[-1][1] if hasattr(args[0], "steps") else None
        if last is not None:
            predicts = hasattr(last, "predict")
        self._seen["fits"].append([kind.__name__, name, bool(predicts)])

    def _scored(self, _args: tuple[Any, ...], result: Any) -> None:
        self._measured("score", (), result)

    def _measured(self, name: str, _args: tuple[Any, ...], result: Any) -> None:
        if isinstance(result, float) or (
            type(result).__module__ == "numpy" and getattr(result, "shape", None) == ()
        ):
            self._seen["metrics"].append([name, float(result)])

    def _crossed(self, name: str, args: tuple[Any, ...], result: Any) -> None:
        scores = result if isinstance(result, dict) else {"test_score": result}
        for key, values in scores.items():
            if key.startswith("test_"):
                self._seen["metrics"].append([f"{name} {key}", float(values.mean())])
        model = args[0] if args else None
        self._seen["fits"].append([type(model).__name__, name, True])

    def _read(self, name: str, _args: tuple[Any, ...], _result: Any) -> None:
        self._seen["reads"].append(name)
