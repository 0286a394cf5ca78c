"""Every truncation of journals and thousands of flipped bits: what is read is what was written, and every flip is seen.

Journals of each form (mapped, appended to, of the older version) hold records of all kinds. Cut off anywhere, a journal must
read as exactly its whole frames before the cut. With a bit flipped anywhere, it must read as exactly the frames before the
one that was hit, the keeper must read on behind that one and take in nothing that nobody wrote, and ``verify`` must see it.
"""

from __future__ import annotations

import logging
import math
import os
import random
import shutil
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from campaigns.campaign import Campaign, Order, Tally
from campaigns.weakened import Weakening
from nbtrack.entities import records
from nbtrack.service import open_service
from nbtrack.store import journal, journal_check, segments
from nbtrack.store.database import Store
from nbtrack.store.journal import HEADER, MAGIC_1, SUFFIX, Part, encode
from nbtrack.store.journal_writer import JournalWriter
from nbtrack.store.location import create_store
from nbtrack.store.processes import this_process

PROCESS, RUN = "0190-process", "0190-run"
FORMS = ("mapped", "appended", "older")
IN_A_STORE = 25
"""Of so many flips one is also drained into a store, which takes most of the time."""

BEHIND = 200
"""Bytes behind the end of what was written at which a journal is cut and flipped too: allocated ones are zero."""

CARRIED = ("ProcessStarted", "EnvironmentSeen", "RunStarted", "SeriesNamed")
"""Records without which later ones cannot be taken in."""


@dataclass(slots=True)
class Journal:
    """A journal as it was written.

    Attributes
    ----------
    content
        The whole file, and where what was written ends.
    records
        All records, each with the position behind its frame.
    """

    form: str
    content: bytes
    end: int
    records: list[tuple[int, str]]
    items: list[tuple[int, object]]
    series: dict[str, list[str]]

    def cut(self, position: int) -> list[tuple[int, str]]:
        """The records whose frames end at or before a position."""
        return [found for found in self.records if found[0] <= position]

    def frame_at(self, position: int) -> tuple[int, int]:
        """Start and end of the frame that holds a byte; twice the same where none does."""
        start = len(MAGIC_1) if self.form == "older" else HEADER
        if position < start:
            return position, position
        for end, _ in self.items:
            if position < end:
                return start, end
            start = end
        return position, position


def run(order: Order) -> Tally:
    """Cut each journal at every byte, then flip as many bits as there are trials."""
    # each damaged frame has its line in a keeper's log
    logging.getLogger("nbtrack").addHandler(logging.NullHandler())
    logging.getLogger("nbtrack").propagate = False
    tally = Tally()
    journals = [write(form, order) for form in FORMS]
    path = order.folder / "trial.journal"
    if order.only is None and not order.stop_early:  # a weakened build fails sooner by a flip
        for written in journals:
            cut_everywhere(written, path, tally)
    for number in order.numbers():
        if order.is_over():
            break
        chance = order.chance("flip", number)
        flip(chance.choice(journals), path, tally, chance, number, drained=number % IN_A_STORE == 0)
        tally.trials += 1
        order.look(tally)
    return tally


def cut_everywhere(written: Journal, path: Path, tally: Tally) -> None:
    """Cut a journal at every byte, from its end to its beginning."""
    most = min(written.end + BEHIND, len(written.content))
    path.write_bytes(written.content[:most])
    for position in range(most, -1, -1):
        os.truncate(path, position)
        where = f"{written.form}, cut at byte {position}"
        compare(tally, where, read(path), written.cut(position) if position >= first_of(written) else [])
        tally.acknowledged += 1


def first_of(written: Journal) -> int:
    """Where frames begin: a file that is cut before has no beginning."""
    return len(MAGIC_1) if written.form == "older" else HEADER


def compare(tally: Tally, where: str, found: list[tuple[int, str]], expected: list[tuple[int, str]]) -> None:
    """Whether exactly the expected records were read."""
    if found == expected:
        return
    if found == expected[: len(found)]:
        tally.violate("lost", f"{where}: {len(expected) - len(found)} records that are whole were not read")
    else:
        tally.violate("wrong", f"{where}: reads what was not written there")


