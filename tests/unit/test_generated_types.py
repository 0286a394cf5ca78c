from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "labextension" / "generate_types.py"


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    if not SCRIPT.exists():
        pytest.skip("The front end's sources are not part of this checkout")
    spec = importlib.util.spec_from_file_location("generate_types", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_is_generated_is_current(generator: ModuleType) -> None:
    for path, text in generator.generate().items():
        stale = f"{path.name} is stale; run: python labextension/generate_types.py"
        assert path.read_text(encoding="utf-8") == text, stale


def test_floats_in_collections_may_be_infinite_and_others_not(generator: ModuleType) -> None:
    assert generator.typescript(dict[str, float]) == "Record<string, Measured>"
    assert generator.typescript(list[float | None]) == "(Measured | null)[]"
    assert generator.typescript(float | None) == "number | null"


def test_an_unknown_hint_is_refused(generator: ModuleType) -> None:
    with pytest.raises(TypeError, match="bytes"):
        generator.typescript(bytes)
