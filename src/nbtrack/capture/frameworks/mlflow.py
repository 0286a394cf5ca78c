"""MLflow: what ``mlflow.log_metric`` and its siblings are given."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from nbtrack.capture.frameworks.patches import Patches, Sink, argument


def observe(module: ModuleType, sink: Sink, patches: Patches) -> None:
    """Watch the functions that log to the current run."""

    def metric(args: tuple[Any, ...], named: dict[str, Any], result: object) -> None:
        key, value = argument(args, named, 0, "key"), argument(args, named, 1, "value")
        sink.log({key: value}, argument(args, named, 2, "step"))

    def metrics(args: tuple[Any, ...], named: dict[str, Any], result: object) -> None:
        sink.log(argument(args, named, 0, "metrics", {}), argument(args, named, 1, "step"))

    def param(args: tuple[Any, ...], named: dict[str, Any], result: object) -> None:
        sink.params({argument(args, named, 0, "key"): argument(args, named, 1, "value")})

    def params(args: tuple[Any, ...], named: dict[str, Any], result: object) -> None:
        sink.params(argument(args, named, 0, "params", {}))

    def tag(args: tuple[Any, ...], named: dict[str, Any], result: object) -> None:
        sink.tags({argument(args, named, 0, "key"): argument(args, named, 1, "value")})

    def tags(args: tuple[Any, ...], named: dict[str, Any], result: object) -> None:
        sink.tags(argument(args, named, 0, "tags", {}))

    patches.watch(module, "log_metric", metric)
    patches.watch(module, "log_metrics", metrics)
    patches.watch(module, "log_param", param)
    patches.watch(module, "log_params", params)
    patches.watch(module, "set_tag", tag)
    patches.watch(module, "set_tags", tags)
