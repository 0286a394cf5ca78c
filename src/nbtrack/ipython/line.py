"""The one quiet line under a tracked cell: plain text and HTML, never a widget."""

from __future__ import annotations

from html import escape

from IPython.display import display

from nbtrack.capture.active_run import ActiveRun
from nbtrack.entities.ids import short_id
from nbtrack.errors import KeeperUnavailable, NbtrackError, NotFound
from nbtrack.session import Session


def quiet(text: str, html: str | None = None) -> dict[str, str]:
    """A text below a cell, for `display`; `html` where it is not just the text."""
    style = "opacity:.85;font-size:.9em"
    shown = escape(text) if html is None else html
    return {"text/plain": text, "text/html": f'<div class="nbtrack-line" style="{style}">{shown}</div>'}


def show_problem(problem: str) -> None:
    """Say why a cell with a header was not made a run."""
    display(quiet(f"not tracked: {problem}"), raw=True)


def show_line(
    session: Session, run: ActiveRun, outcome: str, duration: float, trouble: str | None = None
) -> None:
    """Show how the run went; where the keeper does not answer in time, by its short id.

    `trouble` is what keeps the store from taking in the run: then nobody is asked. A keeper that did not answer in time is
    waited for half as long the next time, down to a tenth, and each sixth time as long as at first: one that hangs must not
    cost each cell the whole `line_wait`, and one that is slow is found again.
    """
    from nbtrack.render.line import outcome_html, outcome_text
    from nbtrack.render.numbers import duration_text, size

    try:
        if trouble is not None:
            raise NbtrackError(trouble)
        patience = float(session.settings["line_wait"]) * max(0.1, 0.5 ** (session.unanswered % 6))
        session.unanswered += 1
        answer = session.proxy.ask_soon("runs.outcome", within=patience, run=run.id)
        session.unanswered = 0
        shown = {"text/plain": outcome_text(answer), "text/html": outcome_html(answer)}
    except NbtrackError as problem:
        if not isinstance(problem, KeeperUnavailable):
            session.unanswered = 0
        word = {"ok": "", "error": " · failed"}.get(outcome, f" · {outcome}")
        text = f"{run.name} ({short_id(run.id)}){word} · {duration_text(duration)}"
        if not isinstance(problem, (KeeperUnavailable, NotFound)):
            # Silence is usual on a busy machine, and a keeper that is behind does not know the run yet.
            text = f"{text}\n  {problem.message}"
        answer, shown = None, quiet(text, escape(text).replace("\n", "<br>"))
    display(shown, raw=True)
    if (
        answer is not None
        and answer.store_size > session.settings["store_warning"]
        and not session.store_size_told
    ):
        session.store_size_told = True
        print(f"nbtrack: the store {session.store} takes {size(answer.store_size)} (setting store_warning)")
