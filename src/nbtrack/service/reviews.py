"""Reviews of a change between two runs or snapshots.

A review is a list of events that are added and never changed, so that two stores are joined by joining their lists. The
notebooks that it is about are kept as they were: what becomes of the runs does not matter to it.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from nbtrack.analysis.anchors import anchored, located
from nbtrack.analysis.diff import diff_notebooks
from nbtrack.analysis.formats import current_format
from nbtrack.analysis.notebooks import lay_over
from nbtrack.analysis.responsible import with_numbers
from nbtrack.entities.ids import new_id
from nbtrack.entities.names import check_name, check_text
from nbtrack.entities.notebook_text import NotebookError, read_notebook
from nbtrack.entities.reviews import (
    Anchor,
    Review,
    ReviewComment,
    ReviewEvent,
    ReviewEventKind,
    ReviewList,
    ReviewSummary,
    ReviewThread,
    ReviewVerdict,
    handle,
)
from nbtrack.entities.snapshots import NotebookDiff
from nbtrack.errors import AmbiguousName, InvalidInput, NotFound, StoreCorrupt
from nbtrack.service.runs import Runs
from nbtrack.service.snapshots import Snapshots
from nbtrack.store.database import Store
from nbtrack.store.processes import user_name
from nbtrack.store.values import iso

_JUDGED = (ReviewEventKind.APPROVED, ReviewEventKind.CHANGES_REQUESTED)
_MOVED = (ReviewEventKind.OPENED, ReviewEventKind.UPDATED)
_MOST_REVIEWERS = 50


class Reviews:
    """The reviews of a store."""

    def __init__(self, store: Store, runs: Runs, snapshots: Snapshots) -> None:
        self._store = store
        self._runs = runs
        self._snapshots = snapshots

    def open(
        self,
        base: str,
        head: str,
        title: str = "",
        description: str = "",
        reviewers: list[str] | None = None,
        author: str = "",
        experiment: str | None = None,
    ) -> Review:
        """Ask for a review of the change from one run or snapshot to another.

        Parameters
        ----------
        title
            In a line; by default the names of both.
        author
            Who asks, as that person claims; by default the account's name. So for the other decisions.

        Raises
        ------
        NotFound
            If there is no such run or snapshot.
        """
        for name in reviewers or []:
            check_name(name, "reviewer", without="", most=200)
        if len(reviewers or []) > _MOST_REVIEWERS:
            raise InvalidInput(f"A review has {_MOST_REVIEWERS} reviewers at most.")
        if title:
            check_name(title, "review", without="", most=500)
        review = new_id()
        with self._store.transaction():
            base_side, head_side = self._side("base", base, experiment), self._side("head", head, experiment)
            content = {
                **base_side[1], **head_side[1],
                "title": title or f"{base_side[1]['base_name']} → {head_side[1]['head_name']}",
                "description": check_text(description, "description"),
                "reviewers": list(dict.fromkeys(reviewers or [])),
            }  # fmt: skip
            self._happen(
                review, ReviewEventKind.OPENED, author, content, base_side[0], head_side[0], identity=review
            )
        return self.get(review)

    def update(self, review: str, head: str, author: str = "", experiment: str | None = None) -> Review:
        """Go on with another run or snapshot as the head; verdicts on the one before become stale."""
        identity = self._resolve(review)
        with self._store.transaction():
            digest, content = self._side("head", head, experiment)
            self._happen(identity, ReviewEventKind.UPDATED, author, content, None, digest)
        return self.get(identity)

    def listed(self) -> ReviewList:
        """All reviews, newest first."""
        return ReviewList(
            reviews=[
                self._summary(self._store.reviews.events(event.review))
                for event in self._store.reviews.opened()
            ]
        )

    def get(self, review: str) -> Review:
        """All of a review.

        Raises
        ------
        NotFound
            If there is none that is called so.
        """
        events = self._store.reviews.events(self._resolve(review))
        opened, head = events[0], _last(events)
        notebooks = {"base": self._notebook(opened.base), "head": self._notebook(head.head)}
        threads = _threads(events, {side: found["cells"] for side, found in notebooks.items()})
        return Review(
            summary=self._summary(events),
            description=opened.content["description"],
            reviewers=opened.content["reviewers"],
            threads=threads,
            verdicts=_verdicts(events),
            diff=self._diff(opened, head, notebooks),
        )

    def comment(
        self,
        review: str,
        text: str,
        thread: str | None = None,
        cell: int | None = None,
        line: int | None = None,
        output: int | None = None,
        side: str = "head",
        suggestion: str | None = None,
        author: str = "",
    ) -> Review:
        """Say something: in a thread, or in a new one about a cell, a line of it, one of its outputs, or the whole.

        Parameters
        ----------
        thread
            The one to answer in.
        cell, line, output
            Counted from 1, in the notebook of `side` (``base`` or ``head``) as it is in the review now.
        suggestion
            What the line, or without one the cell, should be instead.

        Raises
        ------
        InvalidInput
            If there is no such place.
        """
        identity = self._resolve(review)
        events = self._store.reviews.events(identity)
        if not (text := check_text(text, "comment")) and suggestion is None:
            raise InvalidInput("A comment needs a text, or a suggestion.")
        content: dict[str, Any] = {"text": text, "thread": None, "anchor": None}
        content["suggestion"] = None if suggestion is None else check_text(suggestion, "suggestion")
        if thread is not None:
            if cell is not None:
                raise InvalidInput(
                    "A comment is in a thread or about a cell, which begins a new one; not both."
                )
            content["thread"] = _thread(events, thread)
        elif cell is not None:
            content["anchor"] = asdict(self._anchor(events, side, cell, line, output))
        elif line is not None or output is not None or suggestion is not None:
            raise InvalidInput("A line, an output or a suggestion belongs to a cell: say which.")
        with self._store.transaction():
            self._happen(identity, ReviewEventKind.COMMENTED, author, content)
        return self.get(identity)

    def settle(self, review: str, thread: str, resolved: bool = True, author: str = "") -> Review:
        """Resolve a thread, or reopen it."""
        identity = self._resolve(review)
        content = {"thread": _thread(self._store.reviews.events(identity), thread)}
        with self._store.transaction():
            kind = ReviewEventKind.RESOLVED if resolved else ReviewEventKind.REOPENED
            self._happen(identity, kind, author, content)
        return self.get(identity)

    def judge(self, review: str, approve: bool, text: str = "", author: str = "") -> Review:
        """Approve, or ask for changes: a verdict on the notebooks exactly as they are in the review now."""
        identity = self._resolve(review)
        events = self._store.reviews.events(identity)
        kind = ReviewEventKind.APPROVED if approve else ReviewEventKind.CHANGES_REQUESTED
        content = {"text": check_text(text, "comment")}
        with self._store.transaction():
            self._happen(identity, kind, author, content, events[0].base, _last(events).head)
        return self.get(identity)

    def _happen(
        self,
        review: str,
        kind: ReviewEventKind,
        author: str,
        content: dict[str, Any],
        base: str | None = None,
        head: str | None = None,
        identity: str | None = None,
    ) -> None:
        """One event and its line in the audit log. To be called inside a transaction."""
        name = check_name(author, "person", without="", most=200) if author else user_name() or "somebody"
        now = time.time_ns()
        event = ReviewEvent(
            id=identity or new_id(),
            review=review,
            time=now,
            author=name,
            kind=kind,
            content=content,
            base=base,
            head=head,
        )
        self._store.reviews.add(event)
        detail = {"review": review, "event": event.id, "author": name, "base": base, "head": head}
        self._store.audit.append(now, user_name(), f"review.{kind}", detail)

    def _side(self, side: str, name: str, experiment: str | None) -> tuple[str, dict[str, Any]]:
        """The digest of a notebook's file, which is kept, and what is known of it."""
        snapshot = self._snapshots.get(name, experiment)
        file = self._snapshots.file(name, experiment)
        try:
            read_notebook(file.text)
        except NotebookError as problem:
            raise InvalidInput(f"The notebook of {file.name} cannot be reviewed: {problem}.") from None
        run = self._store.executions.run_of_snapshot(snapshot.id)
        digest = self._store.blobs.put_notebook(file.text.encode("utf-8", "surrogateescape"))
        return digest, {f"{side}_name": file.name, f"{side}_run": run}

    def _resolve(self, name: str) -> str:
        found = self._store.reviews.find(name)
        if len(found) > 1:
            raise AmbiguousName(f"{name} fits several reviews: {', '.join(found[:5])}.", candidates=found)
        if not found:
            raise NotFound(
                f"There is no review {name[:60]}; review list names those that there are.", review=name
            )
        return found[0]

    def _notebook(self, digest: str | None) -> dict[str, Any]:
        """A notebook of a review; an empty one where its content was lost."""
        try:
            if digest is None:
                raise StoreCorrupt("lost")
            text = self._store.blobs.get(digest).decode("utf-8", "surrogateescape")
            return lay_over(current_format(read_notebook(text).document), [])[0]
        except (StoreCorrupt, NotebookError):
            return lay_over(None, [])[0]

    def _anchor(
        self, events: list[ReviewEvent], side: str, cell: int, line: int | None, output: int | None
    ) -> Anchor:
        if side not in ("base", "head"):
            raise InvalidInput(f"A comment is about the base or the head, not {side[:40]!r}.")
        if line is not None and output is not None:
            raise InvalidInput("A comment is about a line or an output of a cell, not both.")
        digest = events[0].base if side == "base" else _last(events).head
        try:
            return anchored(self._notebook(digest)["cells"], side, cell, line, output)
        except LookupError as problem:
            raise InvalidInput(f"The comment has no place: {problem.args[0]}.") from None

    def _diff(
        self, opened: ReviewEvent, head: ReviewEvent, notebooks: dict[str, dict[str, Any]]
    ) -> NotebookDiff:
        names = opened.content["base_name"], head.content["head_name"]
        found = diff_notebooks(notebooks["base"], notebooks["head"], *names)
        runs = [opened.content["base_run"], head.content["head_run"]]
        if not all(run is not None and self._store.runs.has(run) for run in runs):
            return found  # between runs there are no numbers; those of runs that are not here are not known
        cells = [cell.source for cell in self._store.executions.of_run(runs[1])]
        return with_numbers(found, self._runs.compare(runs), cells)

    def _summary(self, events: list[ReviewEvent]) -> ReviewSummary:
        opened, head = events[0], _last(events)
        threads = _threads(events, {})
        return ReviewSummary(
            id=opened.review,
            title=opened.content["title"],
            author=opened.author,
            opened=iso(opened.time),
            base=opened.content["base_name"],
            head=head.content["head_name"],
            state=_state(_verdicts(events)),
            threads=len(threads),
            unresolved=sum(not thread.resolved for thread in threads),
        )


