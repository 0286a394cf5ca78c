"""The formats beside skops: what they refuse before any library is imported, and the notebook's own classes as source."""

from __future__ import annotations

import io
import json
import linecache
import pickle
import zipfile
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nbtrack.errors import ModelError, NbtrackError, StoreCorrupt, UnsafeModel
from nbtrack.flavors import formats, keras, pickled, torch
from nbtrack.flavors.answers import compare, frame_of
from nbtrack.flavors.content import Written, digest_of
from nbtrack.flavors.conversion import convert
from nbtrack.flavors.loading import load
from nbtrack.flavors.own_source import module_of, sources_of
from nbtrack.flavors.verifying import requirements, verify


def safetensors(tree: dict[str, Any], **header: str) -> bytes:
    content = json.dumps({"__metadata__": {"nbtrack": json.dumps(tree), **header}}).encode()
    return len(content).to_bytes(8, "little") + content


def module(kind: str, **children: Any) -> dict[str, Any]:
    return {"class": kind, "training": False, "parameters": {}, "buffers": {}, "passing": [], "state": {},
            "children": children}  # fmt: skip


def archive(members: dict[str, str]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as written:
        for name, text in members.items():
            written.writestr(name, text)
    return file.getvalue()


def network(config: Any) -> bytes:
    return archive({"metadata.json": "{}", "config.json": json.dumps(config), "model.weights.h5": ""})


def layer(
    kind: str, module: str | None = "keras.layers", registered: str | None = None, **config: Any
) -> Any:
    return {"class_name": kind, "module": module, "registered_name": registered, "config": config}


MALICIOUS_KERAS: dict[str, Any] = {
    "CVE-2025-1550, a module of its own": layer("Model", "evil"),
    "a function of os": layer("function", "builtins", "system"),
    "subprocess": layer("Popen", "subprocess"),
    "Lambda": layer("Lambda", function="4wEAAAAA"),
    "CVE-2025-8747, get_file": layer("function", "keras.utils", config="get_file"),
    "TorchModuleWrapper": layer("TorchModuleWrapper", module={"class_name": "__bytes__"}),
    "TFSMLayer": layer("TFSMLayer", filepath="/tmp/evil"),
    "CVE-2025-12058, vocabulary as a path": layer("StringLookup", vocabulary="/etc/passwd"),
    "idf weights as a path": layer("TextVectorization", idf_weights="http://127.0.0.1/x"),
    "somebody's own class": layer("Dense", "keras.layers", "Custom>Dense"),
    "builtins": layer("eval", "builtins"),
    "no module": layer("Dense", None),
    "nested in a functional model": layer(
        "Functional", "keras.src.models.functional", layers=[layer("Lambda")]
    ),
    "nested in an initializer": layer("Dense", kernel_initializer=layer("X", "evil")),
    "keras.src": layer("Lambda", "keras.src.layers.core.lambda_layer"),
}


@pytest.mark.parametrize("config", MALICIOUS_KERAS.values(), ids=MALICIOUS_KERAS.keys())
def test_malicious_networks_of_keras_are_refused_before_keras_is_imported(config: Any) -> None:
    content = network(config)
    for trust in (None, digest_of(content)):  # trust does not help: Keras itself would run it
        with pytest.raises(UnsafeModel):
            load(content, digest_of(content), "keras", trust=trust)


MALICIOUS_TORCH: dict[str, dict[str, Any]] = {
    "os.system": module("os.system"),
    "somebody's class": module("evil.Net"),
    "nested": module("torch.nn.modules.container.Sequential", a=module("subprocess.Popen")),
    "a class of the notebook": module("__main__.Net"),
    "torch, but not a module": module("torch.serialization.load"),
    "torch.hub": module("torch.hub.load"),
}


@pytest.mark.parametrize("tree", MALICIOUS_TORCH.values(), ids=MALICIOUS_TORCH.keys())
def test_networks_with_classes_of_others_need_trust(tree: dict[str, Any], tmp_path: Path) -> None:
    content = safetensors(tree, source=f"open({str(tmp_path / 'canary')!r}, 'w')")
    assert torch.is_one(content)
    with pytest.raises(UnsafeModel, match="trust="):
        load(content, digest_of(content), "torch")
    assert not (tmp_path / "canary").exists()


def test_source_alone_makes_a_network_run_code() -> None:
    assert torch.runs_code(safetensors(module("torch.nn.modules.linear.Linear"), source=""))
    assert not torch.runs_code(safetensors(module("torch.nn.modules.linear.Linear")))


OTHER_CONTENT = {
    "a pickle": pickle.dumps({"a": 1}, 5),
    "an old pickle": b"cos\nsystem\n(S'true'\ntR.",
    "joblib": b"\x80\x04\x95joblib",
    "torch.save": archive({"model/data.pkl": "x"}),
    "an HDF5 file": b"\x89HDF\r\n\x1a\n",
    "JSON": b'{"learner": {}}',
    "text": b"tree",
    "nothing": b"",
}


@pytest.mark.parametrize("content", OTHER_CONTENT.values(), ids=OTHER_CONTENT.keys())
@pytest.mark.parametrize("form", ["xgboost", "lightgbm", "catboost", "torch", "keras", "skops"])
def test_a_file_that_does_not_begin_as_its_format_is_not_loaded(form: str, content: bytes) -> None:
    with pytest.raises(StoreCorrupt, match=f"recorded as {form}"):
        load(content, digest_of(content), form, trust=digest_of(content))


@pytest.mark.parametrize("form", ["xgboost", "catboost"])
def test_a_class_that_is_not_the_librarys_is_refused(form: str) -> None:
    content = {"xgboost": b"{L" + bytes(20), "catboost": b"CBM1" + bytes(20)}[form]
    for types in ([], ["os.system"], ["xgboost.core.Booster", "os.system"]):
        with pytest.raises(UnsafeModel):
            load(content, digest_of(content), form, types)


# ── pickles ──


def test_a_pickle_needs_the_digest_as_trust() -> None:
    content = pickle.dumps({"a": 1}, 5)
    digest = digest_of(content)
    for trust in (None, "", "yes", digest[:-1]):
        with pytest.raises(UnsafeModel, match="runs code"):
            load(content, digest, "pickle", trust=trust)
    assert load(content, digest, "pickle", trust=digest) == {"a": 1}


CELL = """import math
from collections import OrderedDict
OFFSET = 2
class Base:
    def shift(self, x):
        return helper(x) + OFFSET
def helper(x):
    return math.floor(x)
class Model(Base):
    def __init__(self):
        self.seen = OrderedDict(a=1)
    def predict(self, rows):
        return [self.shift(x) for x in rows]
"""


@pytest.fixture
def notebook() -> Iterator[dict[str, Any]]:
    """The variables that a cell leaves, with its source where tracebacks find it."""
    variables: dict[str, Any] = {"__name__": "__main__"}
    linecache.cache["<cell 1>"] = (len(CELL), None, CELL.splitlines(keepends=True), "<cell 1>")
    exec(compile(CELL, "<cell 1>", "exec"), variables)
    yield variables
    del linecache.cache["<cell 1>"]


def test_the_source_of_a_class_has_what_it_refers_to(notebook: dict[str, Any]) -> None:
    source = sources_of([notebook["Model"]], notebook)
    for part in (
        "import math as math",
        "OFFSET = 2",
        "class Base",
        "def helper",
        "from collections import OrderedDict",
    ):
        assert part in source
    made = module_of(source, b"x")
    assert made.Model().predict([1.5]) == [3]


def test_a_class_without_known_source_is_refused() -> None:
    with pytest.raises(ModelError, match="source of Made is not known"):
        sources_of([type("Made", (), {"__module__": "__main__"})], {})


def test_a_pickle_of_a_class_of_the_notebook_brings_its_source(
    notebook: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    import __main__

    for name in ("Model", "Base", "helper", "OFFSET", "math", "OrderedDict"):
        monkeypatch.setattr(__main__, name, notebook[name], raising=False)
    written = pickled.with_source(pickle.dumps(notebook["Model"](), 5), notebook)
    assert written.runs_code
    monkeypatch.delattr(__main__, "Model")
    loaded = load(written.content, digest_of(written.content), "pickle", trust=digest_of(written.content))
    assert loaded.predict([1.5]) == [3]
    with pytest.raises(UnsafeModel):
        load(written.content, digest_of(written.content), "pickle")


# ── what a fresh process looks at ──


def kept(tmp_path: Path, predictions: list[Any]) -> tuple[dict[str, Any], str]:
    from sklearn.linear_model import LinearRegression

    rows_in = np.arange(20.0).reshape(10, 2)
    model = LinearRegression().fit(rows_in, rows_in.sum(axis=1))
    source = tmp_path / "kept"
    source.write_bytes(pickle.dumps(model, 5))
    rows = json.dumps(
        {"type": "numpy.ndarray", "schema": {"values": "float64"}, "rows": rows_in[:3].tolist(), "method": "predict",
         "predictions": predictions}
    )  # fmt: skip
    done = convert(source, digest_of(source.read_bytes()), tmp_path / "version", rows=rows)
    asked = {"digest": done.digest, "form": done.format, "types": done.types, "model_type": done.type_name}
    return {**asked, "kinds": done.kinds}, rows


def test_equal_answers_are_recorded_and_others_refused(tmp_path: Path) -> None:
    asked, rows = kept(tmp_path, [1.0, 5.0, 9.0])
    found = verify(tmp_path / "version", **asked, rows=rows)
    assert (found.verified, found.rows, found.method) == ("equal answers", 3, "predict")
    assert found.output == "float64 (n)"
    assert [*found.latency] == ["1", "1000"]
    assert any(line.startswith("scikit-learn==") for line in found.requirements)
    assert verify(tmp_path / "version", **asked).verified == "reload only"
    asked, rows = kept(tmp_path, [1.0, 5.0, 9.1])
    with pytest.raises(
        ModelError, match=r"otherwise than the one of the notebook, for 1 of 3 rows and by up to 0\.1"
    ):
        verify(tmp_path / "version", **asked, rows=rows)
    with pytest.raises(ModelError, match="loads as something else"):
        verify(tmp_path / "version", **{**asked, "model_type": "sklearn.svm._classes.SVC"})


def test_answers_are_compared_by_the_tolerances_that_are_recorded() -> None:
    assert compare([1.0, None], np.array([1.0 + 5e-6, np.nan])).different == 0
    assert compare([1.0, 2.0], np.array([1.0, 2.0 + 1e-4])).different == 1
    assert compare([1.0], np.array([1.0, 2.0])).different == 2
    assert compare(["a", "b"], np.array(["a", "c"])).different == 1
    assert compare([[1.0, 2.0]], np.array([[1.0], [2.0]])).different == 2


def test_rows_become_the_input_that_they_were() -> None:
    table = frame_of([[1, "a"], [2, "b"]], "pandas.DataFrame", {"n": "int64", "s": "object"})
    assert [*table.columns] == ["n", "s"]
    assert str(table["n"].dtype) == "int64"
    assert frame_of([[1.0]], "numpy.ndarray", {"values": "float32"}).dtype == np.float32
    assert frame_of([[1.0, 0.0]], "scipy.sparse.csr_matrix", {"values": "float64"}).nnz == 1


def test_requirements_are_the_packages_of_the_model_and_what_they_need() -> None:
    found = {line.partition("==")[0] for line in requirements(["sklearn", "json", "__main__.Model"])}
    assert {"scikit-learn", "numpy", "scipy", "joblib"} <= found
    assert "pytest" not in found


# ── plug-ins ──


def test_a_package_brings_a_format_by_entry_point(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Toy:
        pass

    leaf = SimpleNamespace(
        FORMAT="toy", LIBRARY="json", holds=lambda kind: kind is Toy, write=lambda model: Written(content=b"toy!"),
        is_one=lambda content: content.startswith(b"toy"), runs_code=lambda content: False,
        load=lambda content, types, trusted: Toy(),
    )  # fmt: skip
    point = EntryPoint("toy", "toys:leaf", formats.GROUP)
    taken = EntryPoint("skops", "toys:leaf", formats.GROUP)
    monkeypatch.setattr(EntryPoint, "load", lambda self: leaf)
    monkeypatch.setattr(
        formats,
        "entry_points",
        lambda group, name=None: [p for p in (taken, point) if name in (None, p.name)],
    )
    assert formats.formats()[-1] == "toy"
    assert formats.formats().count("skops") == 1
    assert formats.flavor_of(Toy()) is leaf
    assert isinstance(load(b"toy!", digest_of(b"toy!"), "toy"), Toy)
    assert formats.flavor("skops") is not leaf
    with pytest.raises(NbtrackError, match="something else"):
        load(b"joy!", digest_of(b"joy!"), "toy")


def test_no_safe_format_is_said_with_the_way_out() -> None:
    with pytest.raises(ModelError, match="--format pickle"):
        formats.flavor_of(object())
    assert not keras.holds(int)
