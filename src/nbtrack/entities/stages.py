"""The stages of a version: where it stands on its way, as the tag ``stage``, and which step may follow which."""

from __future__ import annotations

from typing import Final

from nbtrack.errors import Conflict, InvalidInput

STEPS: Final = {
    "": ("development", "staging"),
    "development": ("staging", "archived"),
    "staging": ("development", "production", "archived"),
    "production": ("staging", "archived"),
    "archived": ("development", "staging"),
}
"""What may follow each stage; a new version has none."""


def check_stage(version: str, before: str, after: str) -> None:
    """Whether a version may take a stage.

    Raises
    ------
    InvalidInput
        If there is no such stage.
    Conflict
        If it may not follow the one that the version has.
    """
    stages = [stage for stage in STEPS if stage]
    if after not in stages:
        raise InvalidInput(f"The stage of a version is {', '.join(stages)}; not {after[:40]!r}.")
    known = STEPS.get(before, ())
    if before in STEPS and after != before and after not in known:
        raise Conflict(
            f"{version} is {f'in the stage {before}' if before else 'in no stage yet'}; from there it goes to "
            f"{' or '.join(known)}, not to {after}."
        )
