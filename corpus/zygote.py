"""Runs notebooks in forks of one process that has their libraries loaded: ``python -m corpus.zygote``.

Importing them takes most of the time of most notebooks. What is imported before nbtrack is loaded is then another case than
in `corpus.child`, and as good a one: a person may load the extension late. A job is a line of JSON on the standard input,
its exit code a line on the standard output.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any

from corpus import child, replay

LOADED = (
    "matplotlib.pyplot",
    "pandas",
    "scipy.stats",
    "sklearn.ensemble",
    "sklearn.model_selection",
    "statsmodels.api",
)
MODULES = {"corpus.child": child, "corpus.replay": replay}


def work(job: dict[str, Any]) -> None:
    """Do a job in this process, which ends with it."""
    os.chdir(job["cwd"])
    os.environ.clear()
    os.environ.update(job["env"])
    tempfile.tempdir = None
    resource.setrlimit(resource.RLIMIT_CPU, (job["limit"], job["limit"] + 5))
    target = os.open(job["stdout"], os.O_WRONLY | os.O_CREAT)
    os.dup2(target, 1)
    os.dup2(target, 2)
    sys.stdin = Path(os.devnull).open()  # noqa: SIM115 - the notebook's, until it ends
    sys.argv = job["arguments"]
    MODULES[job["module"]].main()


def main() -> None:
    """Take jobs until there are no more."""
    for name in LOADED:
        importlib.import_module(name)
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            work(json.loads(line))
            sys.exit()
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        answers.write(f"{code}\n")
        answers.flush()


if __name__ == "__main__":
    main()
