"""Which names are the shell's, and which values need no look."""

from __future__ import annotations

import re
from typing import Final

_HIDDEN: Final = frozenset(
    {
        *("In", "Out", "_", "__", "___", "_i", "_ii", "_iii", "_ih", "_oh", "_dh", "_sh", "exit", "quit", "open"),
        *("get_ipython", "display", "__session__", "__vsc_ipynb_file__", "__builtins__", "__builtin__"),
        *("__name__", "__doc__", "__loader__", "__spec__", "__package__", "__file__", "__warningregistry__"),
    }
)  # fmt: skip
_HISTORY: Final = r"_i?\d+$"


def is_hidden(name: object) -> bool:
    """Whether a name is the shell's and no variable of the notebook."""
    return (
        type(name) is not str
        or name in _HIDDEN
        or (name[0:1] == "_" and re.match(_HISTORY, name) is not None)
    )


def is_scalar(value: object) -> bool:
    """Whether a value cannot change and holds nothing."""
    kind = type(value)
    return kind is int or kind is str or kind is float or kind is bool or value is None or kind is bytes
