"""Runs a notebook as `corpus.child` does, while py-spy takes samples of its threads: ``python -m corpus.sampled``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from corpus import child

SAMPLES = "CORPUS_SAMPLES"
"""The variable that names the file for the samples: a stack a line, the number of times behind it."""

RATE = 200
_READY = 0.8  # seconds until py-spy has found the process


def main() -> None:
    """Run what the command line names, for `corpus.child`."""
    program = str(Path(sys.executable).with_name("py-spy"))
    watcher = subprocess.Popen(
        [program, "record", "--rate", str(RATE), "--format", "raw", "--threads", "--duration", "100000"]
        + ["--output", os.environ[SAMPLES], "--pid", str(os.getpid())],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(_READY)
    try:
        child.main()
    finally:
        watcher.send_signal(signal.SIGINT)
        watcher.wait()


if __name__ == "__main__":
    main()
