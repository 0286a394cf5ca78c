"""Values that a device is still computing: logged at once, read when they are there.

``tensor.item()`` waits until the GPU has finished all that was asked of it before, so a log call with it would slow the
training that it watches.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbtrack.capture.params import loaded
from nbtrack.capture.values import metric_value

if TYPE_CHECKING:
    from nbtrack.capture.active_run import ActiveRun


@dataclass(frozen=True, slots=True)
class OnDevice:
    """A copy of a tensor that stays on its device, and (if the device has such) the event behind which it is there."""

    tensor: Any
    event: Any

    def is_there(self) -> bool:
        """Whether reading it would not wait; a device without events is never known to be ready."""
        return self.event is not None and bool(self.event.query())


def on_device(value: object) -> OnDevice | None:
    """`value`, if it is a single number of torch on another device than the CPU; it is not waited for."""
    tensor = loaded("torch", "Tensor")
    if tensor is None or not issubclass(type(value), tensor):
        return None
    number: Any = value
    if number.device.type == "cpu" or number.numel() != 1 or number.is_complex():
        return None
    # A copy, since training writes into its tensors: ``loss += ...`` must not change what was logged.
    copy = number.detach().clone()
    event = None
    if number.device.type == "cuda" and (cuda := loaded("torch", "cuda")) is not None:
        event = cuda.Event()
        event.record()
    return OnDevice(copy, event)


@dataclass(frozen=True, slots=True)
class LoggedPoints:
    """The points of one log call, some of which are not there yet."""

    run: ActiveRun
    values: dict[str, float | OnDevice]
    step: int | None
    time: int


class Pending:
    """Log calls that wait for a value, in their order; later calls wait behind them, so that each series keeps its order.

    Parameters
    ----------
    write
        Takes the points of one call.
    note
        Told that a value could not be read, with the run.
    """

    def __init__(
        self,
        write: Callable[[ActiveRun, dict[str, float], int | None, int], object],
        note: Callable[[ActiveRun, str], object],
    ) -> None:
        self._write = write
        self._note = note
        self._calls: deque[LoggedPoints] = deque()
        self._lock = threading.RLock()

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(self, call: LoggedPoints) -> None:
        """Put a call behind the others."""
        self._calls.append(call)

    def settle(self, *, wait: bool = True) -> None:
        """Write the calls whose values are there, or with `wait` all."""
        with self._lock:
            while self._calls and (wait or self._is_there(self._calls[0])):
                call = self._calls[0]
                values: dict[str, float] = {}
                for name, value in call.values.items():
                    if isinstance(value, OnDevice):
                        try:
                            values[name] = metric_value(name, value.tensor)
                        except Exception as problem:  # noqa: BLE001 - what a device raises must not reach another cell
                            self._note(call.run, f"the metric {name} could not be read: {problem}")
                    else:
                        values[name] = value
                if self._calls and self._calls[0] is call:
                    self._calls.popleft()
                    if values:
                        self._write(call.run, values, call.step, call.time)

    def _is_there(self, call: LoggedPoints) -> bool:
        return all(value.is_there() for value in call.values.values() if isinstance(value, OnDevice))
