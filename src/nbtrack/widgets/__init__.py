"""Widgets for notebook outputs: the only package that imports anywidget, and only when one is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbtrack.widgets.run_table import RunTableWidget

__all__ = ["RunTableWidget"]


def __getattr__(name: str) -> Any:
    if name == "RunTableWidget":
        from nbtrack.widgets.run_table import RunTableWidget

        return RunTableWidget
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
