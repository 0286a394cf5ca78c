"""What a run ran in is read from folder names alone."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import sys
import time
from pathlib import Path

import pytest

from nbtrack.capture.environment import environment, interpreter, packages


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.setattr(sys, "path", [str(folder)])
    return folder


def test_agrees_with_importlib_metadata() -> None:
    expected: dict[str, str] = {}
    for found in importlib.metadata.distributions():
        # what editable installs leave in a source folder has no version in its name
        if re.search(r"-[^/\\]+\.(dist|egg)-info$", str(getattr(found, "_path", ""))):
            expected.setdefault(normal(found.metadata["Name"]), found.version)
    assert packages() == expected
    assert packages()["pytest"] == pytest.__version__


def test_interpreter_names_this_one() -> None:
    about = interpreter()
    assert set(about) == {"python", "implementation", "platform", "machine"}
    assert about["python"] == platform.python_version()
    assert all(about.values())


@pytest.mark.parametrize(
    ("folder", "name", "version"),
    [
        ("Foo_Bar.Baz-1.0.dist-info", "foo-bar-baz", "1.0"),
        ("torch-2.3.0+cu121.dist-info", "torch", "2.3.0+cu121"),
        ("PyYAML-6.0-py3.11.egg-info", "pyyaml", "6.0"),
        ("old-0.1.egg-info", "old", "0.1"),
    ],
)
def test_reads_names_and_versions(site: Path, folder: str, name: str, version: str) -> None:
    (site / folder).mkdir()
    assert packages() == {name: version}


@pytest.mark.parametrize(
    "folder", ["~ip-23.0.dist-info", "develop.egg-info", "numpy", "x.dist-info", "-1.dist-info"]
)
def test_leaves_out_what_is_no_installed_version(site: Path, folder: str) -> None:
    (site / folder).mkdir()
    assert packages() == {}


def test_first_folder_on_the_path_wins(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (site / "a-1.dist-info").mkdir()
    other = tmp_path / "other"
    (other / "A-2.dist-info").mkdir(parents=True)
    assert packages() == {"a": "1"}
    monkeypatch.setattr(sys, "path", [str(other), str(site)])
    assert packages() == {"a": "2"}


def test_newer_of_two_in_one_folder_wins(site: Path) -> None:
    for version, modified in (("1.9", 1_000), ("1.10", 2_000), ("1.8", 500)):
        (site / f"a-{version}.dist-info").mkdir()
        os.utime(site / f"a-{version}.dist-info", (modified, modified))
    assert packages() == {"a": "1.10"}


def test_sees_an_install_in_the_running_process(site: Path) -> None:
    (site / "a-1.dist-info").mkdir()
    os.utime(site, ns=(1, 1))
    before = environment()
    (site / "b-1.dist-info").mkdir()
    after = environment()
    assert after[2] == {"a": "1", "b": "1"}
    assert after[0] != before[0]


def test_reads_a_folder_only_when_it_changed(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (site / "a-1.dist-info").mkdir()
    first = packages()

    def refuse(*args: object) -> None:
        raise AssertionError("listed again")

    monkeypatch.setattr(os, "scandir", refuse)
    assert packages() == first


def test_odd_path_entries_are_passed_over(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (site / "a-1.dist-info").mkdir()
    archive = site / "lib.zip"
    archive.write_bytes(b"PK")
    odd: list[object] = [
        "",
        ".",
        None,
        Path("x"),
        "/no/such\0folder",
        str(site / "missing"),
        str(archive),
        str(site),
    ]
    monkeypatch.setattr(sys, "path", odd)
    assert packages() == {"a": "1"}


def test_own_folder_is_not_searched(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a-1.dist-info").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [""])
    assert packages() == {}


def test_identifier_tells_the_content_and_not_the_place(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (site / "a-1.dist-info").mkdir()
    twin = tmp_path / "twin"
    (twin / "a-1.dist-info").mkdir(parents=True)
    identifier, about, installed = environment()
    assert re.fullmatch(r"blake2b-128:[0-9a-f]{32}", identifier)
    assert (about, installed) == (interpreter(), {"a": "1"})
    monkeypatch.setattr(sys, "path", [str(twin)])
    assert environment()[0] == identifier


def test_a_cached_answer_costs_a_small_part_of_reading_metadata() -> None:
    packages()
    ours = min(_elapsed(packages) for _ in range(20))
    theirs = min(
        _elapsed(
            lambda: [(found.metadata["Name"], found.version) for found in importlib.metadata.distributions()]
        )
        for _ in range(2)
    )
    assert ours < theirs / 10


def _elapsed(call: object) -> float:
    start = time.perf_counter()
    call()  # type: ignore[operator]
    return time.perf_counter() - start


def test_runs_that_begin_one_after_another_share_what_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nbtrack import session as sessions

    session, written = sessions.Session(tmp_path), []
    found, clock = ["first"], [1000.0]
    monkeypatch.setattr(session, "append", written.append)
    monkeypatch.setattr(sessions, "environment", lambda: (found[0], {}, {}))
    monkeypatch.setattr(sessions, "monotonic", lambda: clock[0])
    assert session.environment() == "first"
    found[0] = "second"
    clock[0] += 0.4
    assert session.environment() == "first"
    clock[0] += 0.2
    assert session.environment() == "second"
    assert [record.environment for record in written] == ["first", "second"]
