"""PyTorch: plain training loops, by what ``loss.backward()`` and ``optimizer.step()`` are called on.

No callback, no change of the loop. Per step the value of the loss is kept (on a GPU some ten times a second, as a copy that
is read when it is there, since reading at once would wait for the device), and written down every two seconds.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from time import monotonic  # by name: a notebook may put something else into the module
from types import ModuleType
from typing import Any, Final

from nbtrack.capture.constants import ABSENT
from nbtrack.capture.estimators import class_name, defaults_of
from nbtrack.capture.fits import Fit
from nbtrack.capture.frameworks.patches import Closing, Patches
from nbtrack.capture.identity import ByIdentity
from nbtrack.capture.params import jsonable, loaded
from nbtrack.capture.pending import OnDevice, on_device
from nbtrack.capture.training import CellTraining, Training

WRITTEN_EVERY: Final = 2.0
"""Seconds between two times that the losses of a loop are written."""

SAMPLED_EVERY: Final = 0.1
"""Seconds between two losses of a GPU that are kept."""

MOST_LAYERS: Final = 500


def observe(module: ModuleType, training: Training, patches: Patches) -> None:
    """Watch ``torch._tensor`` and ``torch.optim.optimizer``."""
    loops = training.shared("torch", lambda: Loops(training, patches.failed))
    if module.__name__ == "torch._tensor":
        patches.around(module.Tensor, "backward", loops.backward)
    else:
        hook = module.register_optimizer_step_post_hook(loops.stepped)
        patches.at_end(hook.remove)


class Loops:
    """The training loops of this process."""

    def __init__(self, training: Training, failed: Callable[[BaseException], object]) -> None:
        self._training = training
        self._failed = failed
        self._losses: list[float] = []
        self._copies: list[OnDevice] = []
        self._sampled = 0.0
        self._here: CellTraining | None = None
        self._cell: CellTraining | None = None
        self._loops: ByIdentity[_Loop] = ByIdentity()

    def backward(self, args: tuple[Any, ...], named: dict[str, Any]) -> Closing | None:
        """A loss is about to be differentiated: its value is there already, or on its way."""
        cell = self._here = self._training.own()
        loss = args[0]
        if cell is None or loss.numel() != 1:
            return None
        if loss.is_cpu:
            self._losses.append(loss.item())
        elif (now := monotonic()) - self._sampled > SAMPLED_EVERY:
            self._sampled = now
            if (copy := on_device(loss)) is not None:
                self._copies.append(copy)
        return None

    def stepped(self, optimizer: Any, args: Any, named: Any) -> None:
        """An optimizer has made a step."""
        try:
            losses, cell = self._losses, self._here
            if cell is not None and (losses or self._copies):
                if not cell.ended:  # else the loss is of an earlier cell
                    self._loop(cell, optimizer).step(losses, self._copies)
                losses.clear()
                self._copies.clear()
        except Exception as problem:  # noqa: BLE001 - nothing of ours may reach the person's loop
            self._failed(problem)

    def _loop(self, cell: CellTraining, optimizer: Any) -> _Loop:
        if cell is not self._cell:
            self._cell, self._loops = cell, ByIdentity()
        loop = self._loops.get(optimizer)
        if loop is None:
            cell.begin()
            module = _module_of(optimizer, self._training.variables())
            fit = _described(optimizer, module)
            others = [other.kind for other in cell.fits if "optimizer" in other.params]
            name = "loss"
            if others:
                name = f"{name}.{len(others) + 1 if fit.kind in others else fit.kind}"
            cell.add(fit, optimizer if module is None else module)
            loop = self._loops[optimizer] = _Loop(cell, fit, name)
            cell.at_end.append(loop.end)
        return loop


class _Loop:
    """The steps of one optimizer in one cell."""

    def __init__(self, cell: CellTraining, fit: Fit, name: str) -> None:
        self._stream = cell.stream
        self._fit = fit
        self._name = name
        self._values: array[float] = array("d")
        self._waiting: list[OnDevice] = []
        self._began = self._written = monotonic()
        self._steps = 0

    def step(self, losses: list[float], copies: list[OnDevice]) -> None:
        """Keep the loss of a step; that of several parts is their mean."""
        self._steps += 1
        if losses:
            self._values.append(losses[0] if len(losses) == 1 else sum(losses) / len(losses))
        self._waiting.extend(copies)
        if (now := monotonic()) - self._written > WRITTEN_EVERY:
            self._written = now
            self._write(wait=False)

    def _write(self, *, wait: bool) -> None:
        while self._waiting and (wait or self._waiting[0].is_there()):
            self._values.append(float(self._waiting.pop(0).tensor))
        if self._values:
            values, self._values = self._values, array("d")
            self._stream(self._fit.kind, self._name, values)
            self._fit.scores[self._name] = values[-1]

    def end(self) -> None:
        """The cell has run."""
        self._fit.calls = self._steps
        self._fit.seconds = monotonic() - self._began
        self._write(wait=True)


def _module_of(optimizer: Any, variables: Iterable[object]) -> Any:
    """The largest module among the variables that has the optimizer's first weight."""
    base = loaded("torch.nn.modules.module", "Module")
    weight = optimizer.param_groups[0]["params"][0]
    found, most = None, -1
    for value in variables:
        if base is not None and issubclass(type(value), base):
            module: Any = value
            weights = list(module.parameters())
            if len(weights) > most and any(own is weight for own in weights):
                found, most = module, len(weights)
    return found


def _described(optimizer: Any, module: Any) -> Fit:
    standard = defaults_of(type(optimizer))
    params: dict[str, Any] = {"optimizer": class_name(optimizer)}
    for name, value in optimizer.defaults.items():
        plain = jsonable(value, 100)
        if plain is not ABSENT and (name == "lr" or plain != jsonable(standard.get(name), 100)):
            params[name] = plain
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    params["weights"] = sum(weight.numel() for weight in weights)
    kind = "torch" if module is None else class_name(module)
    fit = Fit(title=kind, kind=kind, params=params, shape=None, seconds=0.0, calls=0)
    if module is not None:
        fit.details["layers"] = module_layers(module)
    return fit


def module_layers(module: Any) -> list[Any]:
    """The layers of a module: name, class, number of weights of its own."""
    rows: list[Any] = []
    for name, layer in module.named_modules():
        if len(rows) >= MOST_LAYERS:
            break
        own = sum(weight.numel() for weight in layer.parameters(recurse=False))
        rows.append([name, class_name(layer), own])
    return rows
