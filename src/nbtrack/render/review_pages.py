"""A review for elsewhere: as Markdown for a pull request, and as a page of its own."""

from __future__ import annotations

import re
from html import escape

from nbtrack.analysis.alignment import source_of
from nbtrack.analysis.lines import line_diff
from nbtrack.entities.reviews import Review
from nbtrack.entities.snapshots import CellChange, CellChangeKind
from nbtrack.render.characters import visible
from nbtrack.render.html import to_html
from nbtrack.render.review import review_facts, suggested_change, thread_title, verdict_text
from nbtrack.render.text_source import change_title, diff_summary, number_text
from nbtrack.render.views import View

_MARKS = re.compile(r"([\\`*_\[\]<>#|~])")
_SIGNS = {"same": " ", "removed": "-", "added": "+", "skipped": "…"}
_MOST_CELLS = 100
_MOST_LINES = 200


def review_page(found: Review) -> str:
    """A page that shows a review, without JavaScript and with nothing loaded from anywhere."""
    title = escape(visible(found.summary.title, 200))
    body = to_html(View(kind="review", content=found))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width"><style>:root{color-scheme:light dark}'
        "body{font-family:system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em}</style></head>"
        f"<body>{body}</body></html>\n"
    )


def review_markdown(found: Review) -> str:
    """A review as Markdown."""
    lines = [
        f"# {_plain(found.summary.title)}",
        "",
        *(f"{_plain(text)}  " for text in review_facts(found)),
        "",
    ]
    if found.description:
        lines += [_harmless(found.description), ""]
    for verdict in found.verdicts:
        lines += [f"**{_plain(verdict_text(verdict))}**", ""]
        lines += [_harmless(verdict.text), ""] if verdict.text else []
    for thread in found.threads:
        lines += [f"### {_plain(thread_title(thread))}", ""]
        if thread.anchor is not None and thread.anchor.quote:
            lines += [*_fenced([visible(thread.anchor.quote, 200)]), ""]
        for comment in thread.comments:
            lines += [f"**{_plain(visible(comment.author, 60))}**", "", _harmless(comment.text), ""]
            if comment.suggestion is not None:
                lines += [*_change(*suggested_change(thread, comment.suggestion)), ""]
    lines += ["## What changed", "", _plain(diff_summary(found.diff)), ""]
    number = shown = 0
    for change in found.diff.cells:
        number += change.after is not None
        if change.kind is CellChangeKind.UNCHANGED and not change.numbers:
            continue
        shown += 1
        if shown <= _MOST_CELLS:
            lines += _cell(change, number)
    if shown > _MOST_CELLS:
        lines += [f"… {shown - _MOST_CELLS:,} more cells that differ", ""]
    lines += [f"- {_plain(number_text(item))}" for item in found.diff.numbers]
    return "\n".join(lines).rstrip()


def _cell(change: CellChange, number: int) -> list[str]:
    before, after = (source_of(cell) if cell else "" for cell in (change.before, change.after))
    lines = [f"### {_plain(change_title(change, number))}", ""]
    if before != after:
        lines += [*_change(before, after), ""]
    numbers = [f"- {_plain(number_text(item))}" for item in change.numbers]
    return [*lines, *numbers, *([""] if numbers else [])]


def _change(before: str, after: str) -> list[str]:
    found = line_diff(before, after)
    shown = [f"{_SIGNS[item.kind]}{visible(item.text, 500, keep=chr(9))}" for item in found[:_MOST_LINES]]
    if len(found) > _MOST_LINES:
        shown.append(f"… {len(found) - _MOST_LINES:,} more")
    return _fenced(shown, "diff")


def _fenced(lines: list[str], language: str = "") -> list[str]:
    """Lines as code, in a fence that is longer than any inside."""
    longest = max((len(run) for text in lines for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language}", *lines, fence]


def _plain(text: str) -> str:
    """A text in which nothing is a mark of Markdown."""
    return _MARKS.sub(r"\\\1", text)


def _harmless(text: str) -> str:
    """A person's Markdown without tags of HTML, whatever reads it."""
    return visible(text, 20_000, keep="\n\t").replace("<", "&lt;")
