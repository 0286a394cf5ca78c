"""Starting Python processes that own the store: detached, and importing nothing of the person's folder."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from nbtrack.keeper import protocol

# nbtrack is loaded from the folder of who starts it, by name: that folder cannot go first on the path, where it could
# hide the standard library, and last another nbtrack of the interpreter's site would be taken for it.
_BOOT = """
import sys
from importlib.util import module_from_spec, spec_from_file_location
store, package, *folders = sys.argv[1:]
sys.path += folders
spec = spec_from_file_location("nbtrack", package + "/__init__.py", submodule_search_locations=[package])
sys.modules["nbtrack"] = module_from_spec(spec)
spec.loader.exec_module(sys.modules["nbtrack"])
from nbtrack.keeper.process import {main}
{main}(store)
"""


def _import_folders() -> list[str]:
    """The folders that hold what nbtrack needs: ``-I`` hides those of PYTHONPATH and of the user's site."""
    folders = [str(_package().parent)]
    for name in ("apsw", "lark"):
        spec = importlib.util.find_spec(name)
        if spec and spec.origin:
            folder = Path(spec.origin).resolve().parent
            folders.append(str(folder.parent if spec.submodule_search_locations else folder))
    return list(dict.fromkeys(folders))


def _package() -> Path:
    return Path(__file__).resolve().parents[1]


def _command(main: str, store: Path) -> list[str]:
    boot = _BOOT.format(main=main)
    return [sys.executable, "-I", "-c", boot, str(store), str(_package()), *_import_folders()]


def start_keeper(store: Path, idle: float) -> subprocess.Popen[bytes]:
    """Start the keeper of `store` without waiting for it.

    The process that is returned ends at once and leaves the keeper behind as a child of nobody, so that it is never
    among the children that the person's code waits for or kills.

    Raises
    ------
    OSError
        If no process can be started.
    """
    return subprocess.Popen(
        _command("serve", store),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        close_fds=True,
        cwd="/" if os.name == "posix" else None,
        env={**os.environ, "NBTRACK_KEEPER_IDLE": str(idle)},
    )


def ask_in_child(store: Path, request: dict[str, Any], timeout: float) -> dict[str, Any]:
    """Have one request answered by a process of its own that opens the store and ends: where no keeper can live.

    Raises
    ------
    OSError, subprocess.SubprocessError, ValueError
        If there is no answer.
    """
    answer = subprocess.run(
        _command("answer_once", store),
        input=json.dumps(request).encode(),
        capture_output=True,
        timeout=timeout,
        cwd="/" if os.name == "posix" else None,
    )
    return protocol.unpack(answer.stdout[protocol.HEAD.size :])
