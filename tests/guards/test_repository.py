"""The repository speaks of the product alone: no machine's paths or hosts, no overgrown module, no silent dependency."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "nbtrack"
LONGEST = 400

# Written in pieces, since this file is searched too.
FORBIDDEN = {
    "a package index": re.compile(r"https?://[^\s\"'<>)]*/" + r"simple\b"),
    "a package's host": re.compile(
        r"https?://[\w.-]*(?:registry|artifactory|nexus|pypi|pythonhosted|npmjs|yarnpkg|mirror)[\w.-]*"
    ),
    "where a package came from": re.compile(r'"resolved":\s*"' + r"(?:https?|file|git)"),
    "a path of one machine": re.compile(r"(?<![\w.$}{~/*-])/(?:home|root|work|Users|opt/wheels)" + r"/[\w.]"),
}


def repository_files() -> list[Path]:
    """All files under version control; outside a checkout all that are not ignored by name."""
    if shutil.which("git") and (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    built = {"node_modules", "labextension/lib", "static", "__pycache__", "dist"}
    return [path for path in ROOT.rglob("*") if path.is_file() and not built & set(path.parts)]


def texts() -> list[tuple[str, str]]:
    """Name and content of every text file."""
    found = []
    for path in repository_files():
        try:
            found.append((path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue  # a picture
    return found


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_names_a_machine_or_a_host(what: str) -> None:
    found = [f"{name}: {match[0]}" for name, text in texts() for match in FORBIDDEN[what].finditer(text)]
    assert found == []


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("a package index", "https://packages.example/" + "simple"),
        ("a package's host", "https://" + "registry.example.org/left-pad"),
        ("where a package came from", '"resolved": "' + 'https://example.org/a.tgz"'),
        ("a path of one machine", "open('/" + "home/someone/data.csv')"),
        ("a path of one machine", "/" + "root/.cache"),
    ],
)
def test_the_search_would_find_one(what: str, text: str) -> None:
    assert FORBIDDEN[what].search(text)


def test_the_lock_file_is_the_one_that_npm_writes_here() -> None:
    lock = json.loads((ROOT / "labextension" / "package-lock.json").read_text(encoding="utf-8"))
    package = json.loads((ROOT / "labextension" / "package.json").read_text(encoding="utf-8"))
    top = lock["packages"][""]
    assert lock["lockfileVersion"] >= 3
    assert top["dependencies"] == package["dependencies"]
    assert top["devDependencies"] == package["devDependencies"]
    without_hash = [name for name, entry in lock["packages"].items() if name and "integrity" not in entry]
    assert without_hash == []


def test_a_long_module_says_why() -> None:
    silent = []
    for path in sorted(SOURCE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        lines = text.count("\n")
        docstring = ast.get_docstring(ast.parse(text)) or ""
        if lines > LONGEST and not re.search(r"\bone module\b", docstring, re.IGNORECASE):
            silent.append(f"{path.relative_to(ROOT)} has {lines} lines")
    assert silent == [], (
        f"more than {LONGEST} lines need a sentence in the docstring: 'One module, because …'"
    )


def documented_reasons() -> set[str]:
    """The names in the tables of the section "Dependencies" of docs/architecture.md."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = text.partition("\n## Dependencies\n")[2].partition("\n## ")[0]
    names: set[str] = set()
    for line in section.splitlines():
        cells = [cell.strip(" `") for cell in line.strip("|").split(" | ")]
        if len(cells) >= 2 and cells[-1]:
            for cell in cells[:-1]:
                names.update(name.strip() for name in cell.split(","))
    return names


def test_the_packages_in_the_docs_are_the_layers() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = project["tool"]["importlinter"]["contracts"][0]
    layers = {name for layer in contract["layers"] for name in layer.split(" | ")}
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = text.partition("\n## Packages\n")[2].partition("\n## ")[0]
    documented = set()
    for row in re.findall(r"^\| [^|]*\| (`[^|]*`) \| \S", section, re.MULTILINE):
        documented.update(re.findall(r"`(\w+)`", row))
    assert documented == layers
    modules = {
        path.stem for path in SOURCE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert documented == modules - {"__init__"}


def requirement(text: str) -> str:
    """The name in a requirement."""
    return re.split(r"[\s<>=!~\[;]", text, maxsplit=1)[0]


def test_each_python_dependency_has_a_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    needed = [
        *project["project"]["dependencies"],
        *project["build-system"]["requires"],
        *(text for extra in extras.values() for text in extra),
    ]
    names = {requirement(text) for text in needed} - {"nbtrack"}
    assert sorted(names - documented_reasons()) == []


def test_each_npm_dependency_has_a_reason() -> None:
    package = json.loads((ROOT / "labextension" / "package.json").read_text(encoding="utf-8"))
    names = {*package["dependencies"], *package["devDependencies"]}
    reasons = documented_reasons()
    groups = tuple(reason.removesuffix("*") for reason in reasons if reason.endswith("/*"))
    assert sorted(name for name in names - reasons if not name.startswith(groups)) == []


def test_the_versions_agree() -> None:
    from nbtrack import __version__

    package = json.loads((ROOT / "labextension" / "package.json").read_text(encoding="utf-8"))
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert package["version"] == __version__
    assert f"## [{__version__}]" in changes
