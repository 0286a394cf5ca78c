"""``%track`` and ``%%track``."""

from __future__ import annotations

import difflib
import shlex
from typing import Any

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_cell_magic, magics_class
from IPython.display import display

from nbtrack.errors import InvalidInput, NbtrackError
from nbtrack.ipython.header import HELP, parse_request
from nbtrack.ipython.hooks import CellHooks
from nbtrack.session import check_name

KERNEL_COMMANDS = {
    "status": "what is tracked here and now (also plain %track)",
    "start": "begin a run that spans cells: %track start NAME",
    "end": "end the run that %track start began",
    "pause": "stop remembering cells",
    "resume": "remember cells again",
}
"""The commands that only make sense inside a kernel; the rest of the tree is the shell's too."""


@magics_class
class TrackMagics(Magics):
    """The magics; they translate lines into calls and show the answers."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self.hooks: CellHooks | None = None
        self.reason = ""
        """Why nothing is tracked, where that is so."""

    @line_cell_magic
    def track(self, line: str, cell: str | None = None) -> Any:
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
            %track start NAME … %track end            a run that spans cells
            %track pause, %track resume
            %track --help                             all commands
        """
        try:
            if cell is not None:
                return self._cell(line, cell)
            return self._line(line)
        except NbtrackError as problem:
            raise UsageError(problem.message) from None

    def _hooks(self) -> CellHooks:
        if self.hooks is None:
            raise UsageError(f"nbtrack is off: {self.reason or 'load it with %load_ext nbtrack'}")
        return self.hooks

    def _cell(self, line: str, cell: str) -> None:
        """A header that the transformer left alone: it cannot be read, or the magic was called by name."""
        if line.strip() in ("?", "-h", "--help"):
            print(HELP)
            return
        parse_request(line)
        assert self.shell is not None
        self.shell.run_cell(f"%%track {line}\n{cell}", store_history=False).raise_error()

    def _line(self, line: str) -> None:
        words = _split(line)
        if words and words[0] == "--header":
            self._hooks().begin_silent(line.partition("--header")[2].strip())
            return
        command = words[0] if words else "status"
        self._hooks()
        if command in KERNEL_COMMANDS:
            getattr(self, f"_{command}")(words[1:])
            return
        self._run(words)

    def _run(self, words: list[str]) -> None:
        hooks = self._hooks()
        from nbtrack.commands import command_names, run_command

        if not words[0].startswith("-") and words[0] not in command_names():
            near = difflib.get_close_matches(words[0], [*command_names(), *KERNEL_COMMANDS], n=1, cutoff=0.75)
            if near:
                raise InvalidInput(f"There is no command {words[0]}; did you mean %track {near[0]}?")
            raise InvalidInput(
                f"There is no command {words[0]}; did you mean %%track {words[0]}? (Two percent signs, as a cell's "
                "first line, make it a run; %track --help lists the commands.)"
            )
        experiment = hooks.session.experiment
        view = run_command(words, hooks.session.proxy, experiment=experiment, prog="%track")
        if words[0] in ("-h", "--help"):
            print(view.content, *(f"  {name:<10}{text}" for name, text in KERNEL_COMMANDS.items()), sep="\n")
            return
        show(view)

    def _status(self, words: list[str]) -> None:
        from nbtrack.commands import run_command

        hooks = self._hooks()
        session = hooks.session
        where = hooks.notebook or "a notebook whose path is not known"
        print(f"{'paused' if hooks.paused else 'tracking'} {where}")
        print(f"store {session.store} · experiment {session.experiment}")
        if hooks.bracket is not None:
            print(f"the run {hooks.bracket.name} is open; %track end ends it")
        for problem in session.problems[-3:]:
            print(f"problem: {problem}")
        show(
            run_command(["runs", "--limit", "5"], session.proxy, experiment=session.experiment, prog="%track")
        )

    def _start(self, words: list[str]) -> None:
        if len(words) != 1:
            raise InvalidInput("Write %track start NAME.")
        run = self._hooks().start_bracket(check_name(words[0]))
        print(f"run {run.name} is open until %track end")

    def _end(self, words: list[str]) -> None:
        if words:
            raise InvalidInput("Write %track end, without more; it ends the run that is open.")
        self._hooks().end_bracket()

    def _pause(self, words: list[str]) -> None:
        self._hooks().paused = True
        print("paused: cells are not remembered until %track resume")

    def _resume(self, words: list[str]) -> None:
        self._hooks().paused = False
        print("tracking again")


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
        print(view.content)
    elif view.kind == "runs":
        from nbtrack.widgets.run_table import RunTableWidget

        display(RunTableWidget(view.content, html=to_html(view), text=to_text(view)))
    else:
        display({"text/plain": to_text(view), "text/html": to_html(view)}, raw=True)
