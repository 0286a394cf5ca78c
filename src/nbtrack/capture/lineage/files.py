"""Files, programs and connections that a cell uses, told by Python's audit events.

One hook is installed per process, when the first cell is traced, and it stays: Python has no way to remove one. It looks at
the event's name first and does nothing while no cell is traced. Readers in native code raise no event (polars, pyarrow,
HDF5): texts of the cell that name existing files count as read, and as written where the file is another one afterwards.
"""

from __future__ import annotations

import io
import itertools
import os
import re
import stat
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import PurePath
from types import FrameType
from typing import Any, Final

from nbtrack.capture.lineage.kinds import module_of
from nbtrack.capture.lineage.places import COMPILED, OWN, Places

_MAX_FILES: Final = 500
_MAX_LISTED: Final = 2_000
_MAX_COMMANDS: Final = 20
_MAX_COMMAND: Final = 500  # characters
_OWN_THREADS: Final = ("IPython", "ipykernel", "nbtrack", "tornado", "zmq", "jupyter_client", "traitlets")
_IMPORTING: Final = re.compile(
    r"importlib|pkgutil|pkg_resources|zipimport"
)  # whoever lists folders to find modules
_LENT: Final = re.compile(
    r"(?:^<frozen os>|[/\\](?:os|pathlib|shutil|tempfile|subprocess)\.py|[/\\]pathlib[/\\]\w+\.py)$"
)
"""Modules of Python that open files for whoever calls them."""
_WRAPPERS: Final = "patches.py"
"""Calls of the person go through this module of ours."""
_HARMLESS: Final = r"^(?:\S*/)?(?:lscpu|uname|fc-list|ldconfig|nvidia-smi|sysctl|ldd|tput|stty)\b"
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC

Event = tuple[str, tuple[Any, ...], int]


