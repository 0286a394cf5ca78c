"""A bundle may come from anybody: what no store writes is refused in one sentence, before anything is written."""

from __future__ import annotations

import json
import os
import random
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import forged_bundles as forged
import pytest
from forged_bundles import Members, edit, forge, info, manifest_for, manifest_of, members_of, packed, sealed
from shared_store import SharedStore

from nbtrack.entities.ids import new_id
from nbtrack.errors import BundleError, DamagedBundle, NbtrackError, UnsafeBundle
from nbtrack.service.arrivals import Arrivals
from nbtrack.service.merge_checks import check
from nbtrack.store import bundle_reader
from nbtrack.store.bundle_reader import open_bundle
from nbtrack.store.bundle_writer import FORMAT, MANIFEST


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small bundle with everything in it."""
    laptop = SharedStore(tmp_path_factory.mktemp("origin"), "laptop")
    run = laptop.full_run()
    laptop.register(run, alias="champion")
    laptop.run("gone")
    laptop.delete("gone-1")
    path = laptop.folder / "b"
    laptop.write(path)
    laptop.store.close()
    return path


@pytest.fixture
def bundle(original: Path, tmp_path: Path) -> Path:
    return Path(str((tmp_path / "bundle").write_bytes(original.read_bytes()) and tmp_path / "bundle"))


@pytest.fixture(scope="module")
def shared_desk(tmp_path_factory: pytest.TempPathFactory) -> SharedStore:
    desk = SharedStore(tmp_path_factory.mktemp("target"), "desk")
    desk.full_run()
    return desk


@pytest.fixture
def desk(shared_desk: SharedStore) -> Any:
    before = shared_desk.dump(), files_of(shared_desk)
    yield shared_desk
    assert (shared_desk.dump(), files_of(shared_desk)) == before  # nothing was written
    assert not shared_desk.store.held


def files_of(desk: SharedStore) -> list[Path]:
    return sorted(path for path in desk.store.folder.rglob("*") if path.is_file())


def refuse(desk: SharedStore, path: Path, kind: type[NbtrackError], match: str) -> None:
    with pytest.raises(kind, match=match) as caught:
        desk.merge(path)
    assert type(caught.value) is kind
    assert "Nothing was taken from it." in caught.value.message or kind is BundleError
    assert "\n" not in caught.value.message


def test_what_was_forged_back_to_what_it_was_is_taken(bundle: Path, desk: SharedStore) -> None:
    """The forger's tools are right: without a change of theirs a bundle is good."""
    assert desk.merge(forge(bundle, lambda members: None), dry_run=True).added == 1
    assert desk.merge(edit(bundle, "runs/", lambda run: None), dry_run=True).added == 1


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("../../evil", "leads out"), ("blobs/../../evil", "leads out"), ("/etc/evil", "absolute path"),
        ("\\\\host\\evil", "absolute path"), ("C:evil", "absolute path"), ("c:/evil", "absolute path"),
        ("a\\b", "backslash"), ("a\nb", "control character"), ("a\x7fb", "control character"),
        ("a\u202eb", "control character"), ("notes.txt", "which no bundle has"), ("blobs/xyz", "which no bundle has"),
        ("REGISTRY.json", "but for case or spelling"), ("registry\uff0ejson", "but for case or spelling"),
        ("runs/", "folder, link or device"), ("runs/x.json", "which no bundle has"), ("", "without a name"),
        ("<img src=x onerror=alert(1)>", "which no bundle has"),
    ],
)  # fmt: skip
def test_names_that_no_bundle_has(bundle: Path, desk: SharedStore, name: str, match: str) -> None:
    def add(members: Members) -> None:
        members[name] = b"x"

    refuse(desk, forge(bundle, add), UnsafeBundle, match)


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"external_attr": (stat.S_IFLNK | 0o777) << 16}, "folder, link or device"),
        ({"external_attr": (stat.S_IFCHR | 0o600) << 16}, "folder, link or device"),
        ({"external_attr": (stat.S_IFIFO | 0o600) << 16}, "folder, link or device"),
        ({"external_attr": 0x10}, "folder, link or device"),
        ({"compress_type": zipfile.ZIP_BZIP2}, "packed in a way"),
        ({"compress_type": zipfile.ZIP_LZMA}, "packed in a way|encrypted"),
    ],
)
def test_kinds_of_members_that_no_bundle_has(
    bundle: Path, desk: SharedStore, fields: dict[str, Any], match: str
) -> None:
    members = [(info(name), data) for name, data in members_of(bundle).items()]
    members[0] = (info(members[0][0].filename, **fields), members[0][1])
    members.append((info(MANIFEST), json.dumps(manifest_of(bundle)).encode()))
    bundle.write_bytes(sealed(packed(members)))
    refuse(desk, bundle, UnsafeBundle, match)


