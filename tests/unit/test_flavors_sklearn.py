"""From the kernel's pickle to a skops file, in a process of its own, and back to a model."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.cluster import Birch
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from threadpoolctl import threadpool_limits

import nbtrack.flavors
from nbtrack.capture.models import save_fast
from nbtrack.errors import InvalidInput, MissingLibrary, ModelError, NbtrackError, StoreCorrupt, UnsafeModel
from nbtrack.flavors.conversion import Converted, convert
from nbtrack.flavors.convert import answer
from nbtrack.flavors.loading import load, load_kept

X, y = load_iris(return_X_y=True)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads that spin for each other make small fits slow on a busy machine."""
    with threadpool_limits(1):
        yield


TREE = "sklearn.tree._tree.Tree"


def digest(content: bytes) -> str:
    return f"blake2b-256:{hashlib.blake2b(content, digest_size=32).hexdigest()}"


def saved(model: object, folder: Path) -> tuple[Path, str]:
    path = folder / "model.pickle"
    with path.open("wb") as file:
        return path, save_fast(model, file, 10**9).digest


def written(content: bytes, folder: Path) -> tuple[Path, str]:
    path = folder / "model"
    path.write_bytes(content)
    return path, digest(content)


class Own(BaseEstimator):
    def __init__(self, canary: str = "") -> None:
        self.canary = canary

    def __setstate__(self, state: dict[str, Any]) -> None:
        Path(state["canary"]).touch()
        self.__dict__.update(state)


@pytest.fixture(scope="module")
def forest() -> RandomForestClassifier:
    return RandomForestClassifier(10, random_state=0).fit(X, y)


@pytest.fixture
def converted(forest: RandomForestClassifier, tmp_path: Path) -> tuple[Path, Converted]:
    target = tmp_path / "model.skops"
    return target, convert(*saved(forest, tmp_path), target)


def test_a_converted_model_gives_the_same_answers(
    forest: RandomForestClassifier, converted: tuple[Path, Converted]
) -> None:
    target, done = converted
    content = target.read_bytes()
    assert done.format == "skops"
    assert done.type_name == "sklearn.ensemble._forest.RandomForestClassifier"
    assert (done.digest, done.size) == (digest(content), len(content))
    assert set(done.types) <= {TREE}  # older versions of skops trust it themselves
    loaded = load(target, done.digest, done.format, done.types)
    np.testing.assert_array_equal(loaded.predict_proba(X), forest.predict_proba(X))


def test_the_pickle_itself_loads_through_the_list(forest: RandomForestClassifier, tmp_path: Path) -> None:
    path, known = saved(forest, tmp_path)
    np.testing.assert_array_equal(load_kept(path, known, "pickle").predict(X), forest.predict(X))


def test_another_hash_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    path, known = saved(Own(str(canary)), tmp_path)
    path.write_bytes(path.read_bytes() + b"x")
    for attempt in (
        lambda: convert(path, known, tmp_path / "target"),
        lambda: load_kept(path, known, "pickle", trust=known),
        lambda: load(path, known, "skops"),
        lambda: load(tmp_path / "missing", known, "skops"),
        lambda: load_kept(path, "", "pickle", trust=""),
    ):
        with pytest.raises(StoreCorrupt):
            attempt()
    assert not canary.exists()
    assert not (tmp_path / "target").exists()


def test_classes_of_the_notebook_are_refused_by_name(tmp_path: Path) -> None:
    canary, target = tmp_path / "canary", tmp_path / "target"
    path, known = saved(make_pipeline(StandardScaler(), Own(str(canary))), tmp_path)
    with pytest.raises(UnsafeModel) as raised:
        convert(path, known, target)
    assert raised.value.details["types"] == [f"{__name__}.Own"]
    for trust in (None, "", "yes", known[:-1]):
        with pytest.raises(UnsafeModel) as raised:
            load_kept(path, known, "pickle", trust=trust)
        assert f"trust={known!r}" in str(raised.value)
    assert not canary.exists()
    assert not target.exists()
    load_kept(path, known, "pickle", trust=known)
    assert canary.exists()


def test_what_skops_cannot_write_stays_a_pickle(tmp_path: Path) -> None:
    target = tmp_path / "target"
    with pytest.raises(ModelError, match="stays a pickle") as raised:
        convert(*saved(Birch().fit(X), tmp_path), target)
    assert not isinstance(raised.value, UnsafeModel)
    assert not target.exists()


def test_skops_types_outside_the_list_are_refused_even_when_recorded(tmp_path: Path) -> None:
    import skops.io

    canary = tmp_path / "canary"
    path, known = written(skops.io.dumps(Own(str(canary))), tmp_path)
    for types in ([], [f"{__name__}.Own"]):
        with pytest.raises(UnsafeModel) as raised:
            load(path, known, "skops", types)
        assert raised.value.details["types"] == [f"{__name__}.Own"]
    assert not canary.exists()


def test_skops_types_that_were_not_recorded_are_refused(tmp_path: Path) -> None:
    import skops.io

    path, known = written(skops.io.dumps(FunctionTransformer(np.mean).fit(X)), tmp_path)
    with pytest.raises(UnsafeModel) as raised:
        load(path, known, "skops", [TREE])
    assert raised.value.details["types"] == ["numpy.mean"]
    assert load(path, known, "skops", ["numpy.mean"]).transform(X) == X.mean()


