from __future__ import annotations

import gc
import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
from array import array
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbtrack.entities import records
from nbtrack.entities.lineage import Trace
from nbtrack.store import segments
from nbtrack.store.journal import HEADER, encode, read, tell_drained
from nbtrack.store.journal_writer import JournalWriter


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


def test_a_trace_comes_back_as_it_was(tmp_path: Path) -> None:
    trace = Trace(
        place="outer",
        reads=["df", "file:/data/a b.csv", "random:numpy"],
        writes=["model"],
        unsure={"df": "too large to look into"},
        versions={"model": "a1b2", "before:random:numpy": "c3"},
        commands=["git status"],
    )
    write(tmp_path / "a.journal", records.CellTraced(execution="e", trace=trace.to_plain()))
    ((_, record),) = read(tmp_path / "a.journal")
    assert isinstance(record, records.CellTraced)
    assert Trace.from_plain(record.trace) == trace
    assert Trace.from_plain({**record.trace, "of a later version": 1}) == trace


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
        place, bit = chance.randrange(HEADER, len(whole)), chance.randrange(8)
        damaged = bytearray(whole)
        damaged[place] ^= 1 << bit
        path.write_bytes(damaged)
        found = [record for _, record in read(path)]
        assert len(found) < len(entries)
        assert found == entries[: len(found)]


def write_points(path: Path) -> list[records.Record | None]:
    opened = JournalWriter(path)
    opened.open()
    series: dict[str, int] = {}
    for number in range(3):
        opened.log("r", series, {"a": float(number), "b": 0.0}, number or None, number)
    opened.log_series("r", series, "a", None, array("d", [0.0, 1.0]))
    opened.append(records.RunNoted(run="r", note="n"))
    opened.close()
    return [record for _, record in read(path)]


