"""The seeds that a cell sets, by the syntax of its calls: ``np.random.seed(42)``, ``default_rng(0)``, ``random_state=7``.

Only whole numbers that stand in the cell count. A seed that comes from a name is that name's param.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from nbtrack.entities.values import JSONValue

_CALLS: Final = {
    ("np", "random", "seed"): "numpy",
    ("numpy", "random", "seed"): "numpy",
    ("random", "seed"): "python",
    ("random", "Random"): "python",
    ("torch", "manual_seed"): "torch",
    ("cuda", "manual_seed"): "torch",
    ("cuda", "manual_seed_all"): "torch",
    ("tf", "random", "set_seed"): "tensorflow",
    ("tensorflow", "random", "set_seed"): "tensorflow",
    ("set_random_seed",): "keras",
    ("random", "PRNGKey"): "jax",
    ("jax", "random", "key"): "jax",
    ("default_rng",): "default_rng",
    ("RandomState",): "RandomState",
    ("seed_everything",): "seed_everything",
    ("set_seed",): "set_seed",
    ("manual_seed",): "torch",
}
"""The end of a function's dotted name, and what its first argument seeds; a longer end stands before a shorter one."""

_KEYWORDS: Final = ("random_state", "seed", "random_seed")
_MOST: Final = 100


class Seeds:
    """The constant seeds of a cell's calls, in their order."""

    def __init__(self) -> None:
        self._found: dict[str, dict[int, None]] = {}

    def called(self, node: ast.Call) -> None:
        """Look at one call."""
        seeds = _seeded(node.func)
        if seeds is not None and node.args:
            self._add(f"seed.{seeds}", node.args[0])
        for keyword in node.keywords:
            if keyword.arg in _KEYWORDS:
                self._add(f"seed.{seeds}" if seeds else str(keyword.arg), keyword.value)

    def _add(self, name: str, node: ast.expr) -> None:
        if isinstance(node, ast.Constant) and type(node.value) is int:
            values = self._found.setdefault(name, {})
            if len(values) < _MOST:
                values[node.value] = None

    def result(self) -> dict[str, JSONValue]:
        """The seeds by what they are of (``seed.numpy``) or the name they are given to; several of one sort are a list."""
        return {
            name: next(iter(values)) if len(values) == 1 else list(values)
            for name, values in self._found.items()
        }


def _seeded(function: ast.expr) -> str | None:
    """What a function of this name seeds."""
    parts: list[str] = []
    while isinstance(function, ast.Attribute):
        parts.append(function.attr)
        function = function.value
    if isinstance(function, ast.Name):
        parts.append(function.id)
    dotted = tuple(reversed(parts))
    if dotted[-1:] not in _LAST:
        return None
    return next((seeds for end, seeds in _CALLS.items() if dotted[-len(end) :] == end), None)


_LAST: Final = frozenset(end[-1:] for end in _CALLS)
