"""What a notebook could notice besides the outputs of its cells: random states, settings, names, the values they hold.

Read by looking at what is loaded; nothing is imported, drawn or changed for it.
"""

from __future__ import annotations

import builtins
import decimal
import gc
import hashlib
import locale
import os
import random
import signal
import sys
import warnings
from collections.abc import Iterator
from typing import Any

DEEPEST = 6
MOST = 20_000
"""Depth of containers, and values in all, that are looked at in one variable."""


def digest(value: Any) -> str:
    """A short digest of something that prints the same whenever it is the same."""
    text = repr(value).replace(os.environ.get("CORPUS_BASE", "\0"), "BASE")
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16]


def state(shell: Any) -> dict[str, str]:
    """One short text for each part of the process that a cell could notice."""
    names = sorted(name for name in shell.user_ns if isinstance(name, str) and not name.startswith("_"))
    found = {
        "names": digest(names),
        "random:python": digest(random.getstate()),
        "cwd": _cwd(),
        "env": digest(
            sorted((name, value) for name, value in os.environ.items() if not name.startswith("NBTRACK"))
        ),
        "sys.path": digest(sys.path),
        "warnings:filters": digest([(f[0], str(f[1]), str(f[2]), str(f[3]), f[4]) for f in warnings.filters]),
        "warnings:once": digest(sorted(map(str, getattr(warnings, "onceregistry", {})))),
        "warnings:cells": digest(sorted(map(str, shell.user_ns.get("__warningregistry__", {})))),
        "builtins": digest(sorted(vars(builtins))),
        "limits": digest(
            [sys.getrecursionlimit(), sys.getswitchinterval(), gc.get_threshold(), gc.isenabled()]
        ),
        "traced": digest([_where(sys.gettrace()), _where(sys.getprofile())]),
        "hooks": digest([_where(sys.excepthook), _where(sys.unraisablehook), _where(sys.displayhook)]),
        "signals": digest([_where(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]),
        "locale": digest([locale.setlocale(locale.LC_ALL), decimal.getcontext().prec]),
        "counts": str(shell.execution_count),
    }
    found.update(_libraries())
    for name in names:
        value = shell.user_ns[name]
        if _module(type(value)).startswith("numpy.random") and hasattr(value, "bit_generator"):
            found[f"generator:{name}"] = digest(value.bit_generator.state)
    return found


def _cwd() -> str:
    try:
        return digest(os.getcwd())  # noqa: PTH109
    except Exception as problem:  # noqa: BLE001 - a notebook may put anything into os
        return type(problem).__name__


def _where(function: Any) -> str:
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{getattr(function, '__module__', None)}.{name}"


def _libraries() -> Iterator[tuple[str, str]]:
    loaded: dict[str, Any] = dict(sys.modules)
    if (numpy := loaded.get("numpy")) is not None:
        if "numpy.random" in loaded:
            yield (
                "random:numpy",
                digest(
                    [part.tolist() if hasattr(part, "tolist") else part for part in numpy.random.get_state()]
                ),
            )
        yield "option:numpy", digest([numpy.geterr(), sorted(map(str, numpy.get_printoptions().items()))])
    if (torch := loaded.get("torch")) is not None:
        yield "random:torch", digest(torch.random.get_rng_state().tolist())
    if "matplotlib.pyplot" in loaded:
        yield "figures", digest(loaded["matplotlib.pyplot"].get_fignums())
        yield (
            "option:matplotlib",
            digest(sorted((key, str(value)) for key, value in loaded["matplotlib"].rcParams.items())),
        )
    if "sklearn" in loaded:
        yield "option:sklearn", digest(sorted(map(str, loaded["sklearn"].get_config().items())))
    if "pandas" in loaded and hasattr(loaded["pandas"], "options"):
        config = loaded.get("pandas._config.config")
        yield "option:pandas", digest(sorted(map(str, getattr(config, "_global_config", {}).items())))


def modules() -> list[str]:
    """The packages that are loaded, without nbtrack and without what belongs to Python."""
    tops = {name.partition(".")[0] for name in list(sys.modules)}
    return sorted(tops - set(sys.stdlib_module_names) - {"nbtrack"})


def values(namespace: dict[str, Any]) -> dict[str, str]:
    """What each variable holds, by digest."""
    found = {}
    for name in sorted(name for name in namespace if isinstance(name, str)):
        if not name.startswith("_") and name not in ("In", "Out", "exit", "quit", "get_ipython"):
            value = namespace[name]
            digester = hashlib.sha256()
            left = [MOST]
            _walk(value, digester, DEEPEST, left)
            found[name] = f"{type.__getattribute__(type(value), '__name__')} {digester.hexdigest()[:16]}"
    return found


def _module(kind: type) -> str:
    """Where a class is from; a metaclass of the notebook's is not asked."""
    return str(type.__getattribute__(kind, "__module__"))


def _walk(value: Any, digester: Any, depth: int, left: list[int]) -> None:
    kind = type(value)
    left[0] -= 1
    module = _module(kind)
    digester.update(f"{module}.{type.__getattribute__(kind, '__qualname__')}".encode())
    if left[0] < 0 or depth < 0:
        return
    if kind in (int, float, complex, bool, str, bytes, type(None)):
        digester.update(repr(value).encode("utf-8", "backslashreplace"))
    elif kind in (list, tuple):
        for item in value:
            _walk(item, digester, depth - 1, left)
    elif kind is dict:
        for key, item in value.items():
            _walk(key, digester, depth - 1, left)
            _walk(item, digester, depth - 1, left)
    elif module.startswith("numpy") and hasattr(value, "dtype"):
        _array(value, digester, depth, left)
    elif module.startswith("pandas"):
        _frame(value, digester, depth, left)
    elif module.startswith("scipy.sparse"):
        for part in ("data", "indices", "indptr", "row", "col"):
            if hasattr(value, part):
                _walk(getattr(value, part), digester, depth - 1, left)
    elif any("get_params" in vars(base) for base in type.__getattribute__(kind, "__mro__")):
        _walk(dict(sorted(vars(value).items())), digester, depth - 1, left)


def _array(value: Any, digester: Any, depth: int, left: list[int]) -> None:
    digester.update(f"{value.dtype} {value.shape}".encode())
    if value.dtype.hasobject:
        for item in value.ravel().tolist()[:1000]:
            _walk(item, digester, depth - 1, left)
    else:
        digester.update(value.tobytes())


def _frame(value: Any, digester: Any, depth: int, left: list[int]) -> None:
    if hasattr(value, "columns") and hasattr(value, "iloc"):
        digester.update(str(list(value.columns)).encode())
        for position in range(value.shape[1]):
            _walk(value.iloc[:, position].to_numpy(), digester, depth - 1, left)
    elif hasattr(value, "to_numpy"):
        _walk(value.to_numpy(), digester, depth - 1, left)