def test_every_truncation_of_points_gives_a_prefix_and_no_flipped_bit_passes(tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    entries = write_points(path)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        found = [record for _, record in read(path)]
        assert found == entries[: len(found)]
        assert len(found) < len(entries)
    for place in range(HEADER, len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged + bytes(4096))
        found = [record for _, record in read(path)]
        assert found == entries[: len(found)]
        assert len(found) < len(entries)


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


@pytest.fixture(params=["mapped", "plain"])
def writer(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JournalWriter:
    if request.param == "plain":
        monkeypatch.setattr(segments, "can_be_mapped", lambda folder: False)
    elif not segments.can_be_mapped(tmp_path):
        pytest.skip("files in the temporary folder cannot be mapped")
    opened = JournalWriter(tmp_path / "a.journal")
    opened.open()
    return opened


def read_all(folder: Path) -> list[records.Record | None]:
    return [
        record
        for path in sorted(folder.glob("*.journal"), key=lambda path: path.name.removesuffix(".journal"))
        for _, record in read(path)
    ]


def values_of(folder: Path, name: str = "a") -> list[float]:
    logged = [record for record in read_all(folder) if isinstance(record, records.MetricsLogged)]
    return [record.values[name] for record in logged if name in record.values]


def test_points_come_back_with_their_series_steps_and_times(writer: JournalWriter, tmp_path: Path) -> None:
    series: dict[str, int] = {}
    assert writer.log("r", series, {"a": 1.5, "b": math.inf}, 7, 100)
    assert writer.log("r", series, {"a": -0.0}, None, 101)
    assert not writer.log("r", series, {"a": 1.0, "c": True}, None, 102)
    assert not writer.log("r", series, {"a": 2**63}, None, 102)
    assert writer.log_series("r", series, "a", array("q", [-5, 2**62]), array("d", [0.1, 0.2]))
    found = [record for record in read_all(tmp_path) if isinstance(record, records.MetricsLogged)]
    assert [(next(iter(one.values.items())), one.step) for one in found] == [
        (("a", 1.5), 7),
        (("b", math.inf), 7),
        (("a", 0.0), None),
        (("a", 0.1), -5),
        (("a", 0.2), 2**62),
    ]
    assert [one.time for one in found[:3]] == [100, 100, 101]
    assert math.copysign(1, found[2].values["a"]) == -1


def test_a_journal_grows_over_several_files_each_readable_by_itself(tmp_path: Path) -> None:
    opened = JournalWriter(tmp_path / "a.journal")
    opened.open()
    series: dict[str, int] = {}
    opened.append(records.RunNoted(run="r", note="small"))
    opened.append(records.RunNoted(run="r", note="x" * 3_000_000))  # more than the file that would come next
    for number in range(50_000):
        opened.log("r", series, {"a": float(number)})
        if number % 1000 == 0:
            opened.prepare()
    opened.close()
    files = sorted(tmp_path.iterdir(), key=lambda path: path.name.removesuffix(".journal"))
    assert len(files) > 2
    assert [name for path in files for name in [path.name] if not list(read(path))] == []
    assert values_of(tmp_path) == [float(number) for number in range(50_000)]
    assert sum(path.stat().st_size for path in files) < 3_000_000 + 50_000 * 40 + 2_000_000


def test_a_journal_takes_little_of_a_disk_that_has_little_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = type("Room", (), {"f_bavail": 4_000, "f_frsize": 4096})()
    opened = JournalWriter(tmp_path / "a.journal")
    opened.open()
    with monkeypatch.context() as disk:
        disk.setattr(os, "statvfs", lambda folder: room, raising=False)
        for number in range(60):
            opened.append(records.RunNoted(run="r", note=f"{number}" + "x" * 100_000))
            opened.prepare()
        assert max(path.stat().st_size for path in tmp_path.iterdir()) <= 4_000 * 4096 // 16
        assert segments.size_of(9, 2_000_000, tmp_path) > 2_000_000  # what must fit does
    opened.close()
    assert len(read_all(tmp_path)) >= 60


def test_a_full_disk_delays_records_and_loses_none(
    writer: JournalWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    series: dict[str, int] = {}

    def full(*arguments: object, **options: object) -> int:
        raise OSError(28, "No space left on device")

    writer.log("r", series, {"a": 0.0})
    with monkeypatch.context() as disk:
        disk.setattr(segments, "create", full)
        disk.setattr("nbtrack.store.journal_writer._write_at", full)
        for number in range(1, 20_000):
            assert writer.log("r", series, {"a": float(number)})
        assert writer.problem is not None
        with pytest.raises(OSError, match="No space"):
            writer.sync()
        writer.append(records.RunNoted(run="r", note="n"))
    assert len(values_of(tmp_path)) < 10_000
    writer.sync()
    assert writer.problem is None
    writer.log("r", series, {"a": 20_000.0})
    assert values_of(tmp_path) == [float(number) for number in range(20_001)]
    assert sum(isinstance(record, records.RunNoted) for record in read_all(tmp_path)) == 1
    writer.close()
    assert values_of(tmp_path) == [float(number) for number in range(20_001)]


def test_a_write_that_the_full_disk_cut_short_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "can_be_mapped", lambda folder: False)
    opened = JournalWriter(tmp_path / "a.journal")
    opened.open()
    series: dict[str, int] = {}
    opened.log("r", series, {"a": 1.0})
    real = os.pwrite
    with monkeypatch.context() as disk:
        disk.setattr(
            "nbtrack.store.journal_writer._write_at",
            lambda file, content, start: real(file, content[:5], start),
        )
        opened.log("r", series, {"a": 2.0})
        assert values_of(tmp_path) == [1.0]
    opened.close()
    assert values_of(tmp_path) == [1.0, 2.0]


def test_threads_and_interrupts_leave_every_record_whole(writer: JournalWriter, tmp_path: Path) -> None:
    series: dict[str, int] = {}
    handled: dict[str, int] = {}
    state = {"armed": False, "interrupts": 0, "handled": 0, "depth": 0}

    def interrupt(signum: int, frame: FrameType | None) -> None:
        state["depth"] += 1
        try:
            # The next signal may interrupt this, but on a slow machine they must not pile up.
            if state["depth"] <= 3:
                writer.log("handler", handled, {"b": float(state["handled"])})  # it logs itself
                state["handled"] += 1
        finally:
            state["depth"] -= 1
            signal.setitimer(signal.ITIMER_REAL, 0.0005 if state["handled"] % 3 else 0.00002)
        # What is raised in another's finalizer or weak reference would be printed and not raised.
        ours = frame is not None and Path(frame.f_code.co_filename).parent.name == "store"
        if state["armed"] and not state["depth"] and ours:
            state["armed"] = False
            state["interrupts"] += 1
            raise KeyboardInterrupt

    gc.disable()  # an interrupt in a callback of the collector is printed and not raised
    before = signal.signal(signal.SIGALRM, interrupt)
    others = [
        threading.Thread(target=lambda: [writer.log("t", {}, {"c": 1.0}) for _ in range(1_000)]) for _ in "12"
    ]
    for other in others:
        other.start()
    returned: list[float] = []
    signal.setitimer(signal.ITIMER_REAL, 0.002)
    for value in range(100_000):  # one that was interrupted is not tried again: it may have been written
        try:
            state["armed"] = True
            writer.log("r", series, {"a": float(value)})
            returned.append(float(value))
            state["armed"] = False
        except KeyboardInterrupt:
            if state["interrupts"] == 50:
                break
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)
    gc.enable()
    for other in others:
        other.join()
    writer.close()
    found = values_of(tmp_path)
    assert found == sorted(set(found))
    assert set(returned) <= set(found)
    assert len(values_of(tmp_path, "c")) == 2_000
    assert len(set(values_of(tmp_path, "b"))) == len(values_of(tmp_path, "b")) >= state["handled"] > 0


def fill(writer: JournalWriter, series: dict[str, int]) -> int:
    """Fill the file but for less than a point, and return how many points were logged."""
    writer.append(records.RunNoted(run="r", note="x" * (writer._current.limit - writer.position - 1_000)))
    count = 0
    while count < 2 or writer._current.limit - writer.position >= 40:
        writer.log("r", series, {"a": float(count)})
        count += 1
    return count


def test_a_handler_that_logs_while_room_is_made_makes_none_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not segments.can_be_mapped(tmp_path):
        pytest.skip("files in the temporary folder cannot be mapped")
    opened = JournalWriter(tmp_path / "a.journal")
    opened.open()
    series: dict[str, int] = {}
    handled: dict[str, int] = {}
    real, begun = segments.create, []

    def interrupted(path: Path, size: int, *, mapped: bool) -> segments.Segment:
        begun.append(path)
        for when in range(20):  # before the file is there and behind it, as signals come
            opened.log("handler", handled, {"b": float(when)})
            if when == 10:
                segment = real(path, size, mapped=mapped)
        return segment

    monkeypatch.setattr(segments, "create", interrupted)
    count = fill(opened, series)
    opened.log("r", series, {"a": float(count)})
    opened.log("handler", handled, {"b": 20.0})
    opened.close()
    assert len(begun) == 1
    assert len(list(tmp_path.iterdir())) == 2
    assert values_of(tmp_path) == [float(number) for number in range(count + 1)]
    assert values_of(tmp_path, "b") == [float(number) for number in range(21)]


def test_interrupts_between_the_making_of_a_file_and_its_use_leave_none_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not segments.can_be_mapped(tmp_path):
        pytest.skip("files in the temporary folder cannot be mapped")
    opened = JournalWriter(tmp_path / "a.journal")
    opened.open()
    series: dict[str, int] = {}
    real = segments.create

    def interrupted(path: Path, size: int, *, mapped: bool) -> segments.Segment:
        real(path, size, mapped=mapped).release()
        raise KeyboardInterrupt

    count = fill(opened, series)
    for attempt in range(30):
        with monkeypatch.context() as moment:
            moment.setattr(segments, "create", interrupted)
            with pytest.raises(KeyboardInterrupt):
                opened.log("r", series, {"a": float(count)})
        assert len(list(tmp_path.iterdir())) <= 2, attempt
    opened.log("r", series, {"a": float(count)})
    assert len(list(tmp_path.iterdir())) == 2
    opened.close()
    assert values_of(tmp_path) == [float(number) for number in range(count + 1)]


class InterruptedAt:
    """A handler that logs and then interrupts, as that of Ctrl+C does, at the `place`-th point where signals are seen."""

    def __init__(self, writer: JournalWriter, series: dict[str, int], place: int) -> None:
        self.writer, self.series, self.place = writer, series, place
        self.seen = 0

    def __call__(self, frame: object, event: str, argument: object) -> None:
        if event in ("call", "c_return"):
            self.seen += 1
            if self.seen == self.place:
                sys.setprofile(None)
                self.writer.log("handler", self.series, {"b": 1.0})
                raise KeyboardInterrupt


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(
    sys.platform != "linux", reason="counts the descriptors of the process as Linux tells them"
)
def test_interrupts_at_every_step_of_making_room_lose_nothing(tmp_path: Path) -> None:
    if not segments.can_be_mapped(tmp_path):
        pytest.skip("files in the temporary folder cannot be mapped")
    place, interrupted, before = 0, True, descriptors()
    while interrupted:
        place, interrupted = place + 1, False
        folder = tmp_path / str(place)
        folder.mkdir()
        opened = JournalWriter(folder / "a.journal")
        opened.open()
        series: dict[str, int] = {}
        handled: dict[str, int] = {}
        count = fill(opened, series)
        sys.setprofile(InterruptedAt(opened, handled, place))
        try:
            opened.log("r", series, {"a": float(count)})
        except KeyboardInterrupt:
            interrupted = True
        finally:
            sys.setprofile(None)
        for number in range(3):
            opened.log("handler", handled, {"b": 2.0 + number})
            opened.log("r", series, {"a": float(count + 1 + number)})
        opened.close()
        found = values_of(folder)
        assert found[:count] == [float(number) for number in range(count)]
        assert found[-3:] == [float(count + 1 + number) for number in range(3)], place
        assert len(found) - count - 3 in ((0, 1) if interrupted else (1,)), place
        assert values_of(folder, "b") == [1.0][:interrupted] + [2.0, 3.0, 4.0], place
        assert len(list(folder.iterdir())) == 2, place
        assert descriptors() <= before + 1, place  # one at the very moment at which the system gives it
        for path in folder.iterdir():
            path.unlink()
    assert place > 30


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_never_writes_into_its_parent_s_file(writer: JournalWriter, tmp_path: Path) -> None:
    series: dict[str, int] = {}
    writer.log("r", series, {"a": 1.0})
    if (child := os.fork()) == 0:
        refused = not writer.log("r", series, {"a": 2.0}) and not series
        writer.append(records.RunNoted(run="r", note="child"))
        os._exit(0 if refused else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    writer.log("r", series, {"a": 3.0})
    writer.close()
    assert values_of(tmp_path) == [1.0, 3.0]
    assert not any(isinstance(record, records.RunNoted) for record in read_all(tmp_path))


def test_what_was_returned_survives_a_kill(tmp_path: Path) -> None:
    code = f"""
import os, signal
from pathlib import Path
from nbtrack.store.journal_writer import JournalWriter
writer = JournalWriter(Path({str(tmp_path)!r}) / "a.journal")
writer.open()
series = {{}}
for number in range(30_000):
    writer.log("r", series, {{"a": float(number)}})
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == -signal.SIGKILL
    assert values_of(tmp_path) == [float(number) for number in range(30_000)]


def test_what_the_keeper_leaves_lying_is_synced_once(
    writer: JournalWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (synced.append(file), real(file))[1])
    series: dict[str, int] = {}
    writer.log("r", series, {"a": 1.0})
    writer.secure(60)
    assert synced == []  # it is younger
    assert writer.secure(0)
    assert len(synced) == 2  # the file and its folder
    synced.clear()
    writer.secure(0)
    assert synced == []
    writer.log("r", series, {"a": 2.0})
    tell_drained(tmp_path / "a.journal", writer.position)
    assert not writer.secure(0)
    writer.sync()
    assert synced == []


def test_what_waits_is_synced_as_soon_as_its_oldest_part_may_be_late(
    writer: JournalWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [time.monotonic()]
    monkeypatch.setattr("nbtrack.store.journal_writer.monotonic", lambda: clock[0])
    synced: list[float] = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(clock[0]))
    series: dict[str, int] = {}
    begun = clock[0]
    writer.secure(0)
    synced.clear()
    for tick in range(1, 13):  # a keeper that has what was there at the look before, and is then far behind
        clock[0] = begun + tick / 4
        if tick <= 6:
            tell_drained(tmp_path / "a.journal", writer.position)
        else:
            tell_drained(tmp_path / "a.journal", writer.position - 60)
        writer.log("r", series, {"a": float(tick)})
        writer.secure(0.4)
    moments = sorted({moment - begun for moment in synced})
    assert moments[0] > 1.5
    assert all(
        later - earlier <= 0.5 for earlier, later in zip([1.5, *moments], [*moments, 3.0], strict=True)
    )


def test_files_that_went_on_without_the_keeper_are_synced_and_let_go(
    writer: JournalWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    series: dict[str, int] = {}
    for number in range(3):
        writer.log("r", series, {"a": float(number)})
        writer.append(records.RunNoted(run="r", note="x" * 1_200_000))
    kept = len(writer._retired)
    assert writer.secure(60) is False
    assert len(writer._retired) == kept
    assert writer.secure(0)
    assert writer._retired == []
    assert values_of(tmp_path) == [0.0, 1.0, 2.0]


def test_what_waited_in_memory_is_synced_when_it_is_written(
    writer: JournalWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[str] = set()
    real = os.fsync

    def sync(file: int) -> None:
        synced.add(Path(f"/proc/self/fd/{file}").readlink().name)
        real(file)

    def full(*arguments: object, **options: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", sync)
    series: dict[str, int] = {}
    with monkeypatch.context() as disk:
        disk.setattr(segments, "create", full)
        disk.setattr("nbtrack.store.journal_writer._write_at", full)
        for number in range(60_000):
            writer.log("r", series, {"a": float(number)})
    writer.sync()
    assert synced >= {path.name for path in tmp_path.iterdir()}


def test_strict_durability_waits_for_the_disk_in_each_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    monkeypatch.setattr("nbtrack.store.journal_writer._sync_content", synced.append)
    opened = JournalWriter(tmp_path / "a.journal", strict=True)
    opened.open()
    series: dict[str, int] = {}
    opened.log("r", series, {"a": 1.0})
    before = len(synced)
    opened.log("r", series, {"a": 2.0})
    assert len(synced) > before


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
