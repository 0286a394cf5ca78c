"""Which names of a cell measure something, judged by the syntax of what is assigned to them.

``accuracy = model.score(X, y)`` measures; ``elapsed = time.time() - start``, ``n = len(X) / 2`` and
``noise = rng.normal()`` do not.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from nbtrack.capture.constants import ABSENT, Path, dict_items, folded

if TYPE_CHECKING:
    from collections.abc import Iterable

# fmt: off
_CLOCKS: Final = frozenset(
    {
        "time", "perf_counter", "monotonic", "process_time", "thread_time", "default_timer",
        "clock_gettime", "now", "utcnow", "today", "timestamp", "total_seconds", "elapsed_time", "time_ns",
        "perf_counter_ns", "monotonic_ns", "process_time_ns", "thread_time_ns", "clock_gettime_ns"
    }
)
_DRAWS: Final = frozenset(
    {
        "random", "uniform", "normal", "rand", "randn", "randint", "integers", "randrange",
        "standard_normal", "gauss", "normalvariate", "triangular", "choice", "choices", "getrandbits",
        "rvs", "default_rng"
    }
)
_DISTRIBUTIONS: Final = frozenset(
    {
        "beta", "binomial", "chisquare", "exponential", "gamma", "geometric", "gumbel", "laplace",
        "logistic", "lognormal", "multinomial", "pareto", "permutation", "poisson", "power", "rayleigh",
        "vonmises", "wald", "weibull", "zipf"
    }
)
# fmt: on
_GENERATORS: Final = frozenset({"rng", "generator", "gen", "random_state", "randomstate", "prng", "rs"})
_SURROUNDINGS: Final = frozenset({"getenv", "input", "getpass"})
_COUNTS: Final = frozenset({"len", "range", "id", "hash"})
_CONVERSIONS: Final = frozenset({"float", "int", "round", "abs", "min", "max", "sum", "str"})
_ARITHMETIC_MODULES: Final = frozenset({"math", "cmath", "np", "numpy"})


# What an expression is, the stronger one last: a sum of a measure and a clock is a clock.
_PLAIN: Final = 0
_READS_MEASURE: Final = 1
_MEASURE: Final = 2
_CLOCK: Final = 3


class MeasureNames:
    """Follows the assignments of a cell in order and collects the names that may hold metrics."""

    def __init__(self) -> None:
        self.paths: dict[Path, None] = {}
        self._measures: set[str] = set()
        self._clocks: set[str] = set()
        self._aliases: dict[str, str] = {}

    def imported(self, module: str | None, name: str, alias: str) -> None:
        """Note ``from time import time as now`` and ``import numpy as np``."""
        self._aliases[alias] = name if module is not None else name.partition(".")[0]

    def assigned(self, target: Path, value: ast.expr, *, adds: bool = False) -> None:
        """Take ``target = value`` into account, or ``target += value`` when it `adds`."""
        items = list(dict_items(value))
        if items:
            for key, item in items:
                self.assigned((*target, key), item)
            return
        kind = self._kind(value)
        if kind == _READS_MEASURE and any(isinstance(node, ast.Call) for node in ast.walk(value)):
            kind = _MEASURE  # total / len(loader)
        name = target[0]
        if adds and len(target) == 1 and name in self._clocks:
            return
        if len(target) == 1:
            self._measures.discard(name)
            self._clocks.discard(name)
        if kind == _CLOCK:
            if len(target) == 1:
                self._clocks.add(name)
                self.paths.pop(target, None)
        elif kind != _PLAIN or (adds and target in self.paths):
            self._measures.add(name)
            hidden = any(isinstance(part, str) and part.startswith("_") for part in target)
            if kind == _MEASURE and not hidden:
                self.paths[target] = None

    def called(self, call: ast.Call) -> None:
        """Note ``scores.append(model.score(X, y))``: ``max(scores)`` is then a metric."""
        function = call.func
        if not isinstance(function, ast.Attribute) or function.attr not in ("append", "extend"):
            return
        if isinstance(function.value, ast.Name) and self._strongest(call.args) == _MEASURE:
            self._measures.add(function.value.id)

    def _strongest(self, nodes: Iterable[ast.AST]) -> int:
        return max(map(self._kind, nodes), default=_PLAIN)

    def _kind(self, node: ast.AST) -> int:
        if isinstance(node, ast.Name):
            if node.id in self._clocks:
                return _CLOCK
            return _READS_MEASURE if node.id in self._measures else _PLAIN
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.Constant | ast.Lambda):
            return _PLAIN
        return self._strongest(ast.iter_child_nodes(node))

    def _call(self, call: ast.Call) -> int:
        names = self._names(call.func)
        last = names[-1] if names else ""
        everything = [*call.args, *(keyword.value for keyword in call.keywords)]
        if last in _CLOCKS or (len(names) > 1 and names[0] == "time"):
            return _CLOCK
        if (
            _draws(names)
            or last in _SURROUNDINGS
            or names[:2] == ["os", "environ"]
            or last.startswith("suggest_")
        ):
            return _PLAIN
        if isinstance(call.func, ast.Name):
            if last in _COUNTS:
                return _PLAIN
            if last in _CONVERSIONS:
                return _raised(self._strongest(everything))
        elif isinstance(call.func, ast.Attribute):
            if last == "get" and call.args and isinstance(call.args[0], ast.Constant):
                return self._kind(call.func.value)  # d.get("key") is d["key"]
            if names[0] in _ARITHMETIC_MODULES and all(
                folded(argument) is not ABSENT for argument in everything
            ):
                return _PLAIN  # np.log(2) is a constant
        # a clock in a keyword is a setting: train(start=t0); anything else computed from a clock is one
        taken = self._strongest([*call.args, *ast.iter_child_nodes(call.func)])
        return _CLOCK if taken == _CLOCK else _MEASURE

    def _names(self, function: ast.expr) -> list[str]:
        """``np.random.default_rng(0).normal`` as its names, aliases of imports resolved."""
        names: list[str] = []
        node: ast.AST = function
        while True:
            if isinstance(node, ast.Attribute):
                names.append(node.attr)
                node = node.value
            elif isinstance(node, ast.Call):
                node = node.func
            elif isinstance(node, ast.Subscript):
                node = node.value
            else:
                break
        names.append(self._aliases.get(node.id, node.id) if isinstance(node, ast.Name) else "")
        names.reverse()
        return names


def _draws(names: list[str]) -> bool:
    """Whether a call draws random numbers, or computes from nothing but a draw."""
    if "random" in names[:-1] or any(name in _DRAWS for name in names[-1:] + names[1:]):
        return True
    # a "generator" may also be half of a GAN, which has a loss
    return names[-1] in _DISTRIBUTIONS and any(name.lower() in _GENERATORS for name in names[:-1])


def _raised(kind: int) -> int:
    return _MEASURE if kind == _READS_MEASURE else kind
