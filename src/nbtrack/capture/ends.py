"""How code ended, from the exception that ended it."""

from __future__ import annotations


def status_of(error: BaseException | None) -> str:
    """How a run ended that `error` (or None) ended."""
    if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
        return "finished"
    return "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"


def format_traceback(error: BaseException) -> str:
    """The text of an exception's traceback, without the values of locals."""
    import traceback

    try:
        return "".join(traceback.format_exception(error))
    except Exception:  # noqa: BLE001 - an exception whose own __str__ raises must still end its run
        return f"{type(error).__module__}.{type(error).__qualname__}"
