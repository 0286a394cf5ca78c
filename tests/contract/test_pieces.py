"""Large notebooks are kept in pieces: byte for byte, each version at the cost of what changed."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from owned_store import OwnedStore

from nbtrack.errors import StoreCorrupt
from nbtrack.service import completed
from nbtrack.store.blobs import PIECES_CODEC, digest_of
from nbtrack.store.pieces import WORTH, cut


@pytest.fixture
def owned(tmp_path: Path) -> Iterator[OwnedStore]:
    opened = OwnedStore(tmp_path)
    yield opened
    opened.store.close()


def cells(count: int, picture: int, seed: int = 0) -> list[dict[str, Any]]:
    draw = random.Random(seed)
    return [
        {
            "cell_type": "code", "id": f"c{place}", "metadata": {}, "source": [f"plot({place})\n"], "execution_count": 1,
            "outputs": [{"output_type": "display_data", "metadata": {},
                         "data": {"image/png": base64.b64encode(draw.randbytes(picture)).decode()}}],
        }
        for place in range(count)
    ]  # fmt: skip


def file(found: list[dict[str, Any]], indent: int = 1) -> bytes:
    return json.dumps(
        {"cells": found, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=indent
    ).encode()


@pytest.mark.parametrize(("count", "picture"), [(30, 60_000), (400, 1_500), (3_000, 200), (3, 900_000)])
@pytest.mark.parametrize("indent", [1, 2])
def test_a_change_of_one_cell_costs_about_one_cell(count: int, picture: int, indent: int) -> None:
    found = cells(count, picture)
    before = cut(file(found, indent))
    assert b"".join(before) == file(found, indent)
    assert len(before) > 1
    found[count // 2]["source"] = ["plot(5)\n"]
    edited = cut(file(found, indent))
    found.insert(1, cells(1, picture, seed=9)[0])
    longer = cut(file(found, indent))
    largest = 3 * (picture * 4 // 3 + 300) + 3 * 256 * 1024
    for old, new in ((before, edited), (edited, longer)):
        assert b"".join(new).count(b'"cell_type"') >= count
        assert sum(map(len, set(new) - set(old))) <= min(largest, len(b"".join(new)) // 2)


@pytest.mark.parametrize(
    "content", [b"", b"x" * WORTH, b"\n{\n" * WORTH, file(cells(2, 10)), b"\r\n {\r\n" * 90_000]
)
def test_anything_comes_back_as_it_was(owned: OwnedStore, content: bytes) -> None:
    assert b"".join(cut(content)) == content
    with owned.store.transaction():
        digest = owned.store.blobs.put_notebook(content)
    assert digest == digest_of(content)
    assert owned.store.blobs.get(digest) == b"".join(owned.store.blobs.read(digest)) == content


def test_versions_share_their_pieces_and_are_collected_with_the_last(owned: OwnedStore) -> None:
    found = cells(60, 30_000)
    sizes = []
    for place in range(5):
        found[place]["source"] = ["changed"]
        with owned.store.transaction():
            digest = owned.store.blobs.put_notebook(file(found))
        owned.snapshot(run := owned.run(), file(found))
        sizes.append(owned.store.blobs.total_size())
    assert (
        next(owned.store.connection.execute("SELECT codec FROM blobs WHERE digest = ?", (digest,)))[0]
        == PIECES_CODEC
    )
    assert sizes[-1] < sizes[0] * 1.5
    assert completed(owned.service.verification.make()).errors == 0
    owned.service.retention.collect(grace_days=0).result()
    assert owned.store.blobs.get(digest) == file(found)
    owned.service.trash.delete(runs=[f"forest-{number}" for number in range(1, 6)])
    for _ in range(2):  # what a notebook was made of is let go when nothing is made of it any more
        owned.service.retention.collect(trash_days=0, grace_days=0).result()
    assert owned.store.blobs.total_size() == 0
    assert run


def test_a_damaged_piece_is_found_and_told(owned: OwnedStore) -> None:
    owned.snapshot(owned.run(), file(found := cells(20, 30_000)))
    with owned.store.transaction():
        digest = owned.store.blobs.put_notebook(file(found))
    piece, _ = max(owned.store.blobs.files(), key=lambda item: item[1])
    path = owned.store.blobs.path(piece)
    path.write_bytes(path.read_bytes()[:-100])
    assert completed(owned.service.verification.make()).errors > 0
    with pytest.raises(StoreCorrupt):
        owned.store.blobs.get(digest)
    completed(owned.service.repairs.make(apply=True))
    assert completed(owned.service.verification.make()).errors == 0
    assert owned.service.snapshots.get("forest-1").origin == "executions"