class Watch:
    """What one execution does to files and the outside.

    Attributes
    ----------
    read, written, removed : dict
        Absolute paths, in the order of events.
    commands : list of str
        Programs started.
    effects : dict
        As in `nbtrack.entities.lineage.EFFECTS`.
    """

    def __init__(self, places: Places, thread: int) -> None:
        self.thread = thread
        self.read: dict[str, None] = {}
        self.written: dict[str, None] = {}
        self.removed: dict[str, None] = {}
        self.made: dict[str, None] = {}
        self.listed: dict[str, None] = {}
        self.databases: dict[str, None] = {}
        self.commands: list[str] = []
        self.effects: dict[str, None] = {}
        self.overflown = False
        self._places = places
        self._temporary: set[str] = set()
        self._resolved: dict[str, str | None] = {}  # until the folder changes
        threads: dict[int, threading.Thread] = vars(threading)["_active"]
        self._others = frozenset(number for number, one in list(threads.items()) if _is_of_machinery(one))

    def event(self, name: str, arguments: tuple[Any, ...]) -> None:
        """Take in one audit event of any thread."""
        thread = threading.get_ident()
        if thread != self.thread and thread in self._others:
            return
        _EVENTS[name](self, arguments)

    def is_outside(self, path: str) -> bool:
        """Whether a written file is neither in the notebook's folder nor a temporary file."""
        return not self._places.is_inside(path) and not any(path.startswith(one) for one in self._temporary)

    # Events

    def _open(self, arguments: tuple[Any, ...]) -> None:
        path = self._path(arguments[0]) if not self.overflown else None
        if path is None:
            return
        mode, flags = arguments[1], arguments[2]
        if type(mode) is str:
            writes = any(sign in mode for sign in "wax+")
            reads = not any(sign in mode for sign in "wx")
        else:
            writes = type(flags) is int and bool(flags & _WRITING)
            reads = not writes or not flags & (os.O_TRUNC | os.O_WRONLY)
        if reads and path not in self.written:
            self._add(self.read, path)
        if writes:
            self._add(self.written, path)

    def _remove(self, arguments: tuple[Any, ...]) -> None:
        if (path := self._path(arguments[0])) is not None:
            self._add(self.removed, path)

    def _rename(self, arguments: tuple[Any, ...]) -> None:
        source, target = self._path(arguments[0]), self._path(arguments[1])
        if target is not None:
            if source is not None and source not in self.written:
                self._add(self.read, source)
            self._add(self.written, target)
        if source is not None:
            self.written.pop(source, None)
            self._add(self.removed, source)

    def _make(self, arguments: tuple[Any, ...]) -> None:
        if (path := self._path(arguments[0])) is not None:
            self._add(self.made, path)

    def _list(self, arguments: tuple[Any, ...]) -> None:
        importing = _IMPORTING.search(sys._getframe(3).f_code.co_filename)
        if importing is None and (path := self._path(arguments[0] or ".")) is not None:
            self._add(self.listed, path)

    def _entered(self, arguments: tuple[Any, ...]) -> None:
        if (path := self._path(arguments[0])) is not None:
            self._add(self.read, path)
        self._resolved.clear()

    def _temporary_made(self, arguments: tuple[Any, ...]) -> None:
        if type(arguments[0]) is str:
            self._temporary.add(os.path.realpath(arguments[0]))

    def _database(self, arguments: tuple[Any, ...]) -> None:
        place = arguments[0]
        text = os.fsdecode(place) if type(place) in (str, bytes) else str(place) if _is_path(place) else ""
        if text.startswith("file:"):
            text = text[5:].partition("?")[0]
        if text in ("", ":memory:"):
            return
        if (path := self._path(text)) is not None:
            self.effects["sql"] = None
            self._add(self.read, path)
            self._add(self.written, path)
            self.databases[path] = None

    def _program(self, arguments: tuple[Any, ...]) -> None:
        words = arguments[1] if len(arguments) > 1 else arguments[0]
        if type(words) in (list, tuple):
            words = " ".join(_word(word) for word in list(words)[:50])
        text = _word(words)
        if re.match(_HARMLESS, text):  # libraries ask so how many processors there are
            return
        self.effects["process"] = None
        if len(self.commands) < _MAX_COMMANDS:
            self.commands.append(text[:_MAX_COMMAND])

    def _network(self, arguments: tuple[Any, ...]) -> None:
        address = arguments[1] if len(arguments) > 1 else None
        if type(address) is tuple:  # a path would be a socket of this machine
            self.effects["network"] = None

    def _input(self, arguments: tuple[Any, ...]) -> None:
        self.effects["input"] = None

    # Paths

    def _add(self, paths: dict[str, None], path: str) -> None:
        if len(paths) >= _MAX_FILES:
            self.overflown = True
        else:
            paths[path] = None

    def _path(self, given: Any) -> str | None:
        """The absolute path, or None where it is no concern of the notebook."""
        if type(given) is bytes:
            given = os.fsdecode(given)
        elif type(given) is not str:
            if not _is_path(given):
                return None
            given = str(given)
        if given not in self._resolved:
            self._resolved[given] = self._places.resolved(given)
        return self._resolved[given]


def _is_path(value: Any) -> bool:
    return issubclass(type(value), PurePath) and module_of(type(value)).startswith("pathlib")


def _word(value: Any) -> str:
    if type(value) is bytes:
        return os.fsdecode(value)
    return value if type(value) is str else str(value) if _is_path(value) else "…"


_EVENTS: Final[dict[str, Callable[[Watch, tuple[Any, ...]], None]]] = {
    "open": Watch._open,
    "os.remove": Watch._remove,
    "os.rmdir": Watch._remove,
    "os.truncate": Watch._make,
    "os.rename": Watch._rename,
    "os.link": Watch._rename,
    "os.symlink": Watch._rename,
    "os.mkdir": Watch._make,
    "os.listdir": Watch._list,
    "os.scandir": Watch._list,
    "os.chdir": Watch._entered,
    "tempfile.mkdtemp": Watch._temporary_made,
    "tempfile.mkstemp": Watch._temporary_made,
    "sqlite3.connect": Watch._database,
    "subprocess.Popen": Watch._program,
    "os.posix_spawn": Watch._program,
    "os.exec": Watch._program,
    "os.system": Watch._program,
    "socket.connect": Watch._network,
    "builtins.input": Watch._input,
}


