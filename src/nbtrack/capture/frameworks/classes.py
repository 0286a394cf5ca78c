"""Methods of all classes below a base, of those that exist and of those that come later."""

from __future__ import annotations

from collections.abc import Mapping
from types import FunctionType
from typing import Any

from nbtrack.capture.frameworks.patches import Opening, Patches
from nbtrack.capture.identity import ByIdentity


def watch_classes(base: Any, openings: Mapping[str, Opening], patches: Patches) -> None:
    """Have each method of `openings` told of, in whichever class below `base` (or mixin of one) it is written.

    Parameters
    ----------
    base
        The library's own base class. New classes below it are seen by its ``__init_subclass__``.
    """
    seen: ByIdentity[bool] = ByIdentity()  # which holds no class, since it may be the person's own

    def watch(kind: type) -> None:
        for place in kind.__mro__:
            if place is object or seen.get(place):
                continue
            seen[place] = True
            for name, opening in openings.items():
                method = vars(place).get(name)
                if isinstance(method, FunctionType):
                    patches.around(place, name, opening)
                elif type(method).__name__ == "_AvailableIfDescriptor":  # scikit-learn's available_if
                    patches.around(method, "fn", opening)

    def below(kind: Any) -> None:
        watch(kind)
        for child in type.__subclasses__(kind):
            below(child)

    own = vars(base).get("__init_subclass__")

    def new_class(kind: Any, /, **named: Any) -> None:
        if own is None:
            super(base, kind).__init_subclass__(**named)
        else:
            own.__get__(None, kind)(**named)
        try:
            watch(kind)
        except Exception as problem:  # noqa: BLE001 - a class that cannot be looked at is not observed, and that is all
            patches.failed(problem)

    below(base)
    patches.replace(base, "__init_subclass__", own, classmethod(new_class))
