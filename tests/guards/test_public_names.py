"""The public names are a promise: this list and the package change together, on purpose."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys

import pytest

import nbtrack

PUBLIC = [
    "Client",
    "NbtrackError",
    "__version__",
    "artifact",
    "flush",
    "log",
    "log_series",
    "model",
    "open",
    "params",
    "run",
    "tag",
]
OBJECTS = [name for name in PUBLIC if not name.startswith("_")]


def test_the_public_names_are_these() -> None:
    assert sorted(nbtrack.__all__) == PUBLIC
    assert dir(nbtrack) == PUBLIC


@pytest.mark.parametrize("name", OBJECTS)
def test_a_public_name_says_what_it_is(name: str) -> None:
    found = getattr(nbtrack, name)
    assert found.__doc__, f"nbtrack.{name} has no docstring"
    if inspect.isclass(found):
        undocumented = [
            member
            for member, value in vars(found).items()
            if not member.startswith("_") and callable(value) and not inspect.getdoc(value)
        ]
        assert undocumented == []


def test_the_parts_of_a_client_say_what_they_are() -> None:
    undocumented = []
    for module in ("nbtrack.client", "nbtrack.client.runs", "nbtrack.client.models", "nbtrack.client.table"):
        for owner, kind in inspect.getmembers(importlib.import_module(module), inspect.isclass):
            if kind.__module__ != module or owner.startswith("_"):
                continue
            undocumented += [
                f"{module}.{owner}.{name}"
                for name, value in vars(kind).items()
                if not name.startswith("_") and not inspect.getdoc(value)
            ]
    assert undocumented == []


def test_a_missing_name_is_an_attribute_error() -> None:
    assert not hasattr(nbtrack, "no_such_name")


def test_importing_the_package_loads_none_of_its_parts() -> None:
    code = "import sys, nbtrack; print(*(name for name in sys.modules if name.startswith('nbtrack')))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert set(loaded.split()) == {"nbtrack", "nbtrack.version"}
