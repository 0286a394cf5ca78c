from __future__ import annotations

import math
import os
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbtrack.entities import records
from nbtrack.store.journal import MAGIC, JournalWriter, encode, read


def write(path: Path, *entries: records.Record) -> list[int]:
    writer = JournalWriter(path)
    writer.open()
    positions = [writer.append(entry) for entry in entries]
    writer.close()
    return positions


def logged(**values: float) -> records.MetricsLogged:
    return records.MetricsLogged(run="r", time=1, values=values)


def test_what_is_written_is_read_in_order(tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    entries = [records.ParamsSet(run="r", params={"a": 1, "b": [None, "x\ud800\0", 2**80]}), logged(loss=0.5)]
    positions = write(path, *entries)
    assert [record for _, record in read(path)] == entries
    assert [position for position, _ in read(path)] == positions
    assert list(read(path, positions[0])) == [(positions[1], entries[1])]


def test_nan_and_infinity_stay(tmp_path: Path) -> None:
    write(tmp_path / "a.journal", logged(a=math.nan, b=math.inf, c=-math.inf, d=-0.0))
    ((_, record),) = read(tmp_path / "a.journal")
    assert isinstance(record, records.MetricsLogged)
    assert math.isnan(record.values["a"])
    assert (record.values["b"], record.values["c"]) == (math.inf, -math.inf)
    assert math.copysign(1, record.values["d"]) == -1


def test_every_truncation_gives_a_prefix(tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    entries = [logged(loss=float(number)) for number in range(5)]
    positions = write(path, *entries)
    whole = path.read_bytes()
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        expected = [entry for entry, end in zip(entries, positions, strict=True) if end <= length]
        assert [record for _, record in read(path)] == expected


def test_a_flipped_bit_ends_the_reading_before_it(tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    entries = [logged(loss=float(number)) for number in range(20)]
    write(path, *entries)
    whole = path.read_bytes()
    chance = random.Random(0)
    for _ in range(500):
        place, bit = chance.randrange(len(MAGIC), len(whole)), chance.randrange(8)
        damaged = bytearray(whole)
        damaged[place] ^= 1 << bit
        path.write_bytes(damaged)
        found = [record for _, record in read(path)]
        assert len(found) < len(entries)
        assert found == entries[: len(found)]


def test_a_record_of_a_later_version_is_passed_by_and_an_unknown_field_too(tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    write(path, logged(a=1.0))
    later = encode(logged(a=2.0)).replace(b"MetricsLogged", b"MetricsHummed")
    import struct
    import zlib

    def frame(payload: bytes) -> bytes:
        return struct.pack("<II", len(payload), zlib.crc32(payload)) + payload

    with path.open("ab") as file:
        file.write(frame(later[8:]))
        file.write(frame(b'["RunNoted",{"run":"r","note":"n","colour":"red"}]'))
    assert [record for _, record in read(path)] == [logged(a=1.0), None, records.RunNoted(run="r", note="n")]


def test_a_full_disk_delays_records_and_loses_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.journal"
    writer = JournalWriter(path)
    writer.open()
    writer.append(logged(a=1.0))
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:5]))
    writer.append(logged(a=2.0))
    assert writer.problem is not None

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    writer.append(logged(a=3.0))
    monkeypatch.setattr(os, "write", real)
    writer.append(logged(a=4.0))
    assert writer.problem is None
    assert [record.values["a"] for _, record in read(path)] == [1, 2, 3, 4]  # type: ignore[union-attr]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(), json_values))
def test_any_params_come_back_as_they_were(params: dict[str, object]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "a.journal"
        record = records.ParamsSet(run="r", params=params)  # type: ignore[arg-type]
        write(path, record)
        assert [found for _, found in read(path)] == [record]
