from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import nbtrack.cli.demo
from nbtrack.cli import main
from nbtrack.cli.startup import STARTUP, startup_file
from nbtrack.entities.runs import RunRow, RunStatus, RunTable
from nbtrack.entities.stores import StoreStatus
from nbtrack.errors import (
    DiskFull,
    FilterError,
    KeeperUnavailable,
    NbtrackError,
    NotFound,
    StoreCorrupt,
    StoreNotWritable,
    StoreTooNew,
    UnsafeModel,
    by_code,
)
from nbtrack.store.location import create_store

RUN = RunRow(
    id="r1", name="forest-1", experiment="quickstart", status=RunStatus.FINISHED, started="2026-11-21T10:00:00Z",
    duration=1.0, metrics={"accuracy": 0.93},
)  # fmt: skip


class Store:
    def ask(self, operation: str, /, **arguments: Any) -> Any:
        if operation == "runs.get":
            raise NotFound("There is no run \x1b[31mforest-9.")
        if arguments.get("filter") == "oops":
            raise FilterError("Unknown name 'oops'\n  oops\n  ^^^^", column=1)
        return RunTable(store="s", version=1, total=1, runs=[RUN])

    call = ask


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("NBTRACK_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The stores that were connected to."""
    stores: list[str] = []

    def connect(path: Path) -> Store:
        stores.append(str(path))
        return Store()

    monkeypatch.setattr("nbtrack.keeper.connect", connect)
    return stores


Capture = pytest.CaptureFixture[str]


def test_the_store_is_found_upward(
    tmp_path: Path, asked: list[str], capsys: Capture, monkeypatch: Any
) -> None:
    store = create_store(tmp_path / ".nbtrack")
    (tmp_path / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep" / "er")
    assert main(["runs"]) == 0
    assert asked == [str(store)]
    out, err = capsys.readouterr()
    assert "forest-1" in out
    assert err == ""


@pytest.mark.parametrize(
    "words", [["--store", "S", "runs"], ["runs", "--store", "S"], ["runs", "--store=S", "--json"]]
)
def test_the_store_may_be_named_anywhere(words: list[str], tmp_path: Path, asked: list[str]) -> None:
    store = create_store(tmp_path / "elsewhere" / ".nbtrack")
    assert main([word.replace("S", str(store.parent)) for word in words]) == 0
    assert asked == [str(store)]


def test_the_environment_names_the_store(
    tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = create_store(tmp_path / "elsewhere")
    monkeypatch.setenv("NBTRACK_STORE", str(store))
    assert main(["runs"]) == 0
    assert asked == [str(store)]


def test_exit_codes_and_sentences(tmp_path: Path, asked: list[str], capsys: Capture) -> None:
    assert main(["runs"]) == 10
    assert "There is no nbtrack store" in capsys.readouterr().err
    create_store(tmp_path / ".nbtrack")
    for words, code, says in [
        (["show", "forest-9"], 1, "nbtrack: There is no run ␛[31mforest-9.\n"),
        (["runs", "oops"], 2, "nbtrack: Unknown name 'oops'\n  oops\n  ^^^^\n"),
        (["rnus"], 2, "nbtrack: There is no command 'rnus'; did you mean runs?\n"),
        (["runs", "--limit", "x"], 2, "not a valid integer"),
        (["--store"], 2, "--store needs the PATH"),
        (["--store", "nowhere", "runs"], 10, "is not an nbtrack store"),
    ]:
        assert main(words) == code
        out, err = capsys.readouterr()
        assert says in err
        assert out == ""


@pytest.mark.parametrize(
    "error", [KeeperUnavailable, StoreCorrupt, StoreTooNew, StoreNotWritable, DiskFull, UnsafeModel]
)
def test_an_error_of_a_store_has_its_own_exit_status(
    error: type[NbtrackError], tmp_path: Path, asked: list[str], monkeypatch: Any
) -> None:
    def fail(self: object, operation: str, /, **arguments: Any) -> Any:
        raise by_code(error.code, "It is so.", {})  # as it comes over the socket

    create_store(tmp_path / ".nbtrack")
    monkeypatch.setattr(Store, "ask", fail)
    assert main(["runs"]) == error.exit_status > 2


def test_doctor_exits_with_12_where_something_is_wrong_with_the_content(
    tmp_path: Path, asked: list[str], capsys: Capture, monkeypatch: Any
) -> None:
    texts = dict.fromkeys(("path", "id", "schema", "nbtrack", "sqlite", "keeper"), "x")
    counts = dict.fromkeys(("version", "runs", "running", "executions", "models"), 1)
    sizes = dict.fromkeys(("database_size", "blob_size", "waiting"), 1)
    status = StoreStatus(**texts, **counts, **sizes, warnings=["Little room."])  # type: ignore[arg-type]
    create_store(tmp_path / ".nbtrack")
    monkeypatch.setattr(Store, "ask", lambda self, operation: status)
    assert main(["doctor"]) == 0
    assert "! Little room." in capsys.readouterr().out
    status = replace(status, problems=["2 records are lost."])
    assert main(["doctor"]) == 12
    assert "! 2 records are lost." in capsys.readouterr().out


def test_help_and_version_need_no_store(capsys: Capture, asked: list[str]) -> None:
    for words in ([], ["--help"], ["runs", "--help"], ["demo", "--help"]):
        assert main(words) == 0
        assert "Usage: nbtrack" in capsys.readouterr().out
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("nbtrack 0.")
    assert asked == []


def test_json_for_machines(tmp_path: Path, asked: list[str], capsys: Capture) -> None:
    create_store(tmp_path / ".nbtrack")
    assert main(["runs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["name"] == "forest-1"


def test_no_colour_in_a_pipe(tmp_path: Path, asked: list[str], capsys: Capture) -> None:
    create_store(tmp_path / ".nbtrack")
    main(["runs"])
    assert "\x1b" not in capsys.readouterr().out


def test_enable_and_disable_are_idempotent_and_say_what_they_did(capsys: Capture) -> None:
    path = startup_file()
    assert main(["disable"]) == 0
    assert "not enabled" in capsys.readouterr().out
    assert main(["enable"]) == 0
    assert str(path) in capsys.readouterr().out
    assert path.read_text() == STARTUP
    assert main(["enable"]) == 0
    assert "already" in capsys.readouterr().out
    assert main(["disable"]) == 0
    assert "Removed" in capsys.readouterr().out
    assert not path.exists()
    path.write_text("mine = 1\n")
    for words in (["enable"], ["disable"]):
        assert main(words) == 1
        assert "was not written by nbtrack" in capsys.readouterr().err
    assert path.read_text() == "mine = 1\n"


def test_the_startup_file_loads_the_extension_and_leaves_no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[tuple[str, str]] = []

    class Shell:
        def run_line_magic(self, name: str, line: str) -> None:
            lines.append((name, line))

    names: dict[str, Any] = {"get_ipython": Shell}
    exec(compile(STARTUP, "startup", "exec"), names)
    assert lines == [("load_ext", "nbtrack")]
    assert set(names) == {"get_ipython", "__builtins__"}
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    exec(compile(STARTUP, "startup", "exec"), names)
    assert lines == [("load_ext", "nbtrack")]


def test_the_startup_file_only_reports_what_goes_wrong(capsys: Capture) -> None:
    class Shell:
        def run_line_magic(self, name: str, line: str) -> None:
            raise OSError("disk full")

    exec(compile(STARTUP, "startup", "exec"), {"get_ipython": Shell})
    assert capsys.readouterr().out == "nbtrack was not loaded: disk full\n"


def test_demo_names_what_to_install(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(nbtrack.cli.demo, "find_spec", lambda name: None)
    assert main(["demo"]) == 1
    assert 'pip install "nbtrack[lab]"' in capsys.readouterr().err
    assert not Path("nbtrack-demo").exists()


def test_the_demo_never_overwrites_what_a_person_changed(tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat", reason='pip install "nbtrack[lab]"')
    notebook = nbformat.reads(nbtrack.cli.demo._quickstart(), as_version=4)
    place = nbtrack.cli.demo._free_place
    first = place(tmp_path, notebook)
    nbformat.write(notebook, first)
    assert place(tmp_path, notebook) == first
    first.write_text("not a notebook")
    second = place(tmp_path, notebook)
    assert second.name == "quickstart-2.ipynb"
    assert not second.exists()


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; from nbtrack.cli import main; sys.exit(main())", "--help"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait(60) == 0
