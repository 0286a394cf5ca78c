"""Notebooks that others have written give the same with nbtrack as without it.

The examples of scikit-learn, imbalanced-learn and statsmodels, from their source distributions (corpus/sources.py). By
default each of them, which takes hours; `NBTRACK_TEST_CORPUS_MOST=20` takes the first 20, always the same.
"""

from __future__ import annotations

import os

import pytest

pytest.importorskip("jupytext", reason="see heavy/README.md")

from corpus import kernels
from corpus.differences import of_outputs
from corpus.notebooks import Notebook, corpus
from corpus.pairs import judge

MOST = int(os.environ.get("NBTRACK_TEST_CORPUS_MOST", "1000"))
LIMIT = float(os.environ.get("NBTRACK_TEST_CORPUS_LIMIT", "10"))
"""Seconds of the processor that a notebook may want without nbtrack."""
IN_KERNELS = 10

NOTEBOOKS = corpus()[:MOST]
words: list[str] = []


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.name)
def test_it_is_the_same_with_and_without(notebook: Notebook) -> None:
    verdict = judge(notebook, LIMIT)
    words.append(verdict.word)
    assert verdict.word != "different", "\n".join(map(str, verdict.differences))


def test_enough_of_them_ran() -> None:
    ran = sum(word in ("same", "nondeterministic", "different") for word in words)
    assert ran >= 60 or len(NOTEBOOKS) < 250, f"{ran} of {len(words)} ran"
    assert words.count("same") > 0


@pytest.mark.parametrize("notebook", NOTEBOOKS[:IN_KERNELS], ids=lambda notebook: notebook.name)
def test_a_real_kernel_shows_the_same(notebook: Notebook) -> None:
    plain, tracked = (
        kernels.execute(notebook.cells, tracked=tracked, limit=300) for tracked in (False, True)
    )
    if found := of_outputs(plain, tracked):
        again = kernels.execute(notebook.cells, tracked=False, limit=300)
        own = {each.cell for each in of_outputs(plain, again)}
        assert not [each for each in found if each.cell not in own], "\n".join(map(str, found))
