"""What other libraries were seen doing, recorded into the run that is current."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from typing import Any

from nbtrack.capture.pending import on_device
from nbtrack.capture.values import metric_value
from nbtrack.errors import InvalidInput
from nbtrack.session import Session

DEEPEST = 5
"""Dicts inside of dicts that are taken apart."""


class ObservedCalls:
    """Takes what was given to another tracker. A cell that logs to one becomes a run by that, as with ``nbtrack.log``."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def log(self, values: Mapping[str, object], step: object = None) -> None:
        """Points of metrics; pictures, texts and other media of theirs are passed over."""
        numbers = {name: value for name, value in _flat(values) if _is_number(name, value)}
        if numbers:
            self._session.recorder.log(self._session.current_run(), numbers, _whole(step))

    def params(self, values: Mapping[str, object]) -> None:
        """Params."""
        if values:
            self._session.recorder.params(self._session.current_run(), dict(values))

    def tags(self, values: Mapping[str, object]) -> None:
        """Tags."""
        if values:
            self._session.recorder.tag(self._session.current_run(), dict(values))

    def failed(self, problem: BaseException) -> None:
        """Note what went wrong; the person's call has been done all the same."""
        self._session.note_problem(
            f"a call of another library was not recorded: {type(problem).__name__}: {problem}"
        )


def _flat(values: Mapping[str, object], before: str = "", depth: int = 0) -> Iterator[tuple[str, object]]:
    for name, value in values.items():
        if isinstance(value, dict) and depth < DEEPEST:
            yield from _flat(value, f"{before}{name}.", depth + 1)
        else:
            yield f"{before}{name}", value


def _whole(step: Any) -> int | None:
    try:
        return operator.index(step)
    except TypeError:
        return None  # counted on from the last one


def _is_number(name: str, value: object) -> bool:
    if isinstance(value, float | int) or on_device(value) is not None:
        return True
    try:
        metric_value(name, value)
    except InvalidInput:
        return False
    return True
