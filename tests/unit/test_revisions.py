"""What git says of a repository, and what of it is kept."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from nbtrack.capture.secrets import Redactor
from nbtrack.service import revisions
from nbtrack.service.revisions import Repositories, parse_remotes, parse_status, without_user

TOKEN = "gh" + "p_" + "Zt5Wd3Yp" * 5


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "sub").mkdir()
    for name in ("a.py", "sub/b.py", "data.csv", "n.ipynb"):
        (tmp_path / name).write_text("one\n", encoding="utf-8")
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=me", "-c", "user.email=me@example.org", "commit", "-qm", "first")
    return tmp_path


def test_only_source_files_of_the_whole_repository_are_in_the_diff(repository: Path) -> None:
    for name in ("a.py", "data.csv", "n.ipynb"):
        (repository / name).write_text("two\n", encoding="utf-8")
    (repository / "new.py").write_text("not tracked\n", encoding="utf-8")
    found = Repositories().read(str(repository / "sub"), {})
    assert found.revision.dirty
    assert found.revision.branch == "main"
    assert found.diff.count("diff --git") == 1
    assert "-one\n+two" in found.diff
    assert found.note == ""


def test_a_clean_or_new_repository_or_none_has_no_diff(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    repositories = Repositories()
    assert repositories.read(str(repository), {}).diff == ""
    assert repositories.read(str(repository), {}).revision.dirty is False
    empty = tmp_path_factory.mktemp("empty")
    assert repositories.read(str(empty), {}) == revisions.Repository()
    assert repositories.read(str(empty / "gone"), {}) == revisions.Repository()
    git(empty, "init", "-q")
    (empty / "a.py").write_text("x", encoding="utf-8")
    git(empty, "add", ".")
    assert repositories.read(str(empty), {}).diff == ""


def test_a_long_diff_is_cut_between_files(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revisions, "DIFF_LIMIT", 400)
    (repository / "a.py").write_text("two\n", encoding="utf-8")
    (repository / "sub" / "b.py").write_text("three\n" * 1000, encoding="utf-8")
    found = Repositories().read(str(repository), {})
    assert found.note == "cut off after 400 bytes"
    assert "+two" in found.diff
    assert "three" not in found.diff


def test_no_program_of_the_repository_is_started(repository: Path) -> None:
    trap = repository / "trap"
    (repository / "run.sh").write_text(f"#!/bin/sh\ntouch {trap}\n", encoding="utf-8")
    (repository / "run.sh").chmod(0o755)
    program = str(repository / "run.sh")
    git(repository, "config", "diff.external", program)
    git(repository, "config", "diff.x.textconv", program)
    git(repository, "config", "core.fsmonitor", program)
    (repository / ".gitattributes").write_text("*.py diff=x\n", encoding="utf-8")
    (repository / "a.py").write_text("two\n", encoding="utf-8")
    assert "+two" in Repositories().read(str(repository), {}).diff
    assert not trap.exists()


def test_secrets_of_the_process_and_known_forms_are_replaced(repository: Path) -> None:
    (repository / "a.py").write_text(f"x = '{TOKEN}'\ny = 'sv-Kq7Xz2Lw9Pd3'\n", encoding="utf-8")
    repositories = Repositories()
    assert "sv-Kq7Xz2Lw9Pd3" in repositories.read(str(repository), {}).diff
    diff = repositories.read(str(repository), {"API_TOKEN": "sv-Kq7Xz2Lw9Pd3"}).diff
    assert "+x = '‹redacted: GitHub token›'\n+y = '‹redacted: value of API_TOKEN›'" in diff


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://me:secret@host.org/a/b.git", "https://host.org/a/b.git"),
        (f"https://{TOKEN}@host.org/a.git", "https://host.org/a.git"),
        ("https://host.org/a.git?private_token=abc#frag", "https://host.org/a.git"),
        ("ssh://git@host.org:22/a.git", "ssh://host.org:22/a.git"),
        ("git@host.org:a/b.git", "git@host.org:a/b.git"),
        ("../elsewhere", "../elsewhere"),
        ("https://[broken/x@y", "an address that cannot be read"),
    ],
)
def test_an_address_is_kept_without_its_user(address: str, shown: str) -> None:
    assert without_user(address) == shown
    assert parse_remotes(f"remote.origin.url {address}", Redactor({})) == {"origin": shown}


def test_a_token_in_the_path_of_an_address_is_replaced() -> None:
    found = parse_remotes(f"remote.o.url https://host.org/{TOKEN}/a.git", Redactor({}))
    assert found == {"o": "https://host.org/‹redacted: GitHub token›/a.git"}


def test_a_state_without_a_commit_or_branch_says_so() -> None:
    assert parse_status("# branch.oid (initial)\n# branch.head main\n").commit is None
    assert parse_status("# branch.oid abc\n# branch.head (detached)\n1 .M N...").branch is None
