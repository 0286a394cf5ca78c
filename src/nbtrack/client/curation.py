"""Naming, sorting, describing and protecting runs and models in Python."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbtrack.entities.ownership import Curated
from nbtrack.operations import Proxy


def tags_of(names: tuple[str, ...], tags: Mapping[str, object] | None) -> dict[str, str]:
    """Tags as they are given to a method: names without a value, and values by name."""
    return {**dict.fromkeys(names, ""), **{key: str(value) for key, value in (tags or {}).items()}}


class CuratedRuns:
    """What may be decided about several runs at once: all of them, or none.

    Runs are named (``forest-3``, ``study/forest-3``, an id), or chosen by ``filter``, within ``experiment`` if one is given.
    """

    _proxy: Proxy
    _experiment: str | None

    def _decide(
        self, what: str, runs: tuple[str, ...], filter: str | None, experiment: str | None, **more: Any
    ) -> Curated:
        where = experiment or self._experiment
        done: Curated = self._proxy.ask(
            f"curation.{what}", runs=list(runs), filter=filter, experiment=where, **more
        )
        return done

    def rename(
        self, *runs: str, to: str, filter: str | None = None, experiment: str | None = None
    ) -> Curated:
        """Give runs the next numbers of the name `to`; their old names still find them."""
        return self._decide("rename_runs", runs, filter, experiment, name=to)

    def move(self, *runs: str, to: str, filter: str | None = None, experiment: str | None = None) -> Curated:
        """Put runs into the experiment `to`; their old names still find them."""
        return self._decide("move", runs, filter, experiment, to=to)

    def tag(
        self, *runs: str, tags: Mapping[str, object], filter: str | None = None, experiment: str | None = None
    ) -> Curated:
        """Add or replace tags."""
        return self._decide("tag", runs, filter, experiment, tags=tags_of((), tags))

    def untag(
        self, *runs: str, tags: list[str], filter: str | None = None, experiment: str | None = None
    ) -> Curated:
        """Remove tags.

        Raises
        ------
        NotFound
            If none of the runs has any of them.
        """
        return self._decide("untag", runs, filter, experiment, tags=list(tags))

    def note(
        self, *runs: str, text: str, filter: str | None = None, experiment: str | None = None
    ) -> Curated:
        """Add a note, which search finds."""
        return self._decide("note", runs, filter, experiment, text=text)

    def pin(self, *runs: str, filter: str | None = None, experiment: str | None = None) -> Curated:
        """Protect runs from delete and gc."""
        return self._decide("pin", runs, filter, experiment, pinned=True)

    def unpin(self, *runs: str, filter: str | None = None, experiment: str | None = None) -> Curated:
        """Take their pins away."""
        return self._decide("pin", runs, filter, experiment, pinned=False)
