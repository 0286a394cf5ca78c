"""A review, and the list of them, as text and as static HTML."""

from __future__ import annotations

from datetime import datetime
from html import escape
from typing import TYPE_CHECKING

from nbtrack.entities.reviews import Review, ReviewList, ReviewThread, ReviewVerdict, handle
from nbtrack.render.characters import visible
from nbtrack.render.grid import Column
from nbtrack.render.html_source import bdi, diff_html, source_change
from nbtrack.render.markdown_subset import markdown_html
from nbtrack.render.numbers import counted, when
from nbtrack.render.text_layout import dim, heading, line
from nbtrack.render.text_source import diff_lines
from nbtrack.render.text_source import source_change as source_change_lines

if TYPE_CHECKING:
    from rich.text import Text

_STALE = "stale: given for an earlier state"


def review_columns(found: ReviewList, now: datetime | None = None) -> list[Column]:
    """The reviews, newest first."""
    reviews = found.reviews
    return [
        Column("review", [handle(item.id) for item in reviews], "run"),
        Column("title", [visible(item.title, 80) for item in reviews], "run"),
        Column("state", [item.state for item in reviews], "run"),
        Column(
            "threads",
            [f"{item.unresolved} open of {item.threads}" if item.threads else "" for item in reviews],
            "run",
        ),
        Column("by", [visible(item.author, 40) for item in reviews], "run"),
        Column("opened", [when(item.opened, now) for item in reviews], "run"),
    ]


def review_facts(found: Review, now: datetime | None = None) -> list[str]:
    """What there is to say before the threads, line by line."""
    summary = found.summary
    lines = [
        f"{summary.state} · {visible(summary.base, 60)} → {visible(summary.head, 60)}",
        f"opened by {visible(summary.author, 60)} {when(summary.opened, now)}",
    ]
    if found.reviewers:
        lines.append(f"asked: {', '.join(visible(name, 60) for name in found.reviewers)}")
    return lines


def verdict_text(verdict: ReviewVerdict) -> str:
    """A verdict in words."""
    done = "approved by" if verdict.approved else "changes requested by"
    return f"{done} {visible(verdict.author, 60)}" + (f" ({_STALE})" if verdict.stale else "")


def thread_title(thread: ReviewThread) -> str:
    """What a thread is about, where that is now, and whether it is settled."""
    anchor = thread.anchor
    title = "about the whole"
    if anchor is not None:
        place = thread.number or anchor.number
        title = f"cell {place}" + (" before the change" if anchor.side == "base" else "")
        if anchor.line is not None:
            title += f", line {thread.line or anchor.line}"
        elif anchor.output is not None:
            title += f", output {anchor.output}"
        if thread.state == "gone":
            title += " · the cell has gone"
        elif thread.state == "changed":
            what = "the line has changed" if anchor.line is not None else "the output has changed"
            title += f" · {what if anchor.line or anchor.output else 'the cell has changed'} since"
    return f"thread {handle(thread.id)} · {title}" + (" · resolved" if thread.resolved else "")


def suggested_change(thread: ReviewThread, suggestion: str) -> tuple[str, str]:
    """What a suggestion replaces, and by what."""
    anchor = thread.anchor
    if anchor is None:
        return "", suggestion
    return (anchor.quote if anchor.line is not None else anchor.source), suggestion


def review_lines(found: Review, now: datetime | None = None) -> list[Text]:
    """A review for a terminal: the question, the verdicts, the threads, the change."""
    lines = [heading(f"{visible(found.summary.title, 200)} · {handle(found.summary.id)}")]
    lines += [line(text) for text in review_facts(found, now)]
    lines += [line("  ", visible(text, 500)) for text in found.description.splitlines()]
    for verdict in found.verdicts:
        style = "dim" if verdict.stale else "green" if verdict.approved else "red"
        lines.append(line(verdict_text(verdict), style=style))
        lines += [line("  ", visible(text, 500)) for text in verdict.text.splitlines()]
    for thread in found.threads:
        lines += [line(), line(thread_title(thread), style="dim" if thread.resolved else "bold")]
        if thread.anchor is not None and thread.anchor.quote:
            lines.append(dim(f"  │ {visible(thread.anchor.quote, 200)}"))
        for comment in thread.comments:
            lines.append(line("  ", f"{visible(comment.author, 60)} {when(comment.time, now)}", style="cyan"))
            lines += [line("    ", visible(text, 500)) for text in comment.text.splitlines()]
            if comment.suggestion is not None:
                lines += [
                    line("    suggests"),
                    *source_change_lines(*suggested_change(thread, comment.suggestion)),
                ]
    return [*lines, line(), *diff_lines(found.diff)]


def review_html(found: Review) -> str:
    """A review as a piece of static HTML."""
    summary = found.summary
    parts = [f'<div class="nbtrack-h">{bdi(visible(summary.title, 200))} · {handle(summary.id)}</div>']
    parts += [f'<div class="nbtrack-q">{escape(text)}</div>' for text in review_facts(found)]
    parts.append(markdown_html(found.description))
    for verdict in found.verdicts:
        style = "nbtrack-q" if verdict.stale else "nbtrack-g" if verdict.approved else "nbtrack-b"
        parts.append(f'<div class="{style}">{escape(verdict_text(verdict))}</div>')
        parts.append(f'<div class="nbtrack-i">{markdown_html(verdict.text)}</div>' if verdict.text else "")
    for thread in found.threads:
        body = _thread_html(thread)
        title = escape(thread_title(thread))
        opened = "" if thread.resolved else " open"
        parts.append(f'<details{opened}><summary class="nbtrack-h">{title}</summary>{body}</details>')
    return "".join([*parts, diff_html(found.diff)])


def _thread_html(thread: ReviewThread) -> str:
    parts = []
    if thread.anchor is not None and thread.anchor.quote:
        parts.append(f"<pre><span>{escape(visible(thread.anchor.quote, 200))}</span></pre>")
    for comment in thread.comments:
        parts.append(
            f'<div class="nbtrack-q">{escape(visible(comment.author, 60))} · {escape(when(comment.time))}</div>'
        )
        parts.append(f'<div class="nbtrack-i">{markdown_html(comment.text)}</div>')
        if comment.suggestion is not None:
            change = source_change(*suggested_change(thread, comment.suggestion))
            parts.append(f'<div class="nbtrack-i">suggests{change}</div>')
    return "".join(parts)


def review_title(found: ReviewList) -> str:
    """What the list is of."""
    return counted(len(found.reviews), "review")
