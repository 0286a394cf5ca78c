"""Who may take an alias, the way back, and an audit log that shows what was done to it."""

from __future__ import annotations

import json
from html import escape
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from owned_store import OwnedStore

from nbtrack.commands.audit_files import digests_of, read_key, write_export
from nbtrack.config import read_policy
from nbtrack.entities.records import MetricsLogged
from nbtrack.errors import InvalidInput, NotFound, StoreCorrupt
from nbtrack.operations import dispatch, to_entity, to_plain
from nbtrack.render.html import to_html
from nbtrack.render.text import to_text
from nbtrack.render.views import View
from nbtrack.service import checks
from nbtrack.service.points import Points
from nbtrack.store.audit import line_digest


@pytest.fixture
def owned(tmp_path: Path) -> OwnedStore:
    owned = OwnedStore(tmp_path)
    for auc in (0.90, 0.95, 0.93):
        run = owned.run()
        points = Points(owned.store.metrics)
        points.add(MetricsLogged(run=run, time=1, values={"auc": auc}))
        with owned.store.transaction():
            points.flush(lambda series, write: write())
        owned.register(run)
    return owned


GATE = {"metric": {"name": "auc", "at_least": 0.5, "margin": 0.0}}


def test_a_version_takes_an_alias_if_the_checks_hold(owned: OwnedStore) -> None:
    gate = owned.service.gate
    first = gate.promote("churn/1", "champion", GATE)
    assert (first.moved, first.before) == (True, None)
    better = gate.promote("churn@2", "champion", GATE)
    assert (better.moved, better.before, better.version) == (True, 1, 2)
    worse = gate.promote("churn/3", "champion", GATE)
    assert not worse.moved
    assert [(check.name, check.held) for check in worse.checks] == [("metric", False)]
    assert "0.93, the holder's 0.95" in worse.checks[0].told
    assert owned.service.models.get("churn@champion").version == 2
    assert owned.decisions()[-3:] == ["alias.moved", "alias.moved", "alias.refused"]
    assert owned.service.audit.log().lines[-1].digest == worse.digest


def test_a_promotion_is_asked_for_by_its_operation(owned: OwnedStore) -> None:
    arguments = {
        "model": "churn/1",
        "alias": "champion",
        "policy": GATE,
    }  # a table of tables, as TOML gives it
    done = dispatch(owned.service, "gate.promote", arguments)
    assert done.moved
    assert to_entity("gate.promote", to_plain(done)) == done
    with pytest.raises(InvalidInput, match=r"policy of gate\.promote must be"):
        dispatch(owned.service, "gate.promote", {**arguments, "policy": "all"})


def test_an_override_is_visible_for_ever(owned: OwnedStore) -> None:
    gate, audit = owned.service.gate, owned.service.audit
    gate.promote("churn/2", "champion", GATE)
    forced = gate.promote("churn/3", "champion", GATE, override="the holidays are not in the test data")
    assert forced.moved
    assert forced.override == "the holidays are not in the test data"
    (holder,) = audit.at("now").holders
    assert (holder.version, holder.override) == (3, forced.override)
    line = audit.log("churn").lines[-1]
    assert line.detail["override"] == forced.override
    assert line.detail["evidence"] == forced.evidence
    # a needless override is none
    assert gate.promote("churn/2", "challenger", GATE, override="just so").override == ""


def test_rollback_goes_back_one_holder_at_a_time(owned: OwnedStore) -> None:
    gate = owned.service.gate
    for version in (1, 2, 3):
        gate.promote(f"churn/{version}", "champion")
    assert gate.rollback("churn", "champion", "too slow").version == 2
    owned.service.curation.rename_model("churn", "risk")
    assert gate.rollback("churn", "champion").version == 1
    with pytest.raises(NotFound, match="had no holder before version 1"):
        gate.rollback("risk", "champion")
    with pytest.raises(NotFound, match="no alias challenger"):
        gate.rollback("risk", "challenger")
    gate.promote("risk/3", "champion")
    owned.service.trash.delete(model="risk/1")
    with pytest.raises(NotFound, match="undelete --model risk/1"):
        gate.rollback("risk", "champion")
    assert owned.service.models.get("risk@champion").version == 3


