"""Source distributions of other packages, fetched by the package index that this machine is set up for.

An installer that is asked for a source distribution builds its metadata, for which some packages want a compiler. A lock
file names the same files without building anything: uv writes one, and what it names is fetched and checked.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import urllib.parse
import urllib.request
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

EXAMPLES = {
    "scikit-learn": "examples",
    "imbalanced-learn": "examples",
    "statsmodels": "examples",
}
"""The packages and the folder of each one's source distribution that has its examples."""


def cache_folder() -> Path:
    """Where all this is kept: outside of the repository."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "nbtrack-corpus"


def installed(package: str) -> str | None:
    """The version of a package that runs here; examples of another one would fail for reasons of their own."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def fetch(packages: Iterable[str]) -> dict[str, Path]:
    """The folders of the examples, by package; what is not installed here is left out."""
    wanted = {name: found for name in packages if (found := installed(name)) is not None}
    folders = {name: cache_folder() / "sources" / f"{name}-{found}" for name, found in wanted.items()}
    missing = {name: wanted[name] for name, folder in folders.items() if not folder.exists()}
    if missing:
        for name, source in _locked(missing).items():
            _unpack(_download(source), EXAMPLES[name], folders[name])
    return folders


def _locked(wanted: dict[str, str]) -> dict[str, dict[str, Any]]:
    """What the index has as the source distribution of each package: where it is, and its checksum."""
    requirements = "".join(f"{name}=={found}\n" for name, found in wanted.items())
    options = ["--quiet", "--no-deps", "--format", "pylock.toml", "--python", sys.executable]
    command = [sys.executable, "-m", "uv", "pip", "compile", *options, "-"]
    answer = subprocess.run(command, input=requirements, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise SystemExit(f"The package index gave no source distributions: {answer.stderr.strip()}")
    return {
        found["name"]: found["sdist"]
        for found in tomllib.loads(answer.stdout)["packages"]
        if "sdist" in found
    }


def _download(source: dict[str, Any]) -> Path:
    address = source.get("url") or Path(source["path"]).absolute().as_uri()
    target = cache_folder() / "downloads" / Path(urllib.parse.urlsplit(address).path).name
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(".part")
        with urllib.request.urlopen(address, timeout=600) as answer, part.open("wb") as file:
            shutil.copyfileobj(answer, file)
        part.replace(target)
    with target.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != source["hashes"]["sha256"]:
        target.unlink()
        raise SystemExit(f"{target.name} does not have the checksum that the package index names for it.")
    return target


def _unpack(archive: Path, part: str, folder: Path) -> None:
    """Take the examples out of an archive; the folder appears at once or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch, tarfile.open(archive) as opened:
        members = [
            member
            for member in opened.getmembers()
            if Path(member.name).parts[1:2] == (part,) and member.isfile()
        ]
        opened.extractall(scratch, members, filter="data")
        (top,) = Path(scratch).iterdir() if members else (Path(scratch) / "nothing",)
        (top / part).mkdir(parents=True, exist_ok=True)
        (top / part).rename(folder)
