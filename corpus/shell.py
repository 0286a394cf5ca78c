"""An IPython shell without a kernel that keeps all a cell gives, in order, as a front end would get it."""

from __future__ import annotations

import hashlib
import io
import sys
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type
from traitlets.config import Config

Output = list[str]
"""Kind and content: stdout, stderr, result, display, clear or error."""


class Tape:
    """What the current cell gave."""

    def __init__(self) -> None:
        self.outputs: list[Output] = []

    def text(self, kind: str, text: str) -> None:
        """A piece of a stream, joined with the piece before it."""
        if self.outputs and self.outputs[-1][0] == kind:
            self.outputs[-1][1] += text
        else:
            self.outputs.append([kind, text])

    def bundle(self, kind: str, data: dict[str, Any], metadata: dict[str, Any] | None) -> None:
        """Data in several types; pictures by their digest."""
        for mime in sorted(data):
            value = data[mime]
            if isinstance(value, bytes) or mime.startswith("image/"):
                content = value if isinstance(value, bytes) else str(value).encode()
                value = f"{hashlib.sha256(content).hexdigest()} of {len(content)} bytes"
            self.outputs.append([f"{kind} {mime}", str(value)])
        if metadata:
            self.outputs.append([f"{kind} metadata", str(metadata)])


TAPE = Tape()


class Stream(io.TextIOBase):
    """``sys.stdout`` or ``sys.stderr`` of the notebook."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """As in a kernel."""
        return "UTF-8"

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, text: str) -> int:
        """Keep the text."""
        TAPE.text(self._kind, text)
        return len(text)


class Publisher(DisplayPublisher):
    """Keeps what is displayed."""

    def publish(
        self,
        data: Any,
        metadata: Any = None,
        source: Any = None,
        *,
        transient: Any = None,
        update: Any = False,
        **_options: Any,
    ) -> None:
        """Keep it."""
        TAPE.bundle("display", data, metadata)

    def clear_output(self, wait: bool = False) -> None:
        """Keep that it was asked for."""
        TAPE.outputs.append(["clear", str(wait)])


class Result(DisplayHook):
    """Keeps the result of a cell's last line."""

    def write_output_prompt(self) -> None:
        """There is none in a notebook."""

    def write_format_data(self, format_dict: dict[str, Any], md_dict: dict[str, Any] | None = None) -> None:
        """Keep it."""
        TAPE.bundle("result", format_dict, md_dict)

    def finish_displayhook(self) -> None:
        """Print no line end."""
        self._is_active = False


class Shell(InteractiveShell):
    """The shell of one notebook."""

    displayhook_class = Type(Result)
    display_pub_class = Type(Publisher)

    def _showtraceback(self, etype: Any, evalue: Any, stb: Any) -> None:
        TAPE.outputs.append(["error", self.InteractiveTB.stb2text(stb)])

    system = InteractiveShell.system_piped

    def enable_gui(self, gui: Any = None) -> None:
        """A notebook without a kernel has no event loop to go into."""


def new_shell() -> Shell:
    """The shell, with its streams in place."""
    settings = Config()
    settings.HistoryManager.enabled = False
    settings.InteractiveShell.colors = "nocolor"
    shell = Shell.instance(config=settings)
    sys.stdout, sys.stderr = Stream("stdout"), Stream("stderr")
    return shell
