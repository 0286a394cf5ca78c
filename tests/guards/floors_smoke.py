"""What must work in the base install on the lowest versions that pyproject.toml declares.

CI runs this with the Python of such an environment, which has neither pytest nor JupyterLab nor scikit-learn.
Each part uses at least one of the base dependencies in earnest. With ``--any`` it runs on other versions too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from importlib.metadata import requires, version
from pathlib import Path

CELLS = [
    "import statistics",
    "%%track trial\nscale = 2\nscore = statistics.fmean([scale, 3])",
    "%%track trial\nscale = 4\nscore = statistics.fmean([scale, 3])",
]


def run_cells(shell: object, cells: list[str]) -> None:
    """Run cells as a kernel does; an error in one ends this script."""
    for cell in cells:
        shell.run_cell(cell, store_history=True).raise_error()  # type: ignore[attr-defined]


def check_floors() -> None:
    """The declared floors are what is installed: a resolver that took newer ones would make this script say nothing."""
    above = []
    for text in requires("nbtrack") or ():
        if "extra" not in text:
            name, _, floor = text.partition(">=")
            print(text, version(name), sep=": ")
            if version(name).split(".")[: floor.count(".") + 1] != floor.split("."):
                above.append(name)
    assert not above or "--any" in sys.argv, f"not on their floors: {', '.join(above)}"


def main() -> None:
    """Track two cells, and ask about them in every way that the base install has."""
    check_floors()
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output
    from traitlets.config import Config

    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"hist_file": ":memory:"}}))
    shell.run_line_magic("load_ext", "nbtrack")
    run_cells(shell, CELLS)

    import nbtrack

    client = nbtrack.open()
    first, second = (client.runs.get(f"trial-{number}") for number in (1, 2))
    assert (first.params, second.params) == ({"scale": 2}, {"scale": 4}), (first.params, second.params)
    assert (first.metrics, second.metrics) == ({"score": 2.5}, {"score": 3.5}), (
        first.metrics,
        second.metrics,
    )

    table = client.runs.search("score > 3 and scale in (4, 5)", sort="-score")  # lark
    assert [run.name for run in table] == ["trial-2"]
    table.__arrow_c_stream__()  # nanoarrow
    bundle = table._repr_mimebundle_(include=None, exclude=None)  # anywidget
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert "trial-2" in data["text/plain"]
    assert "<table" in data["text/html"]

    with capture_output() as shown:
        run_cells(shell, ["%track compare trial-1 trial-2", "%track diff trial-1 trial-2"])
    assert "score" in shown.stdout or any("score" in str(output.data) for output in shown.outputs)
    with capture_output() as shown:
        run_cells(shell, ["%track diff trial-1 trial-2 --nbdime"])
    json.loads(shown.stdout)
    shell.run_line_magic("unload_ext", "nbtrack")

    words = [sys.executable, "-c", "from nbtrack.cli import main; raise SystemExit(main())"]
    answer = subprocess.run([*words, "runs", "--json"], capture_output=True, text=True, check=True)
    assert {run["name"] for run in json.loads(answer.stdout)} == {"trial-1", "trial-2"}
    table_text = subprocess.run([*words, "runs"], capture_output=True, text=True, check=True).stdout  # rich
    assert "trial-2" in table_text
    print("the lowest versions work")


if __name__ == "__main__":
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NBTRACK_KEEPER_IDLE"] = "5"
        os.environ["NBTRACK_STORE"] = str(Path(folder) / ".nbtrack")
        os.environ["IPYTHONDIR"] = str(Path(folder) / "ipython")
        os.chdir(folder)
        try:
            main()
        finally:
            os.chdir(before)  # IPython asks for the working directory when it ends