def _last(events: list[ReviewEvent]) -> ReviewEvent:
    """What said last which notebook is the head."""
    return [event for event in events if event.kind in _MOVED][-1]


def _verdicts(events: list[ReviewEvent]) -> list[ReviewVerdict]:
    """The last verdict of each person."""
    now = events[0].base, _last(events).head
    last = {event.author: event for event in events if event.kind in _JUDGED}
    return [
        ReviewVerdict(
            author=author,
            time=iso(event.time),
            approved=event.kind is ReviewEventKind.APPROVED,
            text=event.content["text"],
            stale=(event.base, event.head) != now,
        )
        for author, event in last.items()
    ]


def _state(verdicts: list[ReviewVerdict]) -> str:
    fresh = [verdict for verdict in verdicts if not verdict.stale]
    if any(not verdict.approved for verdict in fresh):
        return "changes requested"
    if fresh:
        return "approved"
    return "stale" if verdicts else "open"


def _thread(events: list[ReviewEvent], name: str) -> str:
    """The id of a thread, which is that of its first comment."""
    begun = [
        event.id
        for event in events
        if event.kind is ReviewEventKind.COMMENTED and not event.content["thread"]
    ]
    found = [thread for thread in begun if thread == name or handle(thread) == name]
    if len(found) != 1:
        there = ", ".join(map(handle, begun[:20])) or "none yet"
        raise NotFound(f"There is no thread {name[:60]} in this review; there is {there}.", thread=name)
    return found[0]


