"""Model conversion in a process of its own: a model's library is not the keeper's to import."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from nbtrack import version
from nbtrack.errors import ModelError, by_code

_TIMEOUT = 600.0
_CHILD = "import sys; sys.path.append(sys.argv.pop()); from nbtrack.flavors.convert import main; main()"


def convert_in_child(source: Path, digest: str, target: Path, python: str | None) -> dict[str, Any]:
    """Convert the pickle `source` (whose hash must be `digest`) to a safe format at `target`.

    Parameters
    ----------
    python
        The interpreter to do it with; None for this one.

    Returns
    -------
    dict
        The fields of `nbtrack.flavors.sklearn.Converted`.

    Raises
    ------
    ModelError
        With the sentence that the child gave.
    """
    package = str(Path(version.__file__).resolve().parent.parent)
    request = json.dumps({"source": str(source), "digest": digest, "target": str(target)})
    command = [python or sys.executable, "-I", "-c", _CHILD, package]
    try:
        answer = subprocess.run(
            command, input=request, capture_output=True, text=True, timeout=_TIMEOUT, cwd="/"
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise ModelError(f"The model could not be converted: {problem}.") from problem
    try:
        content = json.loads(answer.stdout)
    except ValueError:
        reason = answer.stderr.strip().rpartition("\n")[2] or f"exit code {answer.returncode}"
        raise ModelError(f"The model could not be converted: {reason}.") from None
    if "error" in content:
        error = content["error"]
        raise by_code(error["code"], error["message"], error["details"])
    converted: dict[str, Any] = content["ok"]
    return converted
