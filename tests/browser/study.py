"""A store with runs of a real notebook: curves, data, outputs of all kinds, one run that failed, hostile names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
from lab_server import Lab

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = "<img src=x onerror=\"document.title='owned'\">"

RUN = """%%track net
# one small training
lr, depth = {lr}, {depth}
import math, nbtrack
for step in range(400):
    loss = 2.4 * math.exp(-step * lr / 3) + 0.12 + 0.05 * math.sin(step * {seed}) / (1 + step / 50)
    nbtrack.log(loss=loss, accuracy=1 - loss / 3, step=step)
print("trained with", lr)
nbtrack.tag(kind="small")
"""

SHOWN = """%%track shown
import pandas as pd
from IPython.display import HTML, SVG, display
X = pd.DataFrame({"age": range(40), "income": [n * n for n in range(40)]})
from sklearn.linear_model import LinearRegression
model = LinearRegression().fit(X, X["age"] + 1)
score = model.score(X, X["age"] + 1)
display(X.head(3))
display(HTML("<b>bold</b><script>parent.document.title='owned'</script>"
             "<img src=x onerror=\\"parent.document.title='owned'\\">"))
display(SVG("<svg xmlns='http://www.w3.org/2000/svg' width='40' height='20'><rect width='40' height='20' fill='#c33'/>"
            "<script>document.title='owned'</script></svg>"))
import nbtrack
nbtrack.params({"<img src=x onerror=\\"document.title='owned'\\">": 1})
"""

CELLS = [
    "%load_ext nbtrack",
    *(
        RUN.format(lr=lr, depth=depth, seed=seed)
        for lr, depth, seed in [(0.02, 3, 1.7), (0.05, 3, 2.3), (0.1, 5, 3.1)]
    ),
    SHOWN,
    "%%track broken\nrate = 3\nraise ValueError('the rate is too high')",
]


def make_study(folder: Path, ipython: Path) -> None:
    """Write and execute a notebook ``study.ipynb`` in `folder`."""
    folder.mkdir()
    notebook = nbformat.v4.new_notebook()
    for number, source in enumerate(CELLS):
        cell = nbformat.v4.new_code_cell(source)
        cell["id"] = f"cell-{number}"
        notebook.cells.append(cell)
    nbformat.write(notebook, folder / "study.ipynb")
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "IPYTHONDIR": str(ipython)}
    command = ["-c", "from nbclient.cli import main; main()", "--allow-errors", "--inplace", "study.ipynb"]
    subprocess.run([sys.executable, *command], cwd=folder, env=environment, check=True, timeout=120)


def open_panel(lab: Lab, page: Any, folder: str) -> Any:
    """The panel, with the file browser in the study's folder: no kernel is started."""
    page.set_default_timeout(10_000)
    page.goto(f"{lab.url}/lab?reset&token={lab.token}")
    there = "['nbtrack:open', 'filebrowser:go-to-path'].every(name => window.jupyterapp?.commands.hasCommand(name))"
    page.wait_for_function(there, timeout=30_000)
    page.evaluate(f"window.jupyterapp.commands.execute('filebrowser:go-to-path', {{path: '{folder}'}})")
    page.evaluate("void window.jupyterapp.commands.execute('nbtrack:open')")
    panel = page.locator(".nbt-panel")
    panel.get_by_role("button", name="net-3").wait_for()
    return panel


def theme(page: Any, name: str) -> None:
    """Change JupyterLab's theme to ``Light`` or ``Dark``."""
    page.evaluate(
        f"window.jupyterapp.commands.execute('apputils:change-theme', {{theme: 'JupyterLab {name}'}})"
    )
    page.wait_for_function(f"document.body.dataset.jpThemeName === 'JupyterLab {name}'")
    page.wait_for_timeout(250)  # colours fade over
