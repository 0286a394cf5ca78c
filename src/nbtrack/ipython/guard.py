"""What stands between nbtrack and the person's cell: nothing that is raised inside a callback leaves it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Failing(Protocol):
    """Whatever has guarded callbacks."""

    def is_child(self) -> bool:
        """Whether this process is a child that was forked inside a cell."""

    def failed(self, name: str, problem: BaseException, arguments: tuple[Any, ...]) -> None:
        """Take note of what was raised in the callback `name`, and tidy up behind it."""


H = TypeVar("H", bound=Failing)


def guarded(method: Callable[Concatenate[H, P], T]) -> Callable[Concatenate[H, P], T | None]:
    """A callback from which nothing escapes; where something was raised it gives None.

    `SystemExit` and `GeneratorExit` would end the kernel, and any other exception would be printed into the person's
    cell. An interrupt that lands here is the person's: their cell has already ended or not yet begun, so it only cuts our
    work short. Out of memory, even what tells of a failure may fail. In a child that was forked inside the cell nothing is
    done at all.
    """

    @functools.wraps(method)
    def call(hooks: H, /, *args: P.args, **kwargs: P.kwargs) -> T | None:
        try:
            return None if hooks.is_child() else method(hooks, *args, **kwargs)
        except BaseException as problem:  # noqa: BLE001 - see the docstring
            try:
                hooks.failed(method.__name__, problem, args)
            except BaseException:  # noqa: BLE001 - as above
                return None
            return None

    return call
