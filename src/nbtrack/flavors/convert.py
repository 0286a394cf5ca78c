"""A process that makes or looks at models' files, for the keeper, which imports no model's library.

Each line on stdin is a JSON request, each line on stdout its answer: ``{"ok": {…}}`` or ``{"error": {"code", "message",
"details"}}``. A request names what to ``do``: ``convert`` (answers `nbtrack.flavors.conversion.Converted`), ``verify``
(`nbtrack.entities.models.VersionRecord`), or ``warm``, which imports the libraries of a format while another process works.
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
    """Answer requests. Libraries that print or warn do so on stderr, even those that write to the descriptor."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    with answers:
        for line in sys.stdin:
            answers.write(json.dumps(answer(line)) + "\n")
            answers.flush()


def answer(text: str) -> dict[str, Any]:
    """Return the answer to a request as JSON-able values; every failure is an answer."""
    try:
        request = _request(text)
        task = request.pop("do")
        if task == "warm":
            _warm(str(request.get("library") or ""))
            return {"ok": {}}
        done: Any
        if task == "verify":
            from nbtrack.flavors.verifying import verify

            done = verify(Path(request.pop("source")), request.pop("digest"), request.pop("form"), **request)
        else:
            from nbtrack.flavors.conversion import convert  # late, so that a failing import is an answer too

            source, target = Path(request.pop("source")), Path(request.pop("target"))
            done = convert(source, request.pop("digest"), target, **request)
        return {"ok": asdict(done)}
    except NbtrackError as problem:
        error = problem
    except (Exception, SystemExit) as problem:  # noqa: BLE001 - libraries raise anything; the keeper needs a sentence
        error = ModelError(f"The model could not be converted: {type(problem).__name__}: {problem}.")
    return {"error": {"code": error.code, "message": error.message, "details": error.details}}


def _request(text: str) -> dict[str, Any]:
    try:
        request = json.loads(text)
    except ValueError:
        raise InvalidInput("The request is no JSON.") from None
    if not isinstance(request, dict) or request.get("do") not in ("convert", "verify", "warm"):
        raise InvalidInput("The request does not say what to do.")
    needed = {"convert": ("source", "digest", "target"), "verify": ("source", "digest", "form"), "warm": ()}
    for name in needed[request["do"]]:
        if not isinstance(request.get(name), str):
            raise InvalidInput(f"The request has no text {name!r}.")
    return dict(request)


def _warm(library: str) -> None:
    """Import what the model of a library will need; what is not installed is told by who needs it."""
    import importlib

    for name in {"sklearn": ("skops.io", "sklearn.ensemble")}.get(library, (library,)):
        try:
            importlib.import_module(name)
        except ImportError:
            return


if __name__ == "__main__":
    main()
