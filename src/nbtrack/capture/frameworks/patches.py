"""Functions of other libraries, replaced by ones that tell of each call, and put back."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol


class Sink(Protocol):
    """What takes what was observed; must not raise."""

    def log(self, values: Mapping[str, object], step: object = None) -> None:
        """Points of metrics; what is no number is passed over, and dicts inside are taken apart."""

    def params(self, values: Mapping[str, object]) -> None:
        """Params."""

    def tags(self, values: Mapping[str, object]) -> None:
        """Tags."""


Watcher = Callable[[tuple[Any, ...], dict[str, Any], Any], None]
"""Takes the arguments of a call, by place and by name, and its result."""


class Patches:
    """What was replaced, so that it can be put back.

    Parameters
    ----------
    failed
        Told what was raised while a call was looked at; the call itself is not touched by that.
    """

    def __init__(self, failed: Callable[[BaseException], object]) -> None:
        self._failed = failed
        self._inside = threading.local()
        self._replaced: list[tuple[Any, str, Any, Any]] = []

    def watch(self, holder: Any, name: str, watcher: Watcher) -> None:
        """Have `watcher` called after each successful call of a module's function or a class's method, if there is one.

        Calls that a watched call makes itself are not told: they are its way of doing what was told already. The new
        function has the old one's name, module, signature and documentation; pickled by name it is the old one.
        """
        original = vars(holder).get(name)
        if not callable(original) or isinstance(original, type):
            return
        failed, inside = self._failed, self._inside

        @functools.wraps(original)
        def call(*args: Any, **named: Any) -> Any:
            __tracebackhide__ = True
            if getattr(inside, "call", False):
                return original(*args, **named)
            inside.call = True
            try:
                result = original(*args, **named)
            finally:
                inside.call = False
            try:
                watcher(args, named, result)
            except BaseException as problem:  # noqa: BLE001 - the call has been done; nothing of ours may undo that
                failed(problem)
            return result

        setattr(holder, name, call)
        self._replaced.append((holder, name, original, call))

    def undo(self) -> None:
        """Put back all that nobody has replaced since."""
        for holder, name, original, call in reversed(self._replaced):
            if vars(holder).get(name) is call:
                setattr(holder, name, original)
        self._replaced.clear()


def argument(args: tuple[Any, ...], named: dict[str, Any], place: int, name: str, default: Any = None) -> Any:
    """An argument that may be given by place or by name."""
    return args[place] if len(args) > place else named.get(name, default)
