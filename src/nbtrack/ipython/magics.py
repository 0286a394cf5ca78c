"""``%track`` and ``%%track``."""

from __future__ import annotations

import re
import shlex
from typing import Any

from IPython.core.error import TryNext, UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_cell_magic, magics_class
from IPython.display import display

from nbtrack.errors import InvalidInput, NbtrackError
from nbtrack.ipython.header import HELP, parse_request
from nbtrack.ipython.hooks import CellHooks
from nbtrack.ipython.line import show_problem

_HEADER = "--header"
"""What the header's line hands to the magic; see `HeaderTransformer`."""

_TYPED = r"(?s)%track\s+(?P<words>.*)"


@magics_class
class TrackMagics(Magics):
    """The magics; they translate lines into calls and show the answers."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self.hooks: CellHooks | None = None
        self.reason = ""
        """Why nothing is tracked, where that is so."""

    @line_cell_magic
    def track(self, line: str, cell: str | None = None) -> None:
        """Look at runs, compare, diff and register them; ``%%track NAME`` makes a cell a run.

        Examples
        --------
        ::

            %track                                    what is tracked here; the last runs
            %track runs "accuracy > 0.9" --sort -accuracy
            %track show forest-3
            %track compare forest-1 forest-3          only what differs
            %track diff forest-1 forest-3             the notebook diff
            %track register forest-3 churn --alias champion
            %track models
            %track start NAME ... %track end          a run that spans cells
            %track pause, %track resume
            %track --help                             all commands

            %%track forest                            this cell is a run
            %%track +forest                           go on with the last run called forest
            %%track --help                            all options of a tracked cell
        """
        try:
            if cell is not None:
                self._cell(line, cell)
            elif line.startswith(_HEADER):
                self._active().begin_silent(line.removeprefix(_HEADER).strip())
            else:
                hooks = self._active()
                with hooks.own_path.imports():
                    self._line(line, hooks)
        except NbtrackError as problem:
            raise UsageError(problem.message) from None
        except BaseException:
            # The line that the header became stands in the person's cell, which must not end with it.
            if cell is not None or not line.startswith(_HEADER):
                raise

    def _active(self) -> CellHooks:
        if self.hooks is None:
            raise UsageError(f"nbtrack is off: {self.reason or 'load it with %load_ext nbtrack'}")
        return self.hooks

    def _cell(self, line: str, cell: str) -> None:
        """A header that the transformer left alone: it cannot be read, or the magic was called by name."""
        if line.strip() in ("-h", "--help"):
            print(HELP)
            return
        parse_request(line)
        assert self.shell is not None
        source = f"%%track {line}\n{cell}"
        if self.hooks is None:  # nobody takes the header off: with it, the cell would call itself for ever
            show_problem(f"nbtrack is off: {self.reason}")
            source = cell
        self.shell.run_cell(source, store_history=False).raise_error()

    def _line(self, line: str, hooks: CellHooks) -> None:
        words = _split(line)
        from nbtrack.commands import run_command
        from nbtrack.ipython.kernel_commands import kernel_tree, status_lines, unknown_command

        tree = kernel_tree(hooks)
        words = words or ["status"]
        if not words[0].startswith("-") and words[0] not in tree.commands:
            raise unknown_command(words[0], tree)
        if words == ["status"]:
            print(*status_lines(hooks), sep="\n")
        session = hooks.session
        view = run_command(
            words,
            session.proxy,
            experiment=session.experiment,
            prog="%track",
            tree=tree,
            settings=session.settings,
            session=session.process,
            keep=hooks.trained.keep_model,
        )
        show(view)

    def complete(self, shell: Any, event: Any) -> list[str]:
        """Candidates for the word under the cursor, behind ``%track``.

        Raises
        ------
        TryNext
            If the line is not ours to complete.
        """
        typed = re.fullmatch(_TYPED, event.line.lstrip())
        if typed is None or self.hooks is None:
            raise TryNext
        from nbtrack.commands import complete
        from nbtrack.ipython.kernel_commands import kernel_tree

        session = self.hooks.session
        words = typed["words"].split(" ")
        try:
            return complete(words, session.proxy, experiment=session.experiment, tree=kernel_tree(self.hooks))
        except NbtrackError:
            return []


def _split(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as problem:
        raise InvalidInput(f"%track {line}: {str(problem).lower()}.") from None


def show(view: Any) -> None:
    """Show an answer: runs as a widget, everything else as HTML with a text beside it."""
    from nbtrack.render.html import to_html
    from nbtrack.render.text import to_text

    if view.kind in ("text", "json"):
        if view.content:
            print(view.content)
    elif view.kind == "runs":
        from nbtrack.widgets.run_table import RunTableWidget

        display(RunTableWidget(view.content, html=to_html(view), text=to_text(view)))
    else:
        display({"text/plain": to_text(view), "text/html": to_html(view)}, raw=True)
