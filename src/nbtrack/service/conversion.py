"""Models' files are written and looked at in processes of their own: a model's library is not the keeper's to import."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from nbtrack import version
from nbtrack.errors import ModelError, by_code

_TIMEOUT = 600.0
_CHILD = """
import sys
from importlib.util import module_from_spec, spec_from_file_location
package = sys.argv.pop()
spec = spec_from_file_location("nbtrack", package + "/__init__.py", submodule_search_locations=[package])
sys.modules["nbtrack"] = module_from_spec(spec)
spec.loader.exec_module(sys.modules["nbtrack"])
from nbtrack.flavors.convert import main
main()
"""
"""Imports the very package that asks, also where the model's interpreter has another nbtrack, and no folder beside it."""
_WARMED = ("sklearn", "xgboost", "lightgbm", "catboost", "torch")


def convert_in_child(
    source: Path,
    digest: str,
    target: Path,
    python: str | None,
    *,
    form: str = "pickle",
    want: str | None = None,
    rows: str | None = None,
    library: str = "",
) -> dict[str, Any]:
    """Write what a run kept of a model to `target` in the format of a version, and verify that in a second process.

    Parameters
    ----------
    source, digest, form
        What the run kept, its hash and its format.
    python
        The interpreter to do it with; None for this one.
    want
        The format that was asked for; None for the safe one of the model's kind.
    rows
        The rows that were kept with the model, as JSON.
    library
        The model's library, which the second process imports while the first one works.

    Returns
    -------
    dict
        The fields of `nbtrack.flavors.conversion.Converted`, and as ``found`` those of
        `nbtrack.entities.models.VersionRecord`.

    Raises
    ------
    ModelError
        With the sentence that a process gave. There is no version then.
    """
    with _Child(python) as verifier:
        verifier.begin({"do": "warm", "library": library if library in _WARMED else ""})
        with _Child(python) as converter:
            converter.begin(
                {"do": "convert", "source": str(source), "digest": digest, "target": str(target)}
                | {"form": form, "want": want, "rows": rows}
            )
            converted = converter.answers()[0]
        verifier.begin(
            {
                "do": "verify",
                "source": str(target),
                "digest": converted["digest"],
                "form": converted["format"],
            }
            | {"types": converted["types"], "model_type": converted["type_name"], "kinds": converted["kinds"]}
            | {"rows": rows, "method": converted["method"], "expected": converted["expected"]}
        )
        found = verifier.answers()[-1]
    return {**converted, "found": found}


class _Child:
    """A process that answers requests."""

    def __init__(self, python: str | None) -> None:
        package = str(Path(version.__file__).resolve().parent)
        try:
            self._process = subprocess.Popen(
                [python or sys.executable, "-I", "-c", _CHILD, package],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                cwd="/",
            )
        except OSError as problem:
            raise ModelError(f"The model could not be converted: {problem}.") from problem
        self._requests = ""

    def __enter__(self) -> _Child:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    def begin(self, request: dict[str, Any]) -> None:
        """Give it a request, which it begins with while others work."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except OSError:
            pass  # it has ended: its answers say why

    def answers(self) -> list[dict[str, Any]]:
        """The answers to all requests.

        Raises
        ------
        ModelError
            As the last one says, or if the process has ended without it.
        """
        try:
            output, errors = self._process.communicate(timeout=_TIMEOUT)
        except subprocess.TimeoutExpired as problem:
            raise ModelError(f"The model could not be converted: {problem}.") from problem
        try:
            contents = [json.loads(line) for line in output.splitlines()]
            last = contents[-1]
        except (ValueError, IndexError):
            reason = errors.strip().rpartition("\n")[2] or f"exit code {self._process.returncode}"
            raise ModelError(f"The model could not be converted: {reason}.") from None
        if "error" in last:
            error = last["error"]
            raise by_code(error["code"], error["message"], error["details"])
        return [content.get("ok", {}) for content in contents]
