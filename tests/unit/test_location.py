from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import nbtrack
from nbtrack.errors import InvalidInput, NotAStore, StoreNotWritable
from nbtrack.store import location
from nbtrack.store.location import create_store, default_place, find_store, resolve_store, runtime_folder


def test_a_store_is_found_upward_like_git(tmp_path: Path) -> None:
    store = create_store(tmp_path / ".nbtrack")
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    assert find_store(deep) == store
    assert find_store(deep / "notebook.ipynb") == store


def test_a_nearer_store_wins_and_any_other_folder_of_the_name_is_none(tmp_path: Path) -> None:
    create_store(tmp_path / ".nbtrack")
    near = create_store(tmp_path / "a" / ".nbtrack")
    (tmp_path / "a" / "b" / ".nbtrack").mkdir(parents=True)
    assert find_store(tmp_path / "a" / "b") == near


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="this system has no user ids")
def test_a_store_of_another_user_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_store(tmp_path / ".nbtrack")
    monkeypatch.setattr(location.os, "getuid", lambda: 12345)
    assert find_store(tmp_path) is None


def test_a_new_store_goes_to_the_repository_s_root(tmp_path: Path) -> None:
    inside = tmp_path / "a"
    inside.mkdir()
    assert default_place(inside) == inside / ".nbtrack"
    (tmp_path / ".git").mkdir()
    assert default_place(inside) == tmp_path / ".nbtrack"


def test_it_is_private_and_ignored_by_git_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = create_store(tmp_path / ".nbtrack")
    finally:
        os.umask(before)
    assert store.stat().st_mode & 0o777 == 0o700
    assert (store / ".gitignore").read_text().endswith("*\n")
    assert all(path.stat().st_mode & 0o077 == 0 for path in store.rglob("*"))


def test_a_store_whose_creation_was_cut_off_anywhere_is_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class CutOff(BaseException):
        pass

    left = 0
    for name in ("mkdir", "chmod", "write_text", "replace"):
        original = getattr(Path, name)

        def counted(path: Path, *given: object, original: Any = original, **named: object) -> Any:
            nonlocal left
            if left == 0:
                raise CutOff
            left -= 1
            return original(path, *given, **named)

        monkeypatch.setattr(Path, name, counted)
    names = {".gitignore", "nbtrack-store", "blobs", "incoming", "journal"}
    for most in range(100):
        folder, left = tmp_path / f"{most}" / ".nbtrack", most
        try:
            create_store(folder)
        except CutOff:
            left = 100
            assert not location.is_store(folder)  # nobody opens what is not complete
            create_store(folder)
            assert {path.name for path in folder.iterdir() if not path.name.startswith(".new")} == names
            assert (folder / ".gitignore").read_text().endswith("\n*\n")
        else:
            break
    assert 8 < most < 99
    left = 100
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / ".gitignore").write_text("data/\n")
    with pytest.raises(NotAStore):
        create_store(tmp_path / "mine")


def test_what_is_no_store_is_not_taken_for_one(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    with pytest.raises(NotAStore, match="is not an nbtrack store"):
        create_store(tmp_path / "full")
    with pytest.raises(StoreNotWritable, match="set NBTRACK_STORE"):
        create_store(tmp_path / "full" / "thesis.txt" / "store")
    with pytest.raises(NotAStore, match="name the folder"):
        resolve_store(tmp_path / "full", tmp_path)
    with pytest.raises(NotAStore, match="or above it"):
        resolve_store(None, tmp_path / "full")
    with pytest.raises(InvalidInput, match="is a URL"):
        resolve_store("postgresql://host/db", tmp_path)


def test_the_runtime_folder_must_be_ours_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert runtime_folder() == tmp_path / "nbtrack"
    (tmp_path / "nbtrack").chmod(0o755)
    with pytest.raises(StoreNotWritable, match="not private"):
        runtime_folder()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "missing"))
    monkeypatch.setattr(location.tempfile, "gettempdir", lambda: str(tmp_path))
    assert runtime_folder().parent == tmp_path


def test_python_opens_the_store_that_the_project_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_store(tmp_path / "elsewhere")
    (tmp_path / "pyproject.toml").write_text(f"[tool.nbtrack]\nstore = '{tmp_path / 'elsewhere'}'\n")
    monkeypatch.chdir(tmp_path)
    assert nbtrack.open().path == tmp_path / "elsewhere"
