"""Trackio: what ``trackio.log`` is given, and the configuration of a run."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from nbtrack.capture.frameworks.patches import Patches, Sink, argument


def observe(module: ModuleType, sink: Sink, patches: Patches) -> None:
    """Watch the module's functions."""

    def log(args: tuple[Any, ...], named: dict[str, Any], result: object) -> None:
        sink.log(argument(args, named, 0, "metrics", {}), argument(args, named, 1, "step"))

    def init(args: tuple[Any, ...], named: dict[str, Any], result: Any) -> None:
        sink.params(named.get("config") or {})

    patches.watch(module, "log", log)
    patches.watch(module, "init", init)
