"""Settings and where they come from.

Argument > environment > IPython config (``%config NbTrack``) > ``[tool.nbtrack]`` in pyproject.toml > default.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbtrack.errors import InvalidInput

SettingValue = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting: its name, default, meaning and environment variable."""

    name: str
    default: SettingValue
    help: str

    @property
    def variable(self) -> str:
        """The environment variable, for example ``NBTRACK_STORE``."""
        return f"NBTRACK_{self.name.upper()}"


SETTINGS: dict[str, Setting] = {
    setting.name: setting
    for setting in (
        Setting(
            "store",
            "",
            "The store's folder; empty: found upward from the notebook, else made at the repository's root.",
        ),
        Setting("experiment", "", "The experiment of new runs; empty: named after the notebook or script."),
        Setting("line", True, "Show one quiet line under a tracked cell."),
        Setting(
            "line_wait", 0.05, "Seconds that a cell's end waits at most for the run's name and what changed."
        ),
        Setting("snapshot", True, "Keep a snapshot of the notebook with each run, save and kernel's end."),
        Setting("models", True, "Save the fitted estimators that a tracked cell leaves."),
        Setting(
            "model_limit",
            100_000_000,
            "Bytes of models saved in one run at most; what was not saved is named.",
        ),
        Setting("output_limit", 10_000_000, "Bytes of one cell's outputs that are remembered at most."),
        Setting(
            "autorun",
            True,
            "Make a run of a cell that trains a model, without a header; its model is not saved.",
        ),
        Setting(
            "lineage",
            True,
            "Work out what each cell reads, writes and changes, for lineage, slices and stale cells.",
        ),
        Setting(
            "data",
            True,
            "Record where data comes from that cells read, and what it holds: schema, fingerprint, profile.",
        ),
        Setting(
            "verification_rows",
            20,
            "Rows of input that are kept with a saved model, with what it predicts for them; 0: none.",
        ),
        Setting("trackers", True, "Record what cells log with MLflow, W&B, trackio and TensorBoard too."),
        Setting(
            "environment_variables",
            "",
            "Names, separated by commas, of the environment variables that runs record, and no others; "
            "empty: a list of harmless ones.",
        ),
        Setting("store_warning", 5_000_000_000, "Warn once when the store takes more bytes than this."),
        Setting(
            "durability",
            "process",
            "What a log call that has returned survives: the death of the process, or (power) a power cut as well.",
        ),
        Setting(
            "keeper", True, "Let a background process own the store; off: each answer starts one of its own."
        ),
        Setting("keeper_idle", 300, "Seconds without work after which the background process leaves."),
        Setting("trash_days", 30, "Days after which gc deletes for good what is in the trash."),
        Setting(
            "gc_grace",
            14,
            "Days after which gc removes content that nothing refers to, and files of cut off writes.",
        ),
        Setting(
            "keep_executions_days",
            0,
            "Days after which gc forgets cell executions that belong to no run; 0: never.",
        ),
    )
}


class Settings:
    """The settings that hold in one process.

    Parameters
    ----------
    start
        The folder whose pyproject.toml (or that of a folder above) counts.
    """

    def __init__(self, start: Path | None = None) -> None:
        self.arguments: dict[str, Any] = {}
        self.ipython: dict[str, Any] = {}
        self._start = start
        self._project: dict[str, Any] | None = None

    def __getitem__(self, name: str) -> Any:
        """The value of a setting.

        Raises
        ------
        InvalidInput
            If the environment or pyproject.toml has a value of the wrong type, with its place.
        """
        setting = SETTINGS[name]
        if name in self.arguments:
            return self.arguments[name]
        if (text := os.environ.get(setting.variable)) is not None:
            return parse(setting, text, setting.variable)
        if name in self.ipython:
            return self.ipython[name]
        project = self._read_project()
        if name in project:
            return check(setting, project[name], "pyproject.toml")
        return setting.default

    def _read_project(self) -> dict[str, Any]:
        if self._project is None:
            self._project = {}
            start = (self._start or Path.cwd()).absolute()
            for folder in (start, *start.parents):
                if (file := folder / "pyproject.toml").is_file():
                    self._project = read_project(file)
                    break
        return self._project


def read_project(file: Path) -> dict[str, Any]:
    """The table ``[tool.nbtrack]`` of a pyproject.toml; empty where there is none or the file cannot be read.

    Raises
    ------
    InvalidInput
        If the table has a setting that does not exist.
    """
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {}).get("nbtrack", {})
    except (OSError, ValueError):
        return {}  # a broken pyproject.toml is not ours to complain about
    table.pop("gate", None)  # the policy of `read_policy`
    for name in table:
        if name not in SETTINGS:
            raise InvalidInput(
                f"{file} sets tool.nbtrack.{name}, which nbtrack does not know; there are {', '.join(SETTINGS)}."
            )
    return dict(table)


def read_policy(alias: str, start: Path | None = None) -> dict[str, Any]:
    """The checks that a version must pass to take an alias; empty where no policy is declared.

    They stand in the nearest ``nbtrack.toml`` as ``[gate.champion]``, or in the nearest pyproject.toml as
    ``[tool.nbtrack.gate.champion]``; ``"*"`` in the place of an alias is for those without a table of their own.

    Raises
    ------
    InvalidInput
        If the file cannot be read, or the table is none: a policy that is passed over would let everything through.
    """
    folder = (start or Path.cwd()).absolute()
    for place in (folder, *folder.parents):
        for name, keys in (("nbtrack.toml", ("gate",)), ("pyproject.toml", ("tool", "nbtrack", "gate"))):
            if not (file := place / name).is_file():
                continue
            try:
                found: Any = tomllib.loads(file.read_text(encoding="utf-8"))
            except (OSError, ValueError) as problem:
                if name == "pyproject.toml":
                    continue  # a broken pyproject.toml is not ours to complain about
                raise InvalidInput(f"The policy {file} cannot be read: {problem}.") from None
            for key in keys:
                found = found.get(key) if isinstance(found, dict) else None
            if found is None:
                continue
            policy = found.get(alias, found.get("*", {})) if isinstance(found, dict) else None
            if not isinstance(policy, dict):
                raise InvalidInput(f"The gate of {file} is no table of checks for {alias}.")
            return policy
    return {}


def parse(setting: Setting, text: str, place: str) -> SettingValue:
    """The value that `text` stands for.

    Raises
    ------
    InvalidInput
        If it has the wrong form.
    """
    kind = type(setting.default)
    if kind is str:
        return text
    if kind is bool:
        words = {
            "1": True,
            "true": True,
            "on": True,
            "yes": True,
            "0": False,
            "false": False,
            "off": False,
            "no": False,
        }
        if text.strip().lower() in words:
            return words[text.strip().lower()]
    else:
        try:
            return kind(float(text))
        except (ValueError, OverflowError):
            pass
    raise InvalidInput(f"{place} is {text!r}, but {setting.name} must be {_KINDS[kind]}.")


def check(setting: Setting, value: object, place: str) -> SettingValue:
    """`value`, if it has the setting's type.

    Raises
    ------
    InvalidInput
        If it has not.
    """
    kind = type(setting.default)
    if kind is float and type(value) is int:
        return float(value)
    if isinstance(value, kind) and isinstance(value, bool) == (kind is bool):
        return value
    raise InvalidInput(f"{place} sets {setting.name} to {value!r}, but it must be {_KINDS[kind]}.")


_KINDS: dict[type, str] = {bool: "on or off", int: "a whole number", float: "a number", str: "a text"}