def test_a_gadget_in_a_skops_file_is_refused(tmp_path: Path) -> None:
    gadget = {
        "__class__": "system", "__module__": "os", "__loader__": "FunctionNode", "__id__": 1, "protocol": 2,
        "_skops_version": "0.13",
    }  # fmt: skip
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("schema.json", json.dumps(gadget))
    path, known = written(file.getvalue(), tmp_path)
    with pytest.raises(UnsafeModel) as raised:
        load(path, known, "skops", ["os.system"])
    assert raised.value.details["types"] == ["os.system"]


def test_no_other_loader_is_tried(
    forest: RandomForestClassifier, converted: tuple[Path, Converted], tmp_path: Path
) -> None:
    target, done = converted
    with pytest.raises(StoreCorrupt, match="recorded as pickle"):
        load(target, done.digest, "pickle", trust=done.digest)
    path, known = saved(forest, tmp_path)
    with pytest.raises(StoreCorrupt, match="recorded as skops"):
        load(path, known, "skops", [TREE])
    with pytest.raises(ModelError, match="'joblib'"):
        load(path, known, "joblib")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"PK\x03\x04" + b"\0" * 100, b"x"])
def test_a_file_that_is_no_archive_is_corrupt(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(StoreCorrupt):
        load(*written(content, tmp_path), "skops")


def test_a_pickle_hidden_behind_an_archive_is_not_loaded(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    file = io.BytesIO(pickle.dumps(Own(str(canary)), 5))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("schema.json", "{}")
    path, known = written(file.getvalue(), tmp_path)
    with pytest.raises(NbtrackError):
        load(path, known, "skops", [f"{__name__}.Own"])
    with pytest.raises(UnsafeModel):
        load_kept(path, known, "pickle")
    assert not canary.exists()


@pytest.mark.parametrize(("module", "library"), [("skops.io", "skops"), ("sklearn", "scikit-learn")])
def test_a_missing_library_says_how_to_get_it(
    module: str, library: str, converted: tuple[Path, Converted], monkeypatch: pytest.MonkeyPatch
) -> None:
    target, done = converted
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingLibrary) as raised:
        load(target, done.digest, "skops", done.types)
    assert raised.value.details["library"] == library
    assert 'pip install "nbtrack[sklearn]"' in str(raised.value)


# ── in a process of its own ──


def asked(
    request: object, *, python: str = "from nbtrack.flavors.convert import main; main()"
) -> subprocess.CompletedProcess[str]:
    package = str(Path(nbtrack.flavors.__file__).parents[2])
    return subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.append({package!r}); {python}"],
        input=request if isinstance(request, str) else json.dumps(request),
        capture_output=True, text=True, check=True, cwd="/", timeout=60,
    )  # fmt: skip


def test_the_child_answers_with_one_json_value_whatever_libraries_print(
    forest: RandomForestClassifier, tmp_path: Path
) -> None:
    path, known = saved(forest, tmp_path)
    request = {"do": "convert", "source": str(path), "digest": known, "target": str(tmp_path / "target")}
    noisy = (
        "import os, sklearn.base; old = sklearn.base.BaseEstimator.__setstate__\n"
        "def loud(self, state): print('noise'); os.write(1, b'more noise'); return old(self, state)\n"
        "sklearn.base.BaseEstimator.__setstate__ = loud\n"
        "from nbtrack.flavors.convert import main; main()"
    )
    child = asked(request, python=noisy)
    done = json.loads(child.stdout)["ok"]
    assert set(done["types"]) <= {TREE}
    assert "noise" in child.stderr
    assert "more noise" in child.stderr
    np.testing.assert_array_equal(
        load(tmp_path / "target", **_without_type(done)).predict(X), forest.predict(X)
    )


def _without_type(done: dict[str, Any]) -> dict[str, Any]:
    return {name: done[name] for name in ("digest", "format", "types")}


def test_the_child_names_what_it_refuses(tmp_path: Path) -> None:
    path, known = saved(Own("x"), tmp_path)
    error = json.loads(
        asked({"do": "convert", "source": str(path), "digest": known, "target": str(tmp_path / "t")}).stdout
    )["error"]
    assert error["code"] == "unsafe_model"
    assert error["details"] == {"types": [f"{__name__}.Own"]}
    assert f"{__name__}.Own" in error["message"]


def test_the_child_imports_no_library_for_a_wrong_request() -> None:
    child = asked(
        "nonsense", python="from nbtrack.flavors.convert import main; main(); print('sklearn' in sys.modules)"
    )
    assert json.loads(child.stdout)["error"]["code"] == InvalidInput.code
    assert child.stderr.endswith("False\n")


@pytest.mark.parametrize(
    "request_text",
    [
        "",
        "[]",
        "{}",
        "null",
        '{"do": "convert", "source": 1}',
        '{"do": "eval", "source": "a", "digest": "b"}',
        '{"do": "convert", "source": "a", "digest": "b"}',
        '{"do": "verify", "source": "a", "digest": "b"}',
    ],
)
def test_wrong_requests_are_answered(request_text: str) -> None:
    assert answer(request_text)["error"]["code"] == InvalidInput.code


def test_every_failure_is_an_answer(tmp_path: Path) -> None:
    model = LogisticRegression(max_iter=300).fit(X, y)
    path, known = saved(model, tmp_path)
    nowhere = json.dumps(
        {"do": "convert", "source": str(path), "digest": known, "target": str(tmp_path / "no" / "folder")}
    )
    assert answer(nowhere)["error"]["code"] == ModelError.code
    missing = json.dumps(
        {"do": "convert", "source": str(tmp_path / "none"), "digest": known, "target": str(tmp_path / "t")}
    )
    assert answer(missing)["error"]["code"] == StoreCorrupt.code
