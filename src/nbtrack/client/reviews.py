"""Reviews in Python: ``nbtrack.open().reviews``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nbtrack.entities.reviews import Review, ReviewSummary
from nbtrack.operations import Proxy


class Reviews:
    """The reviews of a store; a review is called by the six signs that lists show, or by its id.

    ``author`` is the name that a person claims; by default that of the account.
    """

    def __init__(self, proxy: Proxy, experiment: str | None = None) -> None:
        self._proxy = proxy
        self._experiment = experiment

    def list(self) -> list[ReviewSummary]:
        """All reviews, newest first."""
        found: list[ReviewSummary] = self._proxy.ask("reviews.listed").reviews
        return found

    def get(self, review: str) -> Review:
        """All of a review.

        Raises
        ------
        NotFound
            If there is none.
        """
        return self._ask("get", review=review)

    def open(
        self,
        base: str,
        head: str,
        *,
        title: str = "",
        description: str = "",
        reviewers: Sequence[str] = (),
        author: str = "",
    ) -> Review:
        """Ask for a review of the change from one run or snapshot to another."""
        return self._ask(
            "open", base=base, head=head, title=title, description=description, reviewers=[*reviewers],
            author=author, experiment=self._experiment,
        )  # fmt: skip

    def update(self, review: str, head: str, *, author: str = "") -> Review:
        """Go on with another run or snapshot as the head; verdicts on the one before become stale."""
        return self._ask("update", review=review, head=head, author=author, experiment=self._experiment)

    def comment(
        self,
        review: str,
        text: str,
        *,
        thread: str | None = None,
        cell: int | None = None,
        line: int | None = None,
        output: int | None = None,
        side: str = "head",
        suggestion: str | None = None,
        author: str = "",
    ) -> Review:
        """Say something about the whole, a cell, a line or an output of it (counted from 1), or in a thread.

        Parameters
        ----------
        side
            ``head``, or ``base``: the notebook before the change.
        suggestion
            What the line, or without one the cell, should be instead.

        Raises
        ------
        InvalidInput
            If there is no such place.
        """
        return self._ask(
            "comment", review=review, text=text, thread=thread, cell=cell, line=line, output=output, side=side,
            suggestion=suggestion, author=author,
        )  # fmt: skip

    def resolve(self, review: str, thread: str, *, author: str = "") -> Review:
        """Settle a thread."""
        return self._ask("settle", review=review, thread=thread, resolved=True, author=author)

    def reopen(self, review: str, thread: str, *, author: str = "") -> Review:
        """Take back that a thread was settled."""
        return self._ask("settle", review=review, thread=thread, resolved=False, author=author)

    def approve(self, review: str, text: str = "", *, author: str = "") -> Review:
        """Approve the notebooks exactly as they are in the review now."""
        return self._ask("judge", review=review, approve=True, text=text, author=author)

    def request_changes(self, review: str, text: str = "", *, author: str = "") -> Review:
        """Ask for changes."""
        return self._ask("judge", review=review, approve=False, text=text, author=author)

    def _ask(self, verb: str, **arguments: Any) -> Review:
        found: Review = self._proxy.ask(f"reviews.{verb}", **arguments)
        return found
