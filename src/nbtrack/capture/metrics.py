"""The metrics that a cell leaves: of the names that may measure something, those that hold a float.

Which names these are the source tells (`nbtrack.capture.measures`); whether it is a float only the value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbtrack.capture.params import descend, loaded, numpy_scalar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbtrack.capture.source import CellSource
    from nbtrack.entities.values import JSONValue


def left_metrics(
    cell: CellSource, namespace: Mapping[str, object], params: Mapping[str, JSONValue]
) -> dict[str, float]:
    """Floats that the cell's metric names hold, after it ran. NaN and infinity stay what they are."""
    found: dict[str, float] = {}
    for name in cell.metric_names:
        if name not in params:
            value = exact_float(descend(namespace, cell.places.get(name, (name,))))
            if value is not None:
                found[name] = value
    return found


def exact_float(value: Any) -> float | None:
    """Return a float, a numpy float or a single number of torch on the CPU as a float; else None.

    ``float(value)`` on anything else may run code, or wait for a GPU.
    """
    kind = type(value)
    if kind is float:
        return value  # type: ignore[no-any-return]
    if numpy_scalar(value):
        return float(value) if value.dtype.kind == "f" else None
    if kind is loaded("numpy", "ndarray"):
        return float(value[()]) if value.shape == () and value.dtype.kind == "f" else None
    if kind is loaded("torch", "Tensor"):
        single = value.dim() == 0 and value.is_floating_point() and value.device.type == "cpu"
        return float(value.item()) if single else None
    return None
