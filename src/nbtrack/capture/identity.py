"""Notes about objects of the person, kept for as long as the object lives, and never keeping it alive."""

from __future__ import annotations

import weakref
from functools import partial
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")

MOST: Final = 100_000
"""Objects that are noted at once; further ones are not."""


class ByIdentity(Generic[T]):
    """A note for each object, found by the object itself: nothing of it is hashed or compared."""

    def __init__(self) -> None:
        self._entries: dict[int, tuple[weakref.ref[Any], T]] = {}

    def __setitem__(self, thing: object, note: T) -> None:
        """Note something about an object; one that allows no weak references is passed over."""
        if len(self._entries) < MOST:
            try:
                self._entries[id(thing)] = (
                    weakref.ref(thing, partial(_forget, self._entries, id(thing))),
                    note,
                )
            except TypeError:
                return

    def get(self, thing: object) -> T | None:
        """What was noted about this very object."""
        entry = self._entries.get(id(thing))
        return entry[1] if entry is not None and entry[0]() is thing else None


def _forget(entries: dict[int, tuple[weakref.ref[Any], Any]], place: int, gone: object) -> None:
    try:
        entry = entries.get(place)
        if entry is not None and entry[0] is gone:  # another object may have its place by now
            del entries[place]
    except BaseException:  # noqa: BLE001 - what a callback raises is printed into the person's cell
        return
