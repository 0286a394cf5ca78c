"""Weights & Biases: what a run is given to log, by ``wandb.log`` or its own ``log``, and its configuration."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from nbtrack.capture.frameworks.patches import Patches, Sink, argument


def observe(module: ModuleType, sink: Sink, patches: Patches) -> None:
    """Watch the class of runs: ``wandb.init`` makes ``wandb.log`` the method of the new run."""

    def log(args: tuple[Any, ...], named: dict[str, Any], result: object) -> None:
        sink.log(argument(args, named, 1, "data", {}), argument(args, named, 2, "step"))

    def init(args: tuple[Any, ...], named: dict[str, Any], result: Any) -> None:
        sink.params({name: value for name, value in result.config.items() if name != "_wandb"})

    patches.watch(module.Run, "log", log)
    patches.watch(module, "init", init)
