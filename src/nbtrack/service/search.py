"""Full-text search over what cells were, printed and raised, and over notes."""

from __future__ import annotations

from nbtrack.entities.search import Hit, Passage, Place, SearchResult
from nbtrack.errors import InvalidInput, StoreCorrupt
from nbtrack.store.blobs import ALGORITHM
from nbtrack.store.database import Store
from nbtrack.store.search import Found
from nbtrack.store.search_text import match_of, passages
from nbtrack.store.values import encodable, iso

MOST = 500


class Search:
    """What may be asked about the texts of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def cells(
        self, text: str, within: str | None = None, limit: int = 20, experiment: str | None = None
    ) -> SearchResult:
        """The cells that have all words of `text`, best first, each at its newest execution; no text is an error.

        Parameters
        ----------
        text
            Words, ``"a phrase"``, ``beginning*``. ``FocalLoss`` and ``focal_loss`` are found by "focal loss".
        within
            Look only there: ``source``, ``output``, ``error`` or ``note``.
        limit
            Hits at most.
        experiment
            Only runs of this experiment, and cells outside of runs in its notebooks.
        """
        if within is not None and within not in list(Place):
            raise InvalidInput(f"A text is searched in {', '.join(Place)}, not in {within[:40]!r}.")
        if limit < 1:
            raise InvalidInput(f"limit counts hits and is at least 1, not {limit}.")
        match = match_of(encodable(text), Place(within) if within else None)
        hits: dict[str, Hit] = {}
        more = False
        for found in self._store.search.find(match, experiment) if match else ():
            place = found.execution or f"run {found.run_id}"
            if place not in hits and len(hits) >= min(limit, MOST):
                more = True
                break
            where = self._passages(found, match)
            if place in hits:
                hits[place].passages.extend(where)
            else:
                hits[place] = _hit(found, where)
        return SearchResult(
            text=text, hits=list(hits.values()), more=more, waiting=self._store.search.waiting()
        )

    def _passages(self, found: Found, match: str) -> list[Passage]:
        key = found.key.decode() if found.kind == "run" else f"{ALGORITHM}:{found.key.hex()}"
        try:
            return passages(self._store.search.texts(found.kind, key), match)
        except StoreCorrupt:
            return []  # that it was there is still worth saying


def _hit(found: Found, where: list[Passage]) -> Hit:
    return Hit(
        passages=where,
        moment=iso(found.started),
        times=found.times,
        run=found.run,
        run_id=found.run_id,
        experiment=found.experiment,
        notebook=found.notebook,
        cell_id=found.cell_id,
        execution=found.execution,
        execution_count=found.execution_count,
        outcome=found.outcome,
    )
