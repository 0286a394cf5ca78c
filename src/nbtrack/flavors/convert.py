"""Converts one model in a process of its own.

One JSON request on stdin (``source``, ``digest``, ``target``), one JSON answer on stdout: ``{"ok": {…}}``
with the fields of `nbtrack.flavors.sklearn.Converted`, or ``{"error": {"code", "message", "details"}}``.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nbtrack.errors import InvalidInput, ModelError, NbtrackError


def main() -> None:
    """Answer one request. Libraries that print or warn do so on stderr, even those that write to the descriptor."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    with answers:
        json.dump(answer(sys.stdin.read()), answers)


def answer(text: str) -> dict[str, Any]:
    """Return the answer to a request as JSON-able values; every failure is an answer."""
    try:
        request = _request(text)
        from nbtrack.flavors.sklearn import convert  # late, so that a failing import is an answer too

        done = convert(Path(request["source"]), request["digest"], Path(request["target"]))
        return {"ok": asdict(done)}
    except NbtrackError as problem:
        error = problem
    except (Exception, SystemExit) as problem:  # noqa: BLE001 - libraries raise anything; the keeper needs a sentence
        error = ModelError(f"The model could not be converted: {type(problem).__name__}: {problem}.")
    return {"error": {"code": error.code, "message": error.message, "details": error.details}}


def _request(text: str) -> dict[str, str]:
    try:
        request = json.loads(text)
    except ValueError:
        raise InvalidInput("The request is no JSON.") from None
    for name in ("source", "digest", "target"):
        if not isinstance(request, dict) or not isinstance(request.get(name), str):
            raise InvalidInput(f"The request has no text {name!r}.")
    return dict(request)


if __name__ == "__main__":
    main()
