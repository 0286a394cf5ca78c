"""State that every cell uses without a name: random generators, options, the environment, the folder, open figures.

A library that is not imported costs nothing. Each probe gives a token that can be compared without
calling code of the person's.
"""

from __future__ import annotations

import _locale
import operator
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from types import BuiltinFunctionType, ModuleType
from typing import Any, Final

from nbtrack.capture.lineage import arrays
from nbtrack.capture.lineage.kinds import identity, module_dict
from nbtrack.capture.params import loaded

_OWN_VARIABLES: Final = b"NBTRACK_"


class Ambient:
    """The state at one moment, to be compared with that at another."""

    def __init__(self) -> None:
        self.random: dict[str, int] = dict(_random_states())
        self.environment: dict[Any, Any] = dict(getattr(os.environ, "_data", {}))
        self.options: dict[str, tuple[Any, ...]] = dict(_options())
        self.folder = _folder()
        self.path = tuple(sys.path) if type(sys.path) is list else ()
        self.figures: tuple[int, ...] = figures()

    def changed(self, before: Ambient) -> Iterator[str]:
        """Keys of what is not as it was."""
        for key, state in self.random.items():
            # A library that was imported meanwhile brings a generator in a state that nobody chose.
            if key in before.random and before.random[key] != state:
                yield key
        if self.environment != before.environment:
            yield from self._variables(before)
        for key, values in self.options.items():
            if key in before.options and not _same(values, before.options[key]):
                yield key
        if self.folder != before.folder:
            yield "cwd"
        if len(self.path) != len(before.path) or not all(map(operator.is_, self.path, before.path)):
            yield "sys.path"
        if self.figures != before.figures:
            yield "figure"

    def _variables(self, before: Ambient) -> Iterator[str]:
        for name in {**before.environment, **self.environment}:
            if self.environment.get(name) != before.environment.get(name):
                text = os.fsdecode(name)
                if not text.encode(errors="replace").startswith(_OWN_VARIABLES):
                    yield f"env:{text}"


def _same(values: tuple[Any, ...], before: tuple[Any, ...]) -> bool:
    return len(values) == len(before) and all(map(operator.is_, values, before))


def _folder() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 - pathlib would build an object for each cell
    except OSError:  # it was removed
        return None


def _random_states() -> Iterator[tuple[str, int]]:
    generator = loaded("random", "_inst")
    if generator is not None:
        yield "random:python", hash(arrays.python_state(generator))
    legacy = loaded("numpy.random.mtrand", "_rand")
    if legacy is not None and type(legacy) is loaded("numpy.random.mtrand", "RandomState"):
        yield "random:numpy", _numpy_state(legacy.get_state(legacy=False))
    torch = loaded("torch.random", "default_generator")
    if torch is not None:
        yield "random:torch", _tensor(torch.get_state())
    if loaded("torch.cuda", "_initialized") is True:
        states = tuple(_tensor(one.get_state()) for one in loaded("torch.cuda", "default_generators"))
        yield "random:cuda", hash(states)


def _numpy_state(state: dict[str, Any]) -> int:
    inner = state["state"]
    parts = tuple(
        zlib.crc32(part) if hasattr(part, "tobytes") else part for part in inner.values() if part is not None
    )
    return hash((parts, state.get("has_gauss"), state.get("gauss")))


def _tensor(state: Any) -> int:
    return zlib.crc32(state.numpy())


def _options() -> Iterator[tuple[str, tuple[Any, ...]]]:
    probe: Callable[[], tuple[Any, ...] | None]
    for key, probe in _PROBES:
        values = probe()
        if values is not None:
            yield key, values


def _pandas() -> tuple[Any, ...] | None:
    options = loaded("pandas._config.config", "_global_config")
    if type(options) is not dict:
        return None
    found: list[Any] = []
    waiting = [options]
    for names in waiting:
        for value in names.values():
            if type(value) is dict:
                waiting.append(value)
            else:
                found.append(value)
    return tuple(found)


def _matplotlib() -> tuple[Any, ...] | None:
    params = loaded("matplotlib", "rcParams")
    return tuple(dict.values(params)) if params is not None and issubclass(type(params), dict) else None


def _numpy() -> tuple[Any, ...] | None:
    printing = loaded("numpy._core.printoptions", "format_options")
    if printing is None:
        return None
    found = printing.get()
    errors = loaded("numpy._core._ufunc_config", "_extobj_contextvar")
    return (*found.values(), errors.get() if errors is not None else None)


def _warnings() -> tuple[Any, ...] | None:
    filters = loaded("warnings", "filters")
    return tuple(filters) if type(filters) is list else None


def _sklearn() -> tuple[Any, ...] | None:
    read = loaded("sklearn._config", "_get_threadlocal_config")
    return tuple(read().values()) if read is not None else None


def _python() -> tuple[Any, ...]:
    context = loaded("decimal", "getcontext")
    precision = context().prec if type(context) is BuiltinFunctionType else None
    return tuple(
        sys.intern(str(one))
        for one in (sys.getrecursionlimit(), _locale.setlocale(_locale.LC_ALL), precision)
    )


def _logging() -> tuple[Any, ...] | None:
    root = loaded("logging", "root")
    own = getattr(root, "__dict__", None)
    if type(own) is not dict or type(own.get("handlers")) is not list:
        return None
    return (own.get("level"), *own["handlers"])


_PROBES: Final = (
    ("option:python", _python),
    ("option:logging", _logging),
    ("option:pandas", _pandas),
    ("option:matplotlib", _matplotlib),
    ("option:numpy", _numpy),
    ("option:warnings", _warnings),
    ("option:sklearn", _sklearn),
)


def figures() -> tuple[int, ...]:
    """The figures that pyplot holds open."""
    registry = loaded("matplotlib._pylab_helpers", "Gcf")
    found = getattr(registry, "figs", None)
    if found is None or not issubclass(type(found), dict):
        return ()
    return tuple(identity(manager) for manager in dict.values(found))


def draws(value: object) -> bool:
    """Whether a value is one of the modules through which pyplot's current figure is drawn on."""
    if type(value) is not ModuleType:
        return False
    name = module_dict(value).get("__name__")
    return type(name) is str and name.partition(".")[0] in ("matplotlib", "pylab", "seaborn", "plotnine")
