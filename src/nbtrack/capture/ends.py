"""How code ended, from the exception that ended it."""

from __future__ import annotations

_PLAIN = frozenset((str, bytes, int, float, complex, bool, type(None)))


def status_of(error: BaseException | None) -> str:
    """How a run ended that `error` (or None) ended."""
    if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
        return "finished"
    return "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"


def format_traceback(error: BaseException, said: str | None = None) -> str:
    """The text of an exception's traceback, without the values of locals.

    An exception whose class has a ``__str__`` of its own is not asked for its text, since that may do anything: `said` is
    what it answered when the shell showed it.
    """
    import traceback

    try:
        if speaks_plainly(error):
            return "".join(traceback.format_exception(error))
        steps = "".join(traceback.format_tb(error.__traceback__))
    except Exception:  # noqa: BLE001 - an exception that cannot be shown must still end its run
        steps = ""
    head = f"Traceback (most recent call last):\n{steps}" if steps else ""
    name = f"{type(error).__module__}.{type(error).__qualname__}"
    return f"{head}{name}: {said}\n" if said else f"{head}{name}\n"


def speaks_plainly(error: BaseException) -> bool:
    """Whether this exception, and those that led to it, say what they are by a ``__str__`` of Python's own."""
    left, seen = [error], set[int]()
    while left:
        one = left.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if any(_is_own(type(one), name) for name in ("__str__", "__repr__")) or not _are_plain(one.args):
            return False
        left += [other for other in (one.__cause__, one.__context__) if other is not None]
        if isinstance(one, BaseExceptionGroup):
            left += one.exceptions
    return True


def _are_plain(values: tuple[object, ...]) -> bool:
    """Whether the texts of these values are Python's own, too."""
    # A syntax error has a tuple among its values: its place.
    return all(_are_plain(value) if type(value) is tuple else type(value) in _PLAIN for value in values)


def _is_own(kind: type, name: str) -> bool:
    """Whether a special method of this class is written in Python."""
    found = next(vars(base)[name] for base in kind.__mro__ if name in vars(base))
    return type(found) is not type(object.__str__)
