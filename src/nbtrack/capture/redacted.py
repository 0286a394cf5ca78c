"""What is about to be written, without secrets, and a note in each run that lost some."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any, Final

from nbtrack.capture.secret_names import is_sensitive
from nbtrack.capture.secrets import MARK, Redactor
from nbtrack.entities import records
from nbtrack.entities.records import Record

_FIELDS: Final[dict[type, tuple[str, ...]]] = {
    records.CellExecuted: ("source", "traceback", "outputs"),
    records.ParamsSet: ("params",),
    records.TagsSet: ("tags",),
    records.RunNoted: ("note",),
    records.RunEnded: ("traceback",),
    records.ArtifactSaved: ("params", "note"),
    records.DatasetsSeen: ("datasets",),
    records.DataRead: ("datasets",),
}
"""The fields with texts that come from the person's code; `nbtrack.capture.surroundings` cleans its own, beside the cells.
Names of files and folders stay: they are needed as they are."""

UNREADABLE: Final = MARK.format("it could not be looked through")


def without_secret_columns(profile: dict[str, Any]) -> dict[str, Any]:
    """A plain `nbtrack.entities.profiles.DataProfile` without the values of columns that are called like a secret."""
    columns = profile.get("columns", [])
    if not any(column.get("top") and is_sensitive(str(column.get("name"))) for column in columns):
        return profile
    return {
        **profile,
        "columns": [
            {**column, "top": {}} if is_sensitive(str(column.get("name"))) else column for column in columns
        ],
    }


def _without_columns(datasets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {**item, "profile": without_secret_columns(item["profile"])} if item.get("profile") else item
        for item in datasets
    ]


def rows_without_secrets(content: bytes, redactor: Redactor) -> bytes:
    """Rows that are kept to verify a model (JSON), but for those in which there is a secret.

    What was predicted for these goes too: a mark in the place of a secret would change what a model predicts.
    """
    document = json.loads(content)
    names = list(document["schema"])
    kept = [
        place
        for place, row in enumerate(document["rows"])
        if redactor.value(row) == row
        and not any(
            isinstance(cell, str) and is_sensitive(name) for name, cell in zip(names, row, strict=False)
        )
    ]
    if len(kept) == len(document["rows"]):
        return content
    for part in ("rows", "predictions"):
        if isinstance(document.get(part), list):
            document[part] = [document[part][place] for place in kept]
    return json.dumps(document).encode()


class Redaction:
    """Cleans the records of one process.

    Parameters
    ----------
    redactor
        Finds the secrets; by default with the variables of this process's environment.
    """

    def __init__(self, redactor: Redactor | None = None) -> None:
        self.redactor = redactor or Redactor()
        self._of_runs: dict[str, Counter[str]] = {}

    def clean(self, record: Record, written: bytes) -> tuple[Record, records.RunNoted | None]:
        """The record without secrets and, when a run ends that lost some, a note that says so. Never raises.

        Parameters
        ----------
        written
            The record as it would be written; where nothing in it looks like a secret, the very same record comes back.
            Empty where it cannot be written as it is.
        """
        if isinstance(record, records.RunEnded):
            self.redactor.refresh()  # a script has no cells
        elif (type(record) not in _FIELDS and type(record) is not records.CellTraced) or not self._suspects(
            written
        ):
            return record, None
        if isinstance(record, records.CellTraced):
            return self._traced(record), None
        names = _FIELDS[type(record)]
        before = self.redactor.found.total()
        known = self.redactor.found.copy() if before else Counter[str]()
        cleaned = {
            name: new for name in names if (new := self._clean(value := getattr(record, name))) is not value
        }
        if isinstance(record, records.DatasetsSeen | records.DataRead):
            cleaned["datasets"] = _without_columns(cleaned.get("datasets", record.datasets))
        run = getattr(record, "run", None)
        if run is not None and self.redactor.found.total() != before:
            self._of_runs.setdefault(run, Counter()).update(self.redactor.found - known)
        note = self._note(run) if isinstance(record, records.RunEnded) else None
        return (replace(record, **cleaned) if cleaned else record), note

    def _suspects(self, written: bytes) -> bool:
        return not written or self.redactor.suspects(written.decode("latin-1"))

    def _traced(self, record: records.CellTraced) -> records.CellTraced:
        """Only commands are texts of the person. The rest names variables and files: a mark would tear the graph apart."""
        commands = record.trace.get("commands")
        if not commands or (new := self._clean(commands)) is commands:
            return record
        return replace(record, trace={**record.trace, "commands": new})

    def _clean(self, value: Any) -> Any:
        try:
            new = self.redactor.text(value) if isinstance(value, str) else self.redactor.value(value)
        except Exception:  # noqa: BLE001 - what cannot be looked through is not written either
            return UNREADABLE if isinstance(value, str) else type(value)()
        return value if new == value else new

    def _note(self, run: str | None) -> records.RunNoted | None:
        kinds = self._of_runs.pop(run or "", None)
        if run is None or not kinds:
            return None
        count = kinds.total()
        named = ", ".join(sorted(kinds)[:4]) + (" …" if len(kinds) > 4 else "")
        return records.RunNoted(
            run=run, note=f"{count:,} {'secret' if count == 1 else 'secrets'} left out: {named}"
        )