def patched(bundle: Path, change: Callable[[bytearray, list[int], int], None]) -> None:
    """Change bytes of the file: given all of it, where each entry of the list of members begins, and where its end is."""
    content = bytearray(bundle.read_bytes())
    end = content.rindex(b"PK\x05\x06")
    (place,) = struct.unpack_from("<I", content, end + 16)
    entries = []
    while content[place : place + 4] == b"PK\x01\x02":
        entries.append(place)
        name, extra, comment = struct.unpack_from("<3H", content, place + 28)
        place += 46 + name + extra + comment
    change(content, entries, end)
    bundle.write_bytes(sealed(bytes(content)))


def put(form: str, offset: int, value: int) -> Callable[[bytearray, list[int], int], None]:
    """Write a number at an offset of the second member's entry."""
    return lambda content, entries, end: struct.pack_into(form, content, entries[1] + offset, value)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (put("<H", 8, 0x1), "encrypted"),
        (put("<I", 24, 0xF0000000), "larger or smaller|would unpack|size that the manifest"),
        (put("<I", 42, 0), "not where it should be"),
        (put("<I", 20, 1), "not where|larger or smaller"),
        (put("<I", 20, 0x7FFFFFFF), "not where|between|larger or smaller"),
        (lambda content, entries, end: struct.pack_into("<H", content, end + 4, 1), "its end is not"),
        (lambda content, entries, end: struct.pack_into("<H", content, end + 20, 7), "its end is not"),
        (lambda content, entries, end: struct.pack_into("<2H", content, end + 8, 0xFFFF, 0xFFFF), "its end is not"),
    ],
)  # fmt: skip
def test_lists_of_members_that_lie(bundle: Path, desk: SharedStore, change: Any, match: str) -> None:
    patched(bundle, change)
    with pytest.raises((UnsafeBundle, DamagedBundle), match=match):
        desk.merge(bundle)


def test_members_that_overlap(bundle: Path, desk: SharedStore) -> None:
    """Many names for the same bytes: the quickest way to a bomb."""

    def overlap(content: bytearray, entries: list[int], end: int) -> None:
        (first,) = struct.unpack_from("<I", content, entries[0] + 42)
        struct.pack_into("<I", content, entries[2] + 42, first)

    patched(bundle, overlap)
    refuse(desk, bundle, UnsafeBundle, "not where it should be")


def test_a_member_that_is_called_otherwise_in_its_own_place(bundle: Path, desk: SharedStore) -> None:
    def rename(content: bytearray, entries: list[int], end: int) -> None:
        (place,) = struct.unpack_from("<I", content, entries[0] + 42)
        content[place + 30 : place + 34] = b"evil"

    patched(bundle, rename)
    refuse(desk, bundle, UnsafeBundle, "differs from what its list says")


def test_a_name_that_is_there_twice(bundle: Path, desk: SharedStore) -> None:
    members = [(info(name), data) for name, data in members_of(bundle).items()]
    members.append((info(MANIFEST), json.dumps(manifest_of(bundle)).encode()))
    with pytest.warns(UserWarning, match="Duplicate"):
        bundle.write_bytes(sealed(packed([*members, (info(members[0][0].filename), b"other")])))
    refuse(desk, bundle, UnsafeBundle, "twice")


