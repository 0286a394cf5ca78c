"""What nbtrack finds in notebooks, counted as `benchmarks/capture.py` does: in one that is known, and in foreign ones."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

pytest.importorskip("jupytext", reason="see heavy/README.md")
pytest.importorskip("sklearn", reason="see heavy/README.md")

from corpus.completeness import Tally, compare
from corpus.notebooks import Notebook, corpus
from corpus.pairs import Zygote

MOST = int(os.environ.get("NBTRACK_TEST_CORPUS_MOST", "80"))
LIMIT = float(os.environ.get("NBTRACK_TEST_CORPUS_LIMIT", "10"))

KNOWN = (
    "from sklearn.datasets import load_iris\nfrom sklearn.decomposition import PCA\n"
    "from sklearn.linear_model import LinearRegression\nfrom sklearn.metrics import r2_score\n"
    "from sklearn.preprocessing import StandardScaler\nX, y = load_iris(return_X_y=True)",
    "unused = 'a' * 10",
    "scaler = StandardScaler()\nZ = scaler.fit_transform(X)",
    "pca = PCA(2, random_state=0).fit(Z)",
    "models = [LinearRegression().fit(X[:, :n], y) for n in (1, 2, 3)]",
    "model = LinearRegression().fit(Z, y)\nprint(r2_score(y, model.predict(Z)))",
    "import time; print(time.perf_counter())",  # another text each time: no target
)  # fmt: skip


@pytest.fixture
def tally() -> Iterator[Tally]:
    found = Tally(Zygote(), LIMIT)
    yield found
    found.zygote.close()


def test_each_thing_is_counted_once(tally: Tally) -> None:
    assert compare(Notebook("known", KNOWN), tally)
    assert tally.misses == []
    assert (tally.models, tally.steps, tally.metrics, tally.reads) == ([5, 5], [1, 1], [1, 1], [1, 1])
    assert (tally.slices, tally.asked) == ([1, 1], [3, 3])
    assert tally.words["same"] + tally.words["different by itself"] == 1
    assert tally.false == 0


def test_a_cell_that_is_kept_out_is_missed(tally: Tally) -> None:
    hidden = [f"# nbtrack: off\n{cell}" if cell.startswith("model =") else cell for cell in KNOWN[:-1]]
    assert compare(Notebook("known", tuple(hidden)), tally)
    assert (tally.models, tally.metrics) == ([4, 5], [0, 1])
    assert any("metric r2_score" in miss for miss in tally.misses)


def test_nearly_all_of_foreign_notebooks_is_found(tally: Tally) -> None:
    for notebook in corpus():
        if tally.notebooks < MOST:
            compare(notebook, tally)
    told = "\n".join([*tally.lines(), *tally.misses])
    assert not tally.words["different"], told
    fits = [one + other for one, other in zip(tally.models, tally.steps, strict=True)]
    for found, of in (fits, tally.metrics, tally.reads):
        assert found >= 0.98 * of, told
    assert tally.false <= 0.01 * tally.cells, told
    slices = [one + other for one, other in zip(tally.slices, tally.asked, strict=True)]
    assert slices[0] >= 0.97 * slices[1], told
