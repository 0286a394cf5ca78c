from __future__ import annotations

from pathlib import Path

import pytest

from nbtrack.config import SETTINGS, Settings
from nbtrack.errors import InvalidInput


def project(folder: Path, text: str) -> Settings:
    (folder / "pyproject.toml").write_text(text)
    return Settings(folder / "deep" / "er")


def test_each_source_wins_over_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings(tmp_path)["experiment"] == ""
    settings = project(tmp_path, '[tool.nbtrack]\nexperiment = "project"\n')
    assert settings["experiment"] == "project"
    settings.ipython["experiment"] = "ipython"
    assert settings["experiment"] == "ipython"
    monkeypatch.setenv("NBTRACK_EXPERIMENT", "environment")
    assert settings["experiment"] == "environment"
    settings.arguments["experiment"] = "argument"
    assert settings["experiment"] == "argument"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("line", "off", False),
        ("line", "YES", True),
        ("model_limit", "1e6", 1_000_000),
        ("line_wait", "0.5", 0.5),
        ("store", "", ""),
    ],
)
def test_the_environment_is_read_by_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: object
) -> None:
    monkeypatch.setenv(SETTINGS[name].variable, text)
    found = Settings(tmp_path)[name]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("line", "perhaps", "NBTRACK_LINE is 'perhaps', but line must be on or off"),
        ("model_limit", "much", "NBTRACK_MODEL_LIMIT is 'much', but model_limit must be a whole number"),
        ("line_wait", "soon", "but line_wait must be a number"),
        ("model_limit", "inf", "must be a whole number"),
    ],
)
def test_a_value_of_the_wrong_form_is_named_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, sentence: str
) -> None:
    monkeypatch.setenv(SETTINGS[name].variable, text)
    with pytest.raises(InvalidInput, match=sentence):
        Settings(tmp_path)[name]


def test_a_project_s_values_are_checked_and_its_mistakes_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NBTRACK_LINE_WAIT", raising=False)
    assert project(tmp_path, "[tool.nbtrack]\nline_wait = 1\n")["line_wait"] == 1.0
    with pytest.raises(InvalidInput, match="sets line to 1, but it must be on or off"):
        project(tmp_path, "[tool.nbtrack]\nline = 1\n")["line"]
    with pytest.raises(InvalidInput, match=r"sets tool\.nbtrack\.lime, which nbtrack does not know"):
        project(tmp_path, "[tool.nbtrack]\nlime = true\n")["line"]
    assert project(tmp_path, "this is not TOML [")["line"] is True