def flip(
    written: Journal, path: Path, tally: Tally, chance: random.Random, number: int, *, drained: bool
) -> None:
    """Flip one bit and read."""
    most = min(written.end + BEHIND, len(written.content))
    bit = chance.randrange(8 * most)
    content = bytearray(written.content)
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    where = f"flip {number}, {written.form}, bit {bit % 8} of byte {bit // 8}"
    start, end = written.frame_at(bit // 8)
    is_told = journal_check.scan(bytes(content), written.end).damage
    if not is_told:
        tally.violate("lost", f"{where}: verify does not see it")
    magic = len(MAGIC_1)
    before = [] if bit // 8 < magic else written.records
    compare(
        tally, where, read(path), [item for item in before if item[0] <= start] if end > start else before
    )
    expected = (
        [] if bit // 8 < magic else [item for place, item in written.items if place != end or start == end]
    )
    found = list(as_the_keeper(path))
    if found != expected and not (bit // 8 >= written.end and found == [item for _, item in written.items]):
        kind = "lost" if set(map(repr, found)) <= set(map(repr, expected)) else "wrong"
        tally.violate(kind, f"{where}: the keeper reads {len(found)} frames instead of {len(expected)}")
    if drained:
        into_a_store(written, bytes(content), path.parent / "store", tally, where, (start, end))


def read(path: Path) -> list[tuple[int, str]]:
    """All records of a journal, each with the position behind its frame; as text, since NaN is not equal to itself."""
    try:
        return [(position, repr(record)) for position, record in journal.read(path)]
    except Exception as problem:  # noqa: BLE001 - whatever it is, the reader must not raise it
        return [(-1, f"{type(problem).__name__}: {problem}")]


def as_the_keeper(path: Path) -> Iterator[object]:
    """The frames of a journal as the keeper reads them: points as columns, and on behind what is damaged."""
    file = journal.open_file(path)
    try:
        part = Part(file, 0, 1 << 22)
    finally:
        os.close(file)
    while True:
        while (points := part.points()) is not None:
            yield from (column for column in zip(*(map(repr, column) for column in points), strict=True))
        payload = part.next_payload()
        if payload is not None:
            yield bytes(payload)
        elif not part.begun or part.ends_clean() or not part.skip_damage():
            return


def into_a_store(
    written: Journal, content: bytes, folder: Path, tally: Tally, where: str, hit: tuple[int, int]
) -> None:
    """Drain a damaged journal of a dead process; nothing may be in the store that nobody wrote."""
    store = Store(create_store(folder))
    try:
        (store.folder / "journal" / (PROCESS + SUFFIX)).write_bytes(content)
        intake = open_service(store, "campaign").intake
        intake.drain()
        intake.bury()
        lost = carried = 0
        for place, text in written.records:
            carried += place == hit[1] > hit[0] and text.startswith(CARRIED)
        for name, values in written.series.items():
            series = store.metrics.series(RUN, name) if store.runs.has(RUN) else None
            found = [repr(value) for value in series[1]] if series is not None else []
            rest = iter(values)
            if not all(value in rest for value in found):
                tally.violate("wrong", f"{where}: the series {name} has points that nobody logged there")
            lost += len(values) - len(found)
        many = max(map(len, written.series.values()))
        if lost > (many if hit[1] > hit[0] else 0) and not carried and hit[0] >= len(MAGIC_1):
            tally.violate("lost", f"{where}: {lost} points are lost, more than one frame holds")
    except Exception as problem:  # noqa: BLE001 - a damaged journal must not keep a store from being used
        tally.violate("unopenable", f"{where}: {type(problem).__name__}: {problem}")
    finally:
        store.close()
        shutil.rmtree(folder)


def write(form: str, order: Order) -> Journal:
    """A journal with records of all kinds."""
    chance = order.chance("journal", form)
    path = order.folder / (PROCESS + SUFFIX)
    series: dict[str, list[str]] = {"loss": [], "accuracy": [], "many": []}
    if form == "older":
        parts = [encode(record) for record in beginning(chance)]
        for step in range(20):
            value = chance.uniform(0, 1)
            series["loss"].append(repr(value))
            logged = records.MetricsLogged(run=RUN, time=step, values={"loss": value}, step=step)
            parts.append(encode(logged))
        parts += [encode(record) for record in end(chance)]
        path.write_bytes(MAGIC_1 + b"".join(parts))
        position = path.stat().st_size
    else:
        with patch.object(segments, "can_be_mapped", lambda folder: form == "mapped"):
            writer = JournalWriter(path)
            writer.open()
        for record in beginning(chance):
            writer.append(record)
        numbers: dict[str, int] = {}
        for step in range(40):
            values = {name: value_of(chance) for name in chance.choice((("loss",), ("loss", "accuracy")))}
            for name, number in values.items():
                series[name].append(repr(number))
            writer.log(RUN, numbers, values, step if chance.random() < 0.3 else None, chance.getrandbits(60))
        for steps in (None, array("q", range(100, 130))):
            columns = array("d", (value_of(chance) for _ in range(30)))
            writer.log_series(RUN, numbers, "many", steps, columns)
            series["many"] += map(repr, columns)
        for record in end(chance):
            writer.append(record)
        position = writer.position
        journal.tell_drained(path, position)  # the word must fit, or verify rightly complains
        whole = path.read_bytes()
        writer.close()
        path.write_bytes(whole)
    content = path.read_bytes()
    items = frames(path)
    found = Journal(form, content, position, read(path), items, series)
    path.unlink()
    return found


def frames(path: Path) -> list[tuple[int, object]]:
    """The frames of an undamaged journal as the keeper reads them, each with its end."""
    content = path.read_bytes()
    position = len(MAGIC_1) if content.startswith(MAGIC_1) else HEADER
    found = []
    for item in as_the_keeper(path):
        position += 8 + journal.FRAME.unpack_from(content, position)[0]
        found.append((position, item))
    return found


def value_of(chance: random.Random) -> float:
    """A value that is given once, or one that is no number."""
    return chance.choice((math.nan, math.inf)) if chance.random() < 0.05 else chance.uniform(-1, 1)


def beginning(chance: random.Random) -> list[records.Record]:
    """What comes before points; of a process that has died."""
    here = this_process()
    return [
        records.ProcessStarted(
            process=PROCESS, time=1, pid=here.pid, boot_id="another", start_time="1", host=here.host,
            pid_namespace=here.pid_namespace, user="somebody", executable="python", nbtrack="0.1.0",
        ),
        records.EnvironmentSeen(environment="e", interpreter={"version": "3.11"}, packages={"numpy": "2"}),
        records.RunStarted(run=RUN, time=2, name="forest", experiment="study", process=PROCESS),
        records.ParamsSet(run=RUN, params={"lr": chance.random(), "layers": [1, {"a": math.inf}], "text": "\ud800 é"}),
    ]  # fmt: skip


def end(chance: random.Random) -> list[records.Record]:
    """What comes after points."""
    return [
        records.TagsSet(run=RUN, tags={"team": "risk"}),
        records.ArtifactSaved(run=RUN, time=3, name="model", kind="model", format="pickle", size=1, note="too large"),
        records.DatasetsSeen(run=RUN, datasets=[]),
        records.CellExecuted(
            execution="x", process=PROCESS, time=4, duration=0.1, source=chance.randbytes(40).hex(), outcome="ok", run=RUN,
            outputs=[{"output_type": "stream", "name": "stdout", "text": "done"}],
        ),
        records.SnapshotTaken(snapshot="s", run=RUN, process=PROCESS, time=5),
        records.RunNoted(run=RUN, note="A sentence."),
        records.RunEnded(run=RUN, time=6, duration=1.0, status="finished"),
        records.RunContinued(run=RUN, time=7, process=PROCESS),
        records.ProcessEnded(process=PROCESS, time=8),
    ]  # fmt: skip


CAMPAIGN = Campaign(
    name="journal",
    promise="A journal that is cut off anywhere reads as what was whole before; every flipped bit is seen.",
    run=run,
    short=10_000,
    long=200_000,
    minutes=1.5,
    weakenings=(
        Weakening(
            "the checksum of a frame is ignored",
            "store/journal.py",
            (
                (
                    "        if not length or len(payload) != length or crc32(payload) != checksum:\n",
                    "        if not length or len(payload) != length:\n",
                ),
            ),
        ),
        Weakening(
            "the checksum of a point is ignored",
            "store/journal.py",
            (
                (
                    "if length != POINT.size or tag != P or crc32(content[place : place + POINT.size]) != checksum:",
                    "if length != POINT.size or tag != P:",
                ),
            ),
        ),
        Weakening(
            "verify does not look at checksums",
            "store/journal_check.py",
            (
                (
                    "    if not length or end > len(content) or zlib.crc32(content[begin:end]) != checksum:\n",
                    "    if not length or end > len(content):\n",
                ),
            ),
        ),
        Weakening(
            "the keeper ends at the first damaged frame",
            "store/journal.py",
            (
                (
                    "                self._offset += step\n                return True\n",
                    "                return False\n",
                ),
            ),
        ),
    ),
    teeth=500,
)