@pytest.mark.parametrize(
    ("policy", "held", "told"),
    [
        ({"safe_format": True}, True, "skops"),
        ({"verified": True}, False, "older nbtrack"),
        ({"described": True}, False, "description"),
        ({"described": False}, None, ""),
        ({"tagged": {"approved": "yes"}}, False, "approved=yes is missing"),
        ({"size": {"at_most": 49}}, False, "50 bytes"),
        ({"latency": {"rows": 1, "at_most": 0.1}}, False, "not measured"),
        ({"committed": True}, False, "no git repository"),
        ({"honest": True}, False, "not known"),
        ({"same_input": True}, True, "nothing to compare"),
        ({"metric": {"name": "auc", "at_least": 0.94}}, False, "0.9, below 0.94"),
        ({"metric": {"name": "auc", "at_most": 0.94}}, True, "auc is 0.9"),
        ({"metric": {"name": "nothing"}}, False, "has no nothing"),
        ({"metric": [{"name": "auc"}, {"name": "b"}]}, False, "has no b"),
    ],
)
def test_each_check_says_what_it_has_seen(
    owned: OwnedStore, policy: Any, held: bool | None, told: str
) -> None:
    found = owned.service.gate.promote("churn/1", "champion", policy)
    assert ([check.held for check in found.checks][-1:] or [None]) == [held]
    assert told in "".join(check.told for check in found.checks)


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        ({"drift": True}, r"a check 'drift', which is not known; there are safe_format, verified, metric"),
        ({"size": 3}, "true, false or a table"),
        ({"size": {"at_most": "big"}}, "is a number, not 'big'"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(owned: OwnedStore, policy: Any, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        owned.service.gate.promote("churn/1", "champion", policy)
    assert owned.service.models.get("churn/1").aliases == []


def test_a_package_brings_a_check_and_one_that_fails_does_not_hold(
    owned: OwnedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = [EntryPoint("drift", "x:y", checks.GROUP), EntryPoint("safe_format", "x:y", checks.GROUP)]
    monkeypatch.setattr(
        checks, "entry_points", lambda group, name=None: [p for p in points if name in (None, p.name)]
    )
    monkeypatch.setattr(
        EntryPoint, "load", lambda self: lambda candidate, options: (True, f"{options['most']}")
    )
    policy = {"drift": {"most": 0.2}, "safe_format": True}
    found = owned.service.gate.promote("churn/1", "champion", policy)
    assert [(check.name, check.told) for check in found.checks] == [
        ("drift", "0.2"),
        ("safe_format", "the format is skops"),
    ]
    found = owned.service.gate.promote("churn/1", "champion", {"drift": True})
    assert not found.moved
    assert "KeyError" in found.checks[0].told


def test_the_policy_is_the_nearest_file(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert read_policy("champion", inner) == {}
    (tmp_path / "pyproject.toml").write_text("[tool.nbtrack.gate.champion]\nverified = true\n")
    assert read_policy("champion", inner) == {"verified": True}
    assert read_policy("other", inner) == {}
    (tmp_path / "a" / "nbtrack.toml").write_text(
        '[gate."*"]\ndescribed = true\n[gate.champion]\nsize.at_most = 5\n'
    )
    assert read_policy("champion", inner) == {"size": {"at_most": 5}}
    assert read_policy("other", inner) == {"described": True}
    (inner / "nbtrack.toml").write_text("[gate\n")
    with pytest.raises(
        InvalidInput, match="cannot be read"
    ):  # a policy that is passed over would let all through
        read_policy("champion", inner)


def test_decisions_are_shown_as_text_and_as_html(owned: OwnedStore) -> None:
    gate, audit = owned.service.gate, owned.service.audit
    gate.promote("churn/2", "champion", GATE)
    answers = {
        "champion stays at version 2": gate.promote("churn/3", "champion", GATE),
        "because <it> must": gate.promote("churn/3", "champion", GATE, override="because <it> must"),
        "rolled back": gate.rollback("churn", "champion"),
        "4 decisions · head": audit.log(),
        "Every line is what was written": audit.verify(),
        "no line has the expected digest": audit.verify("0123"),
        "champion": audit.at("now"),
    }
    for told, answer in answers.items():
        view = View(kind="any", content=answer)
        assert told in " ".join(to_text(view, width=200).replace("\n", " ").split())
        assert escape(told, quote=False) in to_html(view)


# ── the audit log ──


def forge(owned: OwnedStore, sql: str, *bindings: Any) -> None:
    owned.store.connection.execute(sql, bindings)


def recompute(owned: OwnedStore) -> None:
    """What somebody would do who knows how the chain is made."""
    before = "0" * 64
    for sequence, (_, *line, _) in enumerate(owned.store.audit.lines(), start=1):
        before = line_digest(before, sequence, *line)
        forge(owned, "UPDATE audit SET digest = ? WHERE sequence = ?", before, sequence)


def decided(owned: OwnedStore) -> str:
    for version in (1, 2, 3):
        owned.service.gate.promote(f"churn/{version}", "champion")
    return owned.service.audit.log().head


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit SET actor = 'somebody else' WHERE sequence = 2",
        "UPDATE audit SET detail = replace(detail, '\"to\": 2', '\"to\": 1') WHERE sequence = 2",
        "UPDATE audit SET time = time - 1 WHERE sequence = 1",
        "UPDATE audit SET decision = 'alias.refused' WHERE sequence = 3",
        "UPDATE audit SET digest = (SELECT digest FROM audit WHERE sequence = 1) WHERE sequence = 2",
        "DELETE FROM audit WHERE sequence = 2",
        "DELETE FROM audit WHERE sequence = 1",
    ],
)
def test_an_edit_or_a_deletion_is_found(owned: OwnedStore, sql: str) -> None:
    decided(owned)
    assert owned.service.audit.verify().problems == []
    forge(owned, sql)
    assert owned.service.audit.verify().problems != []


def test_reordering_is_found(owned: OwnedStore) -> None:
    decided(owned)
    for before, after in ((1, 100), (2, 1), (100, 2)):
        forge(owned, "UPDATE audit SET sequence = ? WHERE sequence = ?", after, before)
    assert len(owned.service.audit.verify().problems) >= 2


def test_a_cut_end_and_a_recomputed_chain_are_found_by_an_anchor(owned: OwnedStore, tmp_path: Path) -> None:
    head = decided(owned)
    audit = owned.service.audit
    key = tmp_path / "key"
    key.write_text("a key that is kept elsewhere")
    export = tmp_path / "export.jsonl"
    write_export(audit.log(), export, as_csv=False, key=read_key(str(key)))
    owned.service.gate.promote("churn/1", "champion")
    anchor = digests_of(export, read_key(str(key)))
    assert (audit.verify(head).problems, audit.verify(head).since) == ([], 1)
    assert (audit.verify(anchor=anchor).problems, audit.verify(anchor=anchor).since) == ([], 1)

    forge(owned, "DELETE FROM audit WHERE sequence >= 3")
    assert audit.verify().problems == []  # a chain alone cannot know its end
    assert "cut or the chain recomputed" in audit.verify(head).problems[0]
    assert audit.verify(anchor=anchor).problems == ["line 3 is not the one of the export"]


def test_a_recomputed_chain_is_found_by_an_anchor(owned: OwnedStore) -> None:
    head = decided(owned)
    anchor = [line.digest for line in owned.service.audit.log().lines]
    forge(owned, "UPDATE audit SET actor = 'somebody else' WHERE sequence = 2")
    recompute(owned)
    audit = owned.service.audit
    assert audit.verify().problems == []
    assert audit.verify(head).problems != []
    assert audit.verify(anchor=anchor).problems == ["line 2 is not the one of the export"]


def test_an_export_that_was_changed_has_another_hmac(owned: OwnedStore, tmp_path: Path) -> None:
    decided(owned)
    export, key = tmp_path / "export.jsonl", b"a key that is kept elsewhere"
    write_export(owned.service.audit.log(), export, as_csv=False, key=key)
    content = export.read_text()
    lines = content.splitlines(keepends=True)
    assert json.loads(lines[0])["decision"] == "alias.moved"
    for changed in (content.replace("churn", "risk", 1), "".join(lines[1:]), "".join(lines[:2] + lines[-1:])):
        export.write_text(changed)
        with pytest.raises(StoreCorrupt, match="HMAC"):
            digests_of(export, key)
    export.write_text(content)
    with pytest.raises(StoreCorrupt, match="HMAC"):
        digests_of(export, b"another key, as long as the first")
    export.write_text("no export")
    with pytest.raises(InvalidInput, match="is no export"):
        digests_of(export, None)
    write_export(owned.service.audit.log(), export, as_csv=True, key=key)
    assert export.read_text().splitlines()[0].startswith("sequence,time,")
    assert "hmac_sha256" in export.read_text()
    (tmp_path / "short").write_text("short")
    with pytest.raises(InvalidInput, match="16 are the least"):
        read_key(str(tmp_path / "short"))


def test_what_aliases_meant_at_a_moment(owned: OwnedStore) -> None:
    decided(owned)
    for sequence, day in ((1, "2026-03-01"), (2, "2026-03-03"), (3, "2026-03-05")):
        forge(
            owned,
            "UPDATE audit SET time = unixepoch(?) * 1000000000 + 3600000000000 WHERE sequence = ?",
            day,
            sequence,
        )
    audit = owned.service.audit
    assert audit.at("2026-02-28").holders == []
    assert [holder.version for holder in audit.at("2026-03-02").holders] == [1]
    assert [holder.version for holder in audit.at("2026-03-03").holders] == [2]  # the end of the day
    assert [holder.version for holder in audit.at("2026-03-03 00:30").holders] == [1]
    owned.service.curation.rename_model("churn", "risk")
    assert [holder.model for holder in audit.at("2026-03-04").holders] == ["churn"]
    assert [(holder.model, holder.version) for holder in audit.at("now").holders] == [("risk", 3)]
    with pytest.raises(InvalidInput, match="is no time"):
        audit.at("soon")
