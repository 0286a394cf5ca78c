"""Functions of other libraries, replaced by ones that tell of each call, and put back.

A call that is told of looks as it did before: the new function has the old one's name, signature and documentation; it is no
part of tracebacks; warnings that name "the caller of the caller" still name the person's line; and where it is pickled by
value, as joblib does with the person's own classes, it leaves nothing of nbtrack in the pickle.
"""

from __future__ import annotations

import builtins
import functools
import sys
import threading
import weakref
from collections.abc import Callable, Mapping
from types import FunctionType, ModuleType
from typing import Any, Final, Protocol

from nbtrack.capture.identity import ByIdentity


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

Closing = Callable[[Any, BaseException | None], None]
"""Takes what a call returned, or (with None) what it raised."""

Opening = Callable[[tuple[Any, ...], dict[str, Any]], Closing | None]
"""Takes the arguments of a call that is about to happen; it may add to those by name."""

WRAPPER: Final = "<nbtrack, not importlib._bootstrap>"
"""The file of the functions that tell of calls.

Frames whose file is named so are passed over where a warning looks for the line to blame (CPython's is_internal_frame).
"""


class Patches:
    """What was replaced, so that it can be put back.

    Parameters
    ----------
    failed
        Told what was raised while a call was looked at; the call itself is not touched by that.
    """

    def __init__(self, failed: Callable[[BaseException], object]) -> None:
        self.failed = failed
        self._inside = threading.local()
        self._replaced: list[tuple[Any, str, Any, Any]] = []
        self._methods: list[tuple[weakref.ref[Any], str, weakref.ref[Any]]] = []
        self._calls: ByIdentity[bool] = ByIdentity()
        self._tellers: list[_Teller] = []
        self._undoing: list[Callable[[], object]] = []

    def watch(self, holder: Any, name: str, watcher: Watcher) -> None:
        """Have `watcher` called after each successful call of a module's function or a class's method, if there is one.

        Calls that a watched call makes itself are not told: they are its way of doing what was told already.
        """
        inside = self._inside

        def opening(args: tuple[Any, ...], named: dict[str, Any]) -> Closing | None:
            if getattr(inside, "call", False):
                return None
            inside.call = True

            def closing(result: Any, problem: BaseException | None) -> None:
                inside.call = False
                if problem is None:
                    watcher(args, named, result)

            return closing

        self.around(holder, name, opening)

    def around(self, holder: Any, name: str, opening: Opening) -> None:
        """Have `opening` called before each call, and what it gives after it; whatever was raised in the call goes on."""
        original = vars(holder).get(name)
        if not callable(original) or isinstance(original, (type, staticmethod, classmethod)):
            return
        if self._calls.get(original):
            return  # a class that borrows another's method
        teller = _Teller(opening, self.failed)
        call = _telling(original, teller)
        if isinstance(holder, ModuleType):
            # Pickled by name, the new function is found where it is and the old one where it was.
            call.__module__ = holder.__name__
        self._tellers.append(teller)
        self._calls[call] = True
        setattr(holder, name, call)
        try:
            # Nothing of a class is held, since it may be the person's own, and be defined anew by each run of a cell.
            self._methods.append((weakref.ref(holder), name, weakref.ref(call)))
        except TypeError:
            self._replaced.append((holder, name, original, call))

    def guarded(self, opening: Opening) -> Opening:
        """The same as it is called around a watched call: what it raises is noted."""
        teller = _Teller(opening, self.failed)
        self._tellers.append(teller)

        def begin(args: tuple[Any, ...], named: dict[str, Any]) -> Closing | None:
            closing = teller.begin(args, named)
            if closing is None:
                return None
            return lambda result, problem: teller.end(closing, result, problem)

        return begin

    def replace(self, holder: Any, name: str, original: Any, new: Any) -> None:
        """Set an attribute, to be put back later; with None as the original it is removed then."""
        setattr(holder, name, new)
        self._replaced.append((holder, name, original, vars(holder).get(name)))

    def at_end(self, call: Callable[[], object]) -> None:
        """Have something else undone too."""
        self._undoing.append(call)

    def undo(self) -> None:
        """Put back all that nobody has replaced since; what others keep tells nothing any more."""
        for teller in self._tellers:
            teller.opening = None
        for place, name, method in reversed(self._methods):
            owner, known = place(), method()
            if owner is not None and known is not None and vars(owner).get(name) is known:
                setattr(owner, name, known.__wrapped__)
        self._methods.clear()
        for holder, name, original, call in reversed(self._replaced):
            if vars(holder).get(name) is call:
                if original is None:
                    delattr(holder, name)
                else:
                    setattr(holder, name, original)
        for call in self._undoing:
            call()
        self._undoing.clear()
        self._replaced.clear()
        self._tellers.clear()


class _Teller:
    """What a replaced function tells; pickled, it is None."""

    def __init__(self, opening: Opening, failed: Callable[[BaseException], object]) -> None:
        self.opening: Opening | None = opening
        self._failed = failed

    def begin(self, args: tuple[Any, ...], named: dict[str, Any]) -> Closing | None:
        """Tell of a call that is about to happen."""
        try:
            return None if self.opening is None else self.opening(args, named)
        except BaseException as problem:  # noqa: BLE001 - nothing of ours may keep the call from happening
            self._note(problem)
            return None

    def end(self, closing: Closing, result: Any, problem: BaseException | None) -> None:
        """Tell how it went."""
        try:
            closing(result, problem)
        except BaseException as raised:  # noqa: BLE001 - the call has been done; nothing of ours may undo that
            self._note(raised)

    def _note(self, problem: BaseException) -> None:
        try:
            self._failed(problem)
        except BaseException:  # noqa: BLE001 - out of memory, even what tells of a failure may fail
            return

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (0, "", None)  # an expression of builtins whose value is None


def _telling(original: Callable[..., Any], teller: _Teller) -> Callable[..., Any]:
    """A function that calls `original` and tells of it."""
    told: _Teller | None = teller  # None in a process that the function was pickled to

    def call(*args: Any, **named: Any) -> Any:
        closing = None if told is None else told.begin(args, named)
        try:
            result = original(*args, **named)
        except BaseException as problem:
            if told is not None and closing is not None:
                told.end(closing, None, problem)
            if problem.__traceback__ is not None:
                problem.__traceback__ = (
                    problem.__traceback__.tb_next
                )  # a bare raise does not add this frame again
            raise
        if told is not None and closing is not None:
            told.end(closing, result, None)
        return result

    # With the globals of the original: those of this module would be a part of it where it is pickled by value.
    globals_of = original.__globals__ if type(original) is FunctionType else {"__builtins__": builtins}
    code = call.__code__.replace(co_filename=WRAPPER)
    hidden = FunctionType(code, globals_of, original.__name__, None, call.__closure__)
    return functools.update_wrapper(hidden, original)


def called_from(library: str) -> bool:
    """Whether a library itself makes the call that is being told of; to be asked by an opening."""
    caller = sys._getframe(4)  # this function, the opening, the teller and the new function are behind it
    name = caller.f_globals.get("__name__")
    return type(name) is str and name.partition(".")[0] == library


def argument(args: tuple[Any, ...], named: dict[str, Any], place: int, name: str, default: Any = None) -> Any:
    """An argument that may be given by place or by name."""
    return args[place] if len(args) > place else named.get(name, default)
