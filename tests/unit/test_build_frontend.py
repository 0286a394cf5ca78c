from __future__ import annotations

import importlib.util
import os
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "labextension" / "build_frontend.py"


@pytest.fixture
def builder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The build function over a small front end of two files."""
    if not SCRIPT.exists():
        pytest.skip("The front end's sources are not part of this checkout")
    spec = importlib.util.spec_from_file_location("build_frontend", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "index.ts").touch()
    (tmp_path / "package.json").touch()
    monkeypatch.setattr(module, "HERE", tmp_path)
    monkeypatch.setattr(module, "SOURCE_FILES", ["package.json"])
    monkeypatch.setattr(module, "OUTPUTS", [tmp_path / "out" / "package.json"])
    return module


def built(builder: ModuleType) -> Path:
    output: Path = builder.OUTPUTS[0]
    output.parent.mkdir(exist_ok=True)
    output.touch()
    return output


def test_what_is_current_is_not_built_again(builder: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    built(builder)
    monkeypatch.setattr(builder, "run_npm", lambda _: pytest.fail("built without need"))
    builder.build("wheel", "standard")


def test_a_changed_source_is_built_again(builder: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    output = built(builder)
    later = output.stat().st_mtime + 10
    os.utime(builder.HERE / "src" / "index.ts", (later, later))
    commands: list[str] = []
    monkeypatch.setattr(builder, "run_npm", commands.append)
    builder.build("wheel", "editable", build_cmd="build")
    assert commands == ["build"]


@pytest.mark.parametrize(
    "problem", [FileNotFoundError("npm was not found"), subprocess.CalledProcessError(1, "npm")]
)
def test_without_a_front_end_the_python_part_is_installed(
    builder: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    problem: Exception,
) -> None:
    def fail(_: str) -> Any:
        raise problem

    monkeypatch.setattr(builder, "run_npm", fail)
    builder.build("wheel", "standard")
    (line,) = capsys.readouterr().err.splitlines()
    assert "without the JupyterLab panel and widgets" in line
    assert builder.OUTPUTS[0].parent.is_dir()
    with pytest.raises(RuntimeError, match="source distribution"):
        builder.build("sdist", "standard")


def test_a_machine_without_node_is_told(builder: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builder, "find_npm", lambda: None)
    with pytest.raises(FileNotFoundError, match="npm was not found"):
        builder.run_npm("build")
