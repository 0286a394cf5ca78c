"""The one quiet line under a tracked cell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from nbtrack.entities.runs import Change, RunOutcome, RunStatus
from nbtrack.entities.values import JSONValue
from nbtrack.render.characters import visible
from nbtrack.render.numbers import duration_text, number, pair, value

MOST_CHANGES = 4
_ARROWS = {True: "▲", False: "▼"}
_COLOURS = {True: "#2a9d5c", False: "#d1495b"}  # both readable on white and on dark
_QUIET = "font-size:0.9em;opacity:0.85;line-height:1.5;overflow-wrap:anywhere"


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of the line; `better` colours the arrow behind it, `strong` is a name, `alarm` a bad end."""

    text: str
    better: bool | None = None
    strong: bool = False
    alarm: bool = False


def outcome_text(outcome: RunOutcome) -> str:
    """The line as text; notes stand below it, one a line."""
    line = " · ".join(
        part.text + (f" {_ARROWS[part.better]}" if part.better is not None else "")
        for part in _parts(outcome)
    )
    return "\n".join([line, *(f"  {note}" for note in _notes(outcome))])


def outcome_html(outcome: RunOutcome) -> str:
    """The line as static HTML with inline styles; what colour says, a word says to screen readers."""
    pieces = " · ".join(_html(part) for part in _parts(outcome))
    notes = "".join(f'<div style="font-size:0.92em">{escape(note)}</div>' for note in _notes(outcome))
    return f'<div class="nbtrack-line" style="{_QUIET}">{pieces}{notes}</div>'


def _html(part: _Part) -> str:
    text = f"<bdi>{escape(part.text)}</bdi>"
    if part.strong:
        return f"<b>{text}</b>"
    if part.alarm:
        return f'<span style="color:{_COLOURS[False]}">{text}</span>'
    if part.better is None:
        return text
    word = "better" if part.better else "worse"
    said = f'role="img" aria-label="{word}" title="{word}"'
    return f'{text}&nbsp;<span style="color:{_COLOURS[part.better]}" {said}>{_ARROWS[part.better]}</span>'


def _parts(outcome: RunOutcome) -> Iterator[_Part]:
    yield _Part(visible(outcome.name, 60), strong=True)
    if outcome.status is not RunStatus.FINISHED:
        yield _Part(outcome.status.value, alarm=outcome.status is not RunStatus.RUNNING)
    first = outcome.previous is None
    if outcome.code_changed and not outcome.params and not first:
        yield _Part("code changed")
    # Metrics are what the reader waits for: they keep their place when many params changed.
    kept_metrics = outcome.metrics[: max(MOST_CHANGES // 2, MOST_CHANGES - len(outcome.params))]
    kept_params = [] if first else outcome.params[: MOST_CHANGES - len(kept_metrics)]
    if first:
        kept_metrics = outcome.metrics[:MOST_CHANGES]
    for change in kept_params:
        yield _Part(_change(change, measured=False))
    for change in kept_metrics:
        yield _Part(_change(change, measured=True), better=change.better)
    rest = len(outcome.metrics) - len(kept_metrics) + (0 if first else len(outcome.params) - len(kept_params))
    if rest:
        yield _Part(f"+ {rest:,} more")
    if not (first or outcome.params or outcome.code_changed or not all(map(_is_kept, outcome.metrics))):
        yield _Part(f"same as {visible(outcome.previous or '', 60)}")
    if outcome.duration is not None:
        yield _Part(duration_text(outcome.duration))


def _change(change: Change, measured: bool) -> str:
    name = visible(change.name, 40)
    before, after = change.before, change.after
    if before is None or _is_kept(change):
        return f"{name} {_one(after, measured)}"
    if _is_number(before) and _is_number(after):
        assert isinstance(before, int | float)
        assert isinstance(after, int | float)
        exact = value(before), value(after)
        shown = exact if not measured and max(map(len, exact)) <= 10 else pair(before, after)
        return f"{name} {shown[0]} → {shown[1]}"
    return f"{name} {_one(before, measured)} → {'none' if after is None else _one(after, measured)}"


def _is_kept(change: Change) -> bool:
    """Whether the value is the previous run's; NaN is equal to NaN here."""
    return change.before == change.after or (change.before != change.before and change.after != change.after)


def _one(given: JSONValue, measured: bool) -> str:
    return number(given) if measured and isinstance(given, float) else value(given, 30)


def _is_number(given: JSONValue) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool)


def _notes(outcome: RunOutcome) -> list[str]:
    return [visible(note, 300) for note in outcome.notes[:5]] + (
        [f"+ {len(outcome.notes) - 5} more notes"] if len(outcome.notes) > 5 else []
    )