def _threads(events: list[ReviewEvent], cells: dict[str, list[dict[str, Any]]]) -> list[ReviewThread]:
    """The threads in the order of their beginnings, each where it is now in `cells` (of either side)."""
    comments: dict[str, list[ReviewComment]] = {}
    anchors: dict[str, Anchor | None] = {}
    resolved: dict[str, bool] = {}
    for event in events:
        if event.kind is ReviewEventKind.COMMENTED:
            thread = event.content["thread"] or event.id
            if thread == event.id:
                anchor = event.content["anchor"]
                anchors[thread] = Anchor(**anchor) if anchor else None
            comments.setdefault(thread, []).append(
                ReviewComment(
                    id=event.id, author=event.author, time=iso(event.time),
                    text=event.content["text"], suggestion=event.content["suggestion"],
                )
            )  # fmt: skip
        elif event.kind in (ReviewEventKind.RESOLVED, ReviewEventKind.REOPENED):
            resolved[event.content["thread"]] = event.kind is ReviewEventKind.RESOLVED
    found = []
    for thread, anchor in anchors.items():
        state, number, line = ("here", None, None)
        if anchor is not None and anchor.side in cells:
            state, number, line = located(anchor, cells[anchor.side])
        found.append(
            ReviewThread(
                id=thread, anchor=anchor, comments=comments[thread], resolved=resolved.get(thread, False),
                state=state, number=number, line=line,
            )
        )  # fmt: skip
    return found
