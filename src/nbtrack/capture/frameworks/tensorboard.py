"""TensorBoard: the scalars that a ``SummaryWriter`` (PyTorch's or tensorboardX's) is given."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from nbtrack.capture.frameworks.patches import Patches, Sink, argument


def observe(module: ModuleType, sink: Sink, patches: Patches) -> None:
    """Watch the class of writers."""

    def scalar(args: tuple[Any, ...], named: dict[str, Any], result: object) -> None:
        name, value = argument(args, named, 1, "tag"), argument(args, named, 2, "scalar_value")
        sink.log({name: value}, argument(args, named, 3, "global_step"))

    def scalars(args: tuple[Any, ...], named: dict[str, Any], result: object) -> None:
        name, values = argument(args, named, 1, "main_tag"), argument(args, named, 2, "tag_scalar_dict", {})
        sink.log(
            {f"{name}/{key}": value for key, value in values.items()}, argument(args, named, 3, "global_step")
        )

    def hparams(args: tuple[Any, ...], named: dict[str, Any], result: object) -> None:
        sink.params(argument(args, named, 1, "hparam_dict", {}))
        sink.log(argument(args, named, 2, "metric_dict", {}))

    patches.watch(module.SummaryWriter, "add_scalar", scalar)
    patches.watch(module.SummaryWriter, "add_scalars", scalars)
    patches.watch(module.SummaryWriter, "add_hparams", hparams)
