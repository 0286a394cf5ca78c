"""What a search found, as Python objects that show themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

from nbtrack.entities.search import Hit, SearchResult


class Found(Sequence[Hit]):
    """The hits of a search, best first; ``result`` also says whether there are more."""

    def __init__(self, result: SearchResult) -> None:
        self.result = result

    @overload
    def __getitem__(self, index: int) -> Hit: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Hit]: ...
    def __getitem__(self, index: int | slice) -> Hit | Sequence[Hit]:
        """One hit, or some."""
        return self.result.hits[index]

    def __len__(self) -> int:
        """How many hits are here."""
        return len(self.result.hits)

    def __iter__(self) -> Iterator[Hit]:
        """The hits."""
        return iter(self.result.hits)

    def _view(self) -> Any:
        from nbtrack.render.views import View

        return View(kind="search", content=self.result)

    def _repr_html_(self) -> str:
        from nbtrack.render.html import to_html

        return to_html(self._view())

    def __repr__(self) -> str:
        """The hits as text."""
        from nbtrack.render.text import to_text

        return to_text(self._view())