DATABASE: Final = "database"
"""Stands for the files of a connection, which does not tell them."""

_watches: list[Watch] = []
_installed = False


def begin(watch: Watch) -> None:
    """Let `watch` see what happens from now on."""
    global _installed
    _watches.append(watch)
    if not _installed:
        _installed = True
        sys.addaudithook(_hook)


def end(watch: Watch) -> None:
    """Let `watch` see no more; a second time does nothing."""
    if watch in _watches:
        _watches.remove(watch)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _EVENTS and _watches:
        try:
            if event == "open" and type(arguments[0]) is str and arguments[0].endswith(COMPILED):
                return  # thousands in a cell that imports libraries
            if _is_ours(sys._getframe(1)):
                return
            thread = threading.get_ident()
            of_thread = [watch for watch in _watches if watch.thread == thread]
            (of_thread or _watches)[-1].event(event, arguments)
        except BaseException:  # noqa: BLE001 - raised here, it would come out of the person's call
            return


def _is_ours(frame: FrameType | None) -> bool:
    """Whether nbtrack itself asks: what a run needs, such as the installed packages, is looked up while its cell runs."""
    while frame is not None and _LENT.search(frame.f_code.co_filename):
        frame = frame.f_back
    file = "" if frame is None else frame.f_code.co_filename
    return file.startswith(OWN) and not file.endswith(_WRAPPERS)


def _is_of_machinery(thread: threading.Thread) -> bool:
    target = getattr(thread, "_target", None)
    for module in (type(thread).__module__, getattr(target, "__module__", None)):
        if type(module) is str and module.partition(".")[0] in _OWN_THREADS:
            return True
    name = getattr(thread, "_name", None)
    return type(name) is str and name.startswith(
        ("nbtrack", "IOPub", "Control", "Heartbeat", "IPythonHistory")
    )


def stamp(path: str) -> str | None:
    """Size and time of change of a file; None where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - pathlib would build an object for each text
    except (OSError, ValueError):
        return None
    return f"{found.st_size}:{found.st_mtime_ns}" if stat.S_ISREG(found.st_mode) else None


def handle(value: object) -> tuple[str, bool] | None:
    """The path of an open file and whether it can be written; None for anything but Python's own files."""
    if type(value) is io.TextIOWrapper:
        value = value.buffer
    if type(value) in (io.BufferedReader, io.BufferedWriter, io.BufferedRandom):
        value = value.raw  # type: ignore[attr-defined]
    if type(value) is not io.FileIO:
        return None
    name = getattr(value, "name", None)
    if type(name) is not str or name.startswith("<"):  # <stdout>
        return None
    return os.path.realpath(name), value.mode != "rb"


def listed(folder: str | None) -> dict[str, str]:
    """The stamps of the files in a folder: a program that a cell starts writes unseen."""
    found: dict[str, str] = {}
    if folder is None:
        return found
    try:
        with os.scandir(folder) as entries:
            for entry in itertools.islice(entries, _MAX_LISTED):
                if entry.is_file():
                    seen = entry.stat()
                    found[os.path.realpath(entry.path)] = f"{seen.st_size}:{seen.st_mtime_ns}"
    except OSError:
        return {}
    return found


def named_files(texts: Iterable[object], places: Places) -> dict[str, str]:
    """Those of some texts and paths that name existing files, with their stamps."""
    found: dict[str, str] = {}
    for text in texts:
        if type(text) is not str:
            if not _is_path(text):
                continue
            text = str(text)
        if not 0 < len(text) < 400 or "\0" in text or "\n" in text or not ("." in text or os.sep in text):
            continue
        path = places.resolved(text)
        if path is not None and (seen := stamp(path)) is not None:
            found[path] = seen
    return found
