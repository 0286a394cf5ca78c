"""Versions are found by the language of runs, and go from stage to stage by allowed steps."""

from __future__ import annotations

from pathlib import Path

import pytest
from owned_store import OwnedStore

from nbtrack.entities.records import MetricsLogged
from nbtrack.errors import Conflict, FilterError, InvalidInput
from nbtrack.service.points import Points


@pytest.fixture
def owned(tmp_path: Path) -> OwnedStore:
    owned = OwnedStore(tmp_path)
    for name, auc, alias in (
        ("churn", 0.8, None),
        ("churn", 0.95, "champion"),
        ("risk", float("nan"), "champion"),
    ):
        run = owned.run()
        points = Points(owned.store.metrics)
        points.add(MetricsLogged(run=run, time=1, values={"auc": auc}))
        with owned.store.transaction():
            points.flush(lambda series, write: write())
        owned.register(run, name, alias)
    owned.service.curation.tag({"team": "retention", "owner": "ana"}, model="churn")
    owned.service.curation.tag({"stage": "staging", "note": "50% off"}, model="churn/2")
    with owned.store.transaction():
        owned.store.connection.execute(
            "UPDATE model_versions SET created = created - 40 * 86400000000000 WHERE version = 1"
        )
    return owned


ALL = ["churn/2", "churn/1", "risk/1"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ALL),
        ("alias = champion", ["churn/2", "risk/1"]),
        ("alias = champion and metrics.auc > 0.9 and age < 30d", ["churn/2"]),
        ("alias != champion", []),  # as for runs: recorded, and another
        ("alias is null", ["churn/1"]),
        ("auc > 0.7", ["churn/2", "churn/1"]),
        ("auc = nan", ["risk/1"]),
        ("not auc > 0.9", ["churn/1", "risk/1"]),
        ("stage = staging or name = risk", ["churn/2", "risk/1"]),
        ("stage in ('staging', 'production')", ["churn/2"]),
        ("stage not in ('production')", ["churn/2"]),
        ("owner = ana and version = 1", ["churn/1"]),
        ("tags.team", ["churn/2", "churn/1"]),
        ("tags.team = 'retention'", ["churn/2", "churn/1"]),
        ("name like 'CH%'", ["churn/2", "churn/1"]),
        ("note like '50%o_f'", ["churn/2"]),
        ("name like '*'", []),
        ("format = skops and size between 10 and 50", ALL),
        ("runs_code", []),
        ("verified is null", ALL),
        ("age > 30d", ["churn/1", "risk/1"]),
        ("created < 30d ago", ["churn/1", "risk/1"]),
        ("created >= today", ["churn/2"]),
        ("0.5 < auc <= 0.8", ["churn/1"]),
        ("version = '2'", ["churn/2"]),
        ("name = 5", []),
    ],
)
def test_versions_are_found(owned: OwnedStore, text: str, expected: list[str]) -> None:
    found = owned.service.models.list(text)
    assert [f"{model.name}/{version.version}" for model in found for version in model.versions] == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("acu > 1", "Unknown name 'acu'"),
        ("status = 'failed'", "Versions have no 'status'"),
        ("name matches 'x'", "is for runs"),
        ("changed(auc)", "is for runs"),
        ("max(auc) > 1", "are for runs"),
        ("created > 'soon'", "is no time"),
        ("alias =", "ends too early"),
    ],
)
def test_what_cannot_be_answered_is_said(owned: OwnedStore, text: str, told: str) -> None:
    with pytest.raises(FilterError, match=told):
        owned.service.models.list(text)


def test_a_version_goes_from_stage_to_stage_by_allowed_steps(owned: OwnedStore) -> None:
    curation, models = owned.service.curation, owned.service.models
    with pytest.raises(
        Conflict, match=r"risk/1 is in no stage yet; from there it goes to development or staging"
    ):
        curation.tag({"stage": "production"}, model="risk/1")
    for stage in ("development", "staging", "production", "production", "archived", "staging"):
        curation.tag({"stage": stage}, model="risk/1")
        assert models.get("risk/1").tags["stage"] == stage
    with pytest.raises(InvalidInput, match="development, staging, production, archived; not 'live'"):
        curation.tag({"stage": "live"}, model="risk/1")
    curation.tag({"stage": "anything"}, model="risk")  # a tag of the model as a whole is free
    curation.tag({"stage": "anything"}, ["forest-1"])
