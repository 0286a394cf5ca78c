"""What nobody meant to write is a notebook or one sentence. `hostile_notebooks.py` does the same as often as wanted."""

from __future__ import annotations

import json
import random

import pytest
from hostile_notebooks import MODEL, mutated, use


@pytest.mark.parametrize("first", range(0, 2_000, 500))
def test_whatever_a_file_holds_there_is_an_answer_or_a_sentence(first: int) -> None:
    readable = sum(use(mutated(random.Random(seed))) for seed in range(first, first + 500))
    assert 100 < readable < 450  # else the mutations are too wild, or too tame, to find anything


def test_ids_that_stand_twice_name_nothing() -> None:
    cells = [{**cell, "id": "same"} for cell in MODEL["cells"]]
    assert use(json.dumps({**MODEL, "cells": cells * 3}))


def test_deep_nesting_inside_a_notebook_is_told() -> None:
    deep = '{"a":' * 100_000 + "1" + "}" * 100_000
    assert not use(json.dumps(MODEL).replace('"python3"', deep))