def test_a_bomb(bundle: Path, desk: SharedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_reader, "SPARE", 1 << 20)
    large = bytes(60 << 20)
    members = members_of(bundle) | {f"blobs/{forged.digest(large)[12:]}": large}
    listed = [(info(name, compress_type=zipfile.ZIP_DEFLATED), data) for name, data in members.items()]
    text = json.dumps(manifest_for(members, manifest_of(bundle))).encode()
    bundle.write_bytes(sealed(packed([*listed, (info(MANIFEST), text)])))
    assert bundle.stat().st_size < 1 << 18
    refuse(desk, bundle, UnsafeBundle, "would unpack to 6[0-9],")


def test_too_many_members(bundle: Path, desk: SharedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_reader, "MOST_MEMBERS", 5)
    refuse(desk, bundle, UnsafeBundle, "more members than any")


@pytest.mark.parametrize("name", ["MOST_DOCUMENT", "MOST_MANIFEST", "MOST_POINTS"])
def test_parts_that_are_larger_than_any(
    bundle: Path, desk: SharedStore, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(bundle_reader, name, 100)
    refuse(desk, bundle, UnsafeBundle, "larger than any")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_no_bundle_and_nobody_waits_for_it(desk: SharedStore, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    refuse(desk, tmp_path / "pipe", UnsafeBundle, "is no file")


def test_something_before_between_and_behind_the_members(bundle: Path, desk: SharedStore) -> None:
    content = bundle.read_bytes()
    bundle.write_bytes(sealed(b"#!/bin/sh\nevil\n" + content))
    refuse(desk, bundle, UnsafeBundle, "not where it should be")
    bundle.write_bytes(content + b"evil")
    refuse(desk, bundle, DamagedBundle, "its end is missing")
    members = [(info(name), data) for name, data in members_of(bundle).items()]
    members.insert(1, (info("x"), b"hidden" * 10))
    members.append((info(MANIFEST), json.dumps(manifest_of(bundle)).encode()))
    bundle.write_bytes(packed(members))

    def hide(content: bytearray, entries: list[int], end: int) -> None:
        size = entries[2] - entries[1]
        del content[entries[1] : entries[2]]
        end -= size
        count, _, listed = struct.unpack_from("<HHI", content, end + 8)
        struct.pack_into("<HHI", content, end + 8, count - 1, count - 1, listed - size)

    patched(bundle, hide)
    refuse(desk, bundle, UnsafeBundle, "not where it should be")


def without(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda manifest: manifest.pop(name)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (without("origins"), "does not have the fields"),
        (lambda manifest: manifest.update(more=1), "does not have the fields"),
        (lambda manifest: manifest.update(format="1"), "Manifest.format is not"),
        (lambda manifest: manifest.update(members={}), "Manifest.members is not"),
        (lambda manifest: manifest.update(store="x"), "which store wrote it"),
        (lambda manifest: manifest["origins"][0].update(id=7), "is not what it must be"),
        (lambda manifest: manifest.update(store="x") or manifest["origins"][0].update(id="x"), "has no id"),
        (lambda manifest: manifest["origins"][0].update(name="a\x1b[2J"), "no name of a store"),
        (lambda manifest: manifest["origins"].append(manifest["origins"][0]), "names a store twice"),
        (lambda manifest: manifest["members"].pop(), "not in the manifest"),
        (lambda manifest: manifest["members"].append(manifest["members"][0]), "names a member twice"),
        (lambda manifest: manifest["members"].append({"name": "blobs/x", "size": 1, "digest": "x"}), "not there"),
        (lambda manifest: manifest["members"][0].update(size=3), "size that the manifest"),
        (lambda manifest: manifest["members"][-1].update(digest="blake2b-256:" + "0" * 64), "hash that its name"),
    ],
)  # fmt: skip
def test_manifests_that_lie(bundle: Path, desk: SharedStore, change: Any, match: str) -> None:
    manifest = manifest_of(bundle)
    change(manifest)
    refuse(desk, forged.write(bundle, members_of(bundle), manifest), UnsafeBundle, match)


def test_a_hash_that_does_not_fit_is_damage(bundle: Path, desk: SharedStore) -> None:
    manifest = manifest_of(bundle)
    manifest["members"][0]["digest"] = "blake2b-256:" + "0" * 64
    refuse(desk, forged.write(bundle, members_of(bundle), manifest), DamagedBundle, "not what the manifest")


def test_a_bundle_of_a_newer_format_asks_for_an_update(bundle: Path, desk: SharedStore) -> None:
    manifest = manifest_of(bundle) | {"format": FORMAT + 1}
    refuse(desk, forged.write(bundle, members_of(bundle), manifest), BundleError, "update nbtrack")


def test_a_bundle_of_the_first_format_is_read(bundle: Path, tmp_path: Path) -> None:
    members, here = members_of(bundle), SharedStore(tmp_path, "here")
    name = next(name for name in members if name.startswith("processes/"))
    process = json.loads(members[name])
    for execution in process["executions"]:
        del execution["trace"]
    members[name] = json.dumps(process).encode()
    manifest = manifest_for(members, manifest_of(bundle) | {"format": 1})
    assert here.merge(forged.write(bundle, members, manifest)).added == 1
    assert here.store.connection.execute("SELECT * FROM traces").fetchall() == []


OTHER = new_id()


def first(name: str, **fields: Any) -> Callable[[Any], None]:
    """Change the first of a list."""
    return lambda document: document[name][0].update(fields)


def drop_points(run: Any) -> None:
    series = next(series for series in run["metrics"] if series["count"] == 5000)
    series["chunks"].pop()


def swap_chunks(run: Any) -> None:
    series = next(series for series in run["metrics"] if series["count"] == 5000)
    series["chunks"].reverse()


def lie_about_metrics(**fields: Any) -> Callable[[Any], None]:
    def change(run: Any) -> None:
        next(series for series in run["metrics"] if series["count"] == 5000).update(fields)

    return change


@pytest.mark.parametrize(
    ("prefix", "change", "match"),
    [
        ("runs/", lambda run: run.update(id=OTHER), "claims to be"),
        ("runs/", lambda run: run.update(origin=OTHER), "a store that it does not name"),
        ("runs/", lambda run: run.update(name="a/b"), "no name of a run"),
        ("runs/", lambda run: run.update(name="a\x1b[2Jb"), "no name of a run"),
        ("runs/", lambda run: run.update(name=""), "no name of a run"),
        ("runs/", lambda run: run.update(experiment="a\n"), "no name of an experiment"),
        ("runs/", lambda run: run.update(experiment="x" * 10_000), "no name of an experiment"),
        ("runs/", lambda run: run.update(number=0), "has no number"),
        ("runs/", lambda run: run.update(number=2**62), "has no number"),
        ("runs/", lambda run: run.update(number=2**70), "is not what it must be"),
        ("runs/", lambda run: run.update(status="running"), "has not ended"),
        ("runs/", lambda run: run.update(status="'; DROP TABLE runs"), "has not ended"),
        ("runs/", lambda run: run.update(started=-1), "impossible time"),
        ("runs/", lambda run: run.update(duration=float("nan")), "impossible duration"),
        ("runs/", lambda run: run.update(duration="1"), "is not what it must be"),
        ("runs/", lambda run: run.update(tags={"a": 1}), "is not what it must be"),
        ("runs/", lambda run: run.update(surprise=1), "does not have the fields"),
        ("runs/", lambda run: run["artifacts"].append(run["artifacts"][0]), "an artifact twice"),
        ("runs/", first("artifacts", digest=forged.digest(b"elsewhere")), "which is not in it"),
        ("runs/", first("artifacts", digest="../../etc/passwd"), "is no hash"),
        ("runs/", lambda run: run["datasets"]["X"].update(evil=1), "described in another way"),
        ("runs/", lambda run: run["datasets"]["X"].update(shape="x"), "described in another way"),
        ("runs/", lambda run: run["datasets"]["X"].update(schema={"a": 1}), "described in another way"),
        ("runs/", lambda run: run["datasets"]["X"].update(sources=[{"kind": "x"}]), "described in another way"),
        ("runs/", lambda run: run["datasets"]["t.csv"]["sources"][0].update(place=1), "described in another way"),
        ("runs/", lambda run: run["profiles"]["t.csv"].update(rows="many"), "is not what it must be"),
        ("runs/", lambda run: run["profiles"].update(nothing=run["profiles"]["t.csv"]), "a profile of no data"),
        ("runs/", lambda run: run["environment"].update(id="blake2b-128:" + "0" * 32), "not what it is called"),
        ("runs/", first("snapshots", id="x"), "snapshot without an id"),
        ("runs/", first("facts", kind="hardware"), "surroundings of an unknown kind"),
        ("runs/", first("facts", part="elsewhere"), "surroundings of an unknown kind"),
        ("runs/", lambda run: run["facts"].append(run["facts"][0]), "a part of its surroundings twice"),
        ("runs/", first("facts", digest="../../etc/passwd"), "is no hash"),
        ("runs/", lambda run: run["use"].update(memory=-1), "impossible amount of memory"),
        ("runs/", lambda run: run["use"].update(cpu=float("inf")), "impossible duration"),
        ("runs/", lambda run: run["use"]["series"][0].update(seconds=[1]), "sampled series that is not whole"),
        ("runs/", drop_points, "not whole"),
        ("runs/", swap_chunks, "not whole|more points"),
        ("runs/", lie_about_metrics(count=4999), "not whole"),
        ("runs/", lie_about_metrics(lowest=-5.0), "does not fit"),
        ("runs/", lie_about_metrics(chunks=[[0, 1]]), "not whole|more points"),
        ("runs/", lie_about_metrics(chunks=[[0, -1]]), "cannot be read"),
        ("runs/", lie_about_metrics(chunks=[[5, 10]]), "cut in another way"),
        ("processes/", first("executions", id="x"), "has no id"),
        ("processes/", first("executions", outcome="<b>"), "unknown way"),
        ("processes/", first("executions", trace={"place": "../x"}), "inside of one without an id"),
        ("processes/", first("executions", trace={"effects": ["<b>"]}), "unknown effect"),
        ("processes/", first("executions", trace={"reads": "x"}), "is not what it must be"),
        ("processes/", first("executions", trace={"surprise": []}), "does not have the fields"),
        ("processes/", lambda process: process["executions"].append(process["executions"][0]), "twice"),
        ("registry", first("versions", run=OTHER), "came from a run that is not in it"),
        ("registry", first("versions", format="exe"), "has the format 'exe'"),
        ("registry", first("versions", model="a@b"), "no name of a model"),
        ("registry", first("aliases", version=-1), "points at nothing"),
        ("registry", first("aliases", version=7), "points at nothing"),
        ("registry", first("aliases", alias="a\x00b"), "no name of an alias"),
        ("audit/", first("lines", actor="somebody else"), "line 1 of the audit log"),
        ("audit/", lambda chain: chain["lines"].pop(0), "line 1 of the audit log"),
        ("tombstones", first("tombstones", kind="everything"), "a tombstone of the kind"),
    ],
)  # fmt: skip
def test_documents_that_lie(bundle: Path, desk: SharedStore, prefix: str, change: Any, match: str) -> None:
    refuse(desk, edit(bundle, prefix, change), UnsafeBundle, match)


def test_a_run_that_claims_the_id_of_another_one(bundle: Path, desk: SharedStore, tmp_path: Path) -> None:
    mine = desk.service.runs.resolve("study/forest-1")

    def claim(origin: str, **fields: Any) -> Callable[[Members], None]:
        def change(members: Members) -> None:
            name = next(name for name in members if name.startswith("runs/"))
            run = json.loads(members.pop(name)) | {"id": mine, **fields}
            points = members.pop(name.replace("runs/", "points/").removesuffix(".json"))
            members[f"runs/{mine}.json"] = json.dumps(run).encode()
            members[f"points/{mine}"] = points
            registry = json.loads(members["registry.json"])
            registry["versions"][0]["run"] = mine
            members["registry.json"] = json.dumps(registry).encode()

        return change

    refuse(desk, forge(bundle, claim("")), UnsafeBundle, "has the id of the run study/forest-1 of this store")


def test_whoever_speaks_in_the_name_of_this_store_changes_no_run_of_it(bundle: Path, tmp_path: Path) -> None:
    desk = SharedStore(tmp_path, "desk")
    run = desk.full_run()
    before = desk.all_of(run)
    desk.write(tmp_path / "own")

    def more(document: Any) -> None:
        document["ended"] += 10**12
        document["params"]["lr"] = 666
        document["artifacts"][0]["type_name"] = "evil"

    merge = desk.merge(edit(tmp_path / "own", "runs/", more))
    assert (merge.updated, merge.unchanged) == (0, 1)
    assert desk.all_of(run) == before
    other = forge(
        tmp_path / "own",
        lambda members: members.update({
            name: data.replace(b'"outcome":"ok"', b'"outcome":"error"')
            for name, data in members.items() if name.startswith("processes/")
        }),
    )  # fmt: skip
    desk.merge(other)
    assert desk.all_of(run) == before


def test_content_that_this_store_would_read_is_what_it_says(bundle: Path, desk: SharedStore) -> None:
    def replace(kind: str, content: bytes) -> Callable[[Members], None]:
        def change(members: Members) -> None:
            name = next(name for name in members if name.startswith("processes/"))
            process = json.loads(members[name])
            item = next(item for item in process["executions"] if item["outputs"])
            members[f"blobs/{item[kind][12:]}"] = members.pop(f"blobs/{item[kind][12:]}")
            before, item[kind] = item[kind], forged.digest(content)
            users = json.dumps(process).count(before)
            if not users:
                del members[f"blobs/{before[12:]}"]
            members[f"blobs/{item[kind][12:]}"] = content
            members[name] = json.dumps(process).encode()

        return change

    for kind, content, match in (
        ("outputs", b"no JSON", "is no JSON"),
        ("outputs", b'{"a": 1}', "are none"),
        ("outputs", b"[" * 100_000, "is no JSON"),
        ("source", b"\xff\xfe", "is no text"),
    ):
        refuse(desk, forge(bundle, replace(kind, content)), UnsafeBundle, match)


def test_content_that_nothing_names(bundle: Path, desk: SharedStore) -> None:
    extra = b"hidden"
    changed = forge(bundle, lambda members: members.update({f"blobs/{forged.digest(extra)[12:]}": extra}))
    refuse(desk, changed, UnsafeBundle, "which nothing in it names")


def test_points_of_a_run_that_is_not_there(bundle: Path, desk: SharedStore) -> None:
    changed = forge(bundle, lambda members: members.update({f"points/{OTHER}": b"x"}))
    refuse(desk, changed, UnsafeBundle, "which is not in it")


@pytest.mark.parametrize("name", ["registry.json", "tombstones.json"])
def test_a_part_that_is_missing(bundle: Path, desk: SharedStore, name: str) -> None:
    refuse(desk, forge(bundle, lambda members: members.pop(name) and None), UnsafeBundle, "is missing")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":1,"a":2}', "9" * 10_000, "\ud800", "{"])
def test_documents_that_are_none(bundle: Path, desk: SharedStore, text: str) -> None:
    content = text.encode("utf-8", "surrogatepass")
    refuse(
        desk,
        forge(bundle, lambda members: members.update({"registry.json": content})),
        UnsafeBundle,
        "no document",
    )


def test_what_is_no_bundle(bundle: Path, desk: SharedStore, tmp_path: Path) -> None:
    for content in (b"", b"x", b"PK", b"hello" * 1000):
        bundle.write_bytes(content)
        refuse(desk, bundle, BundleError, "is no bundle of nbtrack")
    bundle.write_bytes(packed([(info("a"), b"a")])[:-50])
    refuse(desk, bundle, DamagedBundle, "its end is missing")


def test_a_model_is_loaded_by_the_list_and_not_by_what_a_bundle_says(bundle: Path, tmp_path: Path) -> None:
    """A pickle that runs code arrives as what it is: bytes, which no loader makes anything of."""
    import pickle

    from nbtrack.errors import UnsafeModel
    from nbtrack.flavors.restricted import load_restricted

    class Evil:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "pwned"),)

    laptop, desk = SharedStore(tmp_path, "laptop"), SharedStore(tmp_path, "desk")
    run = laptop.run()
    laptop.artifact(run, pickle.dumps(Evil()))
    desk.merge(laptop)
    (artifact,) = desk.service.runs.get(run).artifacts
    content = desk.store.blobs.get(artifact.digest or "")
    with pytest.raises(UnsafeModel, match="not on the list"):
        load_restricted(content)
    assert not (tmp_path / "pwned").exists()


