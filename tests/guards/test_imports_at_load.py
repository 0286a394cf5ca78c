"""What nbtrack loads by itself. Names only: milliseconds are for benchmarks/import_time.py, a machine may be busy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

HEAVY = {
    *("nbdime", "anywidget", "ipywidgets", "numpy", "pandas", "polars", "pyarrow", "sklearn", "matplotlib"),
    *("click", "rich", "lark", "apsw", "nanoarrow", "jupyter_server", "tornado", "nbformat"),
}

IN_A_SHELL = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
before = set(sys.modules)
shell.run_line_magic("load_ext", "nbtrack")
assert shell.find_line_magic("track"), "the extension was not loaded"
loaded = set(sys.modules) - before
shell.run_cell("x = 1", store_history=True)
shell.run_line_magic("unload_ext", "nbtrack")
print(json.dumps([sorted(before), sorted(loaded), sorted(set(sys.modules) - before)]))
"""

IN_A_SCRIPT = """
import json, sys
import nbtrack
nbtrack.log(loss=0.5)
nbtrack.params(lr=0.1)
print(json.dumps(sorted(sys.modules)))
"""


def run_python(code: str, folder: Path) -> list[object]:
    """What a fresh process prints last, as JSON. Sampling tools of the test run must not load into it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    environment |= {"NBTRACK_STORE": str(folder / ".nbtrack"), "IPYTHONDIR": str(folder / "ipython")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    answer: list[object] = json.loads(done.stdout.splitlines()[-1])
    return answer


def packages(modules: object) -> set[str]:
    """The top-level names of modules."""
    assert isinstance(modules, list)
    return {str(name).partition(".")[0] for name in modules}


def test_loading_the_extension_and_an_ordinary_cell_load_nothing_heavy(tmp_path: Path) -> None:
    before, loaded, all_loaded = run_python(IN_A_SHELL, tmp_path)
    # A name that IPython itself had loaded already would make the rest of this test say nothing.
    assert packages(before) & HEAVY == set()
    assert "nbtrack.ipython.extension" in loaded  # type: ignore[operator]
    # Entities of answers come with the answers.
    assert not {"nbtrack.entities.bundles", "nbtrack.entities.ownership"}.intersection(loaded)  # type: ignore[call-overload]
    assert packages(loaded) & HEAVY == set()
    assert packages(all_loaded) & HEAVY == set()


def test_logging_in_a_script_loads_nothing_heavy_and_no_event_loop(tmp_path: Path) -> None:
    loaded = packages(run_python(IN_A_SCRIPT, tmp_path))
    assert "nbtrack" in loaded
    # IPython has asyncio and sqlite3 itself, so only here can it be seen that nbtrack does without.
    assert loaded & {*HEAVY, "asyncio", "sqlite3", "IPython", "traitlets"} == set()