def test_every_cut_and_every_flipped_byte_is_damage(bundle: Path, desk: SharedStore) -> None:
    content = bundle.read_bytes()
    chance = random.Random(7)
    for _ in range(150):
        bundle.write_bytes(content[: chance.randrange(len(content))])
        with pytest.raises(BundleError):
            desk.merge(bundle)
        flipped = bytearray(content)
        flipped[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        bundle.write_bytes(flipped)
        with pytest.raises(BundleError):
            desk.merge(bundle)


class _TakenBack(Exception):
    """Ends the transaction of a try."""


def try_and_ask_everything(desk: SharedStore, path: Path) -> bool:
    """Merge, ask all that people ask, and take it back; whether it was taken."""
    before = {row.id for row in desk.service.runs.search().runs}
    files = set(desk.store.folder.glob("blobs/*/*"))
    try:
        with open_bundle(path) as contents:
            for _ in check(contents):
                pass
            with desk.store.transaction():
                arrivals = Arrivals(desk.store, contents)
                arrivals.take()
                desk.service.merging._add_content(contents, {}, arrivals.needed)
                for row in desk.service.runs.search().runs:
                    if row.id not in before:
                        desk.all_of(row.id)
                        desk.service.runs.outcome(row.id)
                desk.service.models.list()
                desk.service.runs.columns()
                desk.store.search.index(1000)
                raise _TakenBack
    except _TakenBack:
        return True
    except (ValueError, BundleError):
        return False
    finally:
        for file in set(desk.store.folder.glob("blobs/*/*")) - files:  # as gc would, since no row names them
            file.unlink()


def test_flipped_bytes_under_a_seal_that_fits(bundle: Path, desk: SharedStore) -> None:
    """Someone who can make a seal flips bytes of the zip file: refused, or nothing is different."""
    content = bundle.read_bytes()
    chance, listed = random.Random(11), content.index(b"PK\x01\x02")
    for _ in range(100):
        flipped = bytearray(content)
        place = chance.randrange(chance.choice([0, listed]), len(content))
        flipped[place] ^= 1 << chance.randrange(8)
        bundle.write_bytes(sealed(bytes(flipped)))
        try_and_ask_everything(desk, bundle)


HOSTILE: list[Any] = [
    None, True, 0, -1, 1, 2**31, 2**63 - 1, -(2**63), 2**64, 1e308, float("nan"), float("inf"), "", "x", "\x00", "\ud800",
    "../../x", "<script>", "a" * 100_000, [], [1], {}, {"a": {}}, [[]], "blake2b-256:" + "0" * 64, OTHER,
]  # fmt: skip


def test_any_value_in_any_place_is_refused_or_does_no_harm(bundle: Path, desk: SharedStore) -> None:
    members, manifest = members_of(bundle), manifest_of(bundle)
    documents = {name: json.loads(data) for name, data in members.items() if name.endswith(".json")}
    chance = random.Random(13)
    taken = 0
    for _ in range(150):
        name = chance.choice(sorted(documents))
        document = json.loads(json.dumps(documents[name]))
        place, steps = document, 0
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = chance.choice(keys)
            if not isinstance(place[key], dict | list) or not place[key] or chance.random() < 0.15:
                place[key] = chance.choice(HOSTILE)
                break
            place, steps = place[key], steps + 1
        changed = {**members, name: json.dumps(document).encode()}
        taken += try_and_ask_everything(desk, forged.write(bundle, changed, manifest_for(changed, manifest)))
    assert taken > 3  # params may hold anything: the test sees what comes of what is taken
