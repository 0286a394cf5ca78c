"""Tests of significance against scipy, other formulas, and what is published."""

from __future__ import annotations

import dataclasses
import math
import random
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from nbtrack.analysis.distributions import (
    binomial_two_sided,
    incomplete_beta,
    normal_two_sided,
    student_quantile,
    student_two_sided,
)
from nbtrack.analysis.significance import corrected_resampled_t, delong, mcnemar, paired_bootstrap
from nbtrack.analysis.versions import compare_answers, compare_versions
from nbtrack.entities.models import ModelVersion, VersionRecord
from nbtrack.render.html import to_html
from nbtrack.render.text import to_text
from nbtrack.render.views import View


@pytest.mark.parametrize("freedom", [1, 2, 4, 9, 29, 99, 1000])
@pytest.mark.parametrize("t", [0.0, 0.1, 1.0, 2.5, -3.0, 12.0, 200.0])
def test_students_t_is_scipys(t: float, freedom: int) -> None:
    assert student_two_sided(t, freedom) == pytest.approx(
        2 * stats.t.sf(abs(t), freedom), rel=1e-10, abs=1e-300
    )


@pytest.mark.parametrize("freedom", [1, 4, 9, 99])
@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_its_quantiles_are_scipys(freedom: int, level: float) -> None:
    share = 1 - (1 - level) / 2
    assert student_quantile(share, freedom) == pytest.approx(stats.t.ppf(share, freedom), rel=1e-9)


def test_the_other_distributions_are_scipys() -> None:
    for z in (0.0, 0.5, -1.96, 6.0):
        assert normal_two_sided(z) == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-12)
    for fewer, count in ((0, 5), (3, 12), (12, 25), (5, 10)):
        expected = stats.binomtest(fewer, count, 0.5).pvalue
        assert binomial_two_sided(fewer, count) == pytest.approx(expected, rel=1e-12)
    for a, b, x in ((0.5, 0.5, 0.3), (2, 3, 0.9), (10, 0.5, 0.99), (5, 5, 0.0), (5, 5, 1.0)):
        assert incomplete_beta(a, b, x) == pytest.approx(stats.beta.cdf(x, a, b), rel=1e-10)


def rows_of(both: int, lost: int, won: int, neither: int) -> tuple[list[bool], list[bool]]:
    first = [True] * (both + lost) + [False] * (won + neither)
    second = [True] * both + [False] * lost + [True] * won + [False] * neither
    return first, second


def test_mcnemar_gives_the_published_numbers() -> None:
    # Agresti, Categorical Data Analysis, table 10.1: approval of a prime minister, 86 and 150 changed their minds;
    # with Edwards' correction chi-squared is (64 - 1)² / 236.
    found = mcnemar(*rows_of(794, 150, 86, 570))
    assert found.p == pytest.approx(stats.chi2.sf(63**2 / 236, 1), rel=1e-12)
    assert found.difference == pytest.approx(-0.04)
    # Bonett and Price's interval is near the Wald interval by the standard error 0.0095 that stands there.
    assert (found.low, found.high) == pytest.approx(
        (-0.04 - 1.96 * 0.0095, -0.04 + 1.96 * 0.0095), abs=0.0005
    )
    assert not found.inside_the_noise
    assert found.effect == pytest.approx(86 / 150)


def test_mcnemar_counts_exactly_where_there_is_little() -> None:
    found = mcnemar(*rows_of(50, 2, 8, 10))
    assert found.p == pytest.approx(stats.binomtest(2, 10, 0.5).pvalue, rel=1e-12)
    assert mcnemar(*rows_of(10, 0, 0, 5)).p == 1.0
    assert mcnemar(*rows_of(10, 0, 0, 5)).inside_the_noise
    assert mcnemar(*rows_of(5, 0, 3, 0)).effect == math.inf


def naive_delong(truth: np.ndarray, first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """The formula of 1988 as it is printed, with all pairs."""
    components = []
    for scores in (first, second):
        ups, downs = scores[truth], scores[~truth]
        pairs = (ups[:, None] > downs[None, :]) + 0.5 * (ups[:, None] == downs[None, :])
        components.append((pairs.mean(), pairs.mean(axis=1), pairs.mean(axis=0)))
    (a, a10, a01), (b, b10, b01) = components
    s10, s01 = np.cov(a10, b10), np.cov(a01, b01)
    contrast = np.array([-1, 1])
    variance = contrast @ (s10 / len(a10) + s01 / len(a01)) @ contrast
    return b - a, math.sqrt(variance)


@pytest.mark.parametrize("seed", range(5))
def test_delong_is_the_printed_formula(seed: int) -> None:
    drawing = np.random.default_rng(seed)
    truth = drawing.random(120) < 0.4
    first = np.round(truth + drawing.normal(size=120), 1)  # with ties
    second = np.round(truth + 0.5 * drawing.normal(size=120), 1)
    found = delong(truth.tolist(), first.tolist(), second.tolist())
    difference, error = naive_delong(truth, first, second)
    assert found.difference == pytest.approx(difference, abs=1e-12)
    assert found.difference == pytest.approx(
        roc_auc_score(truth, second) - roc_auc_score(truth, first), abs=1e-12
    )
    assert found.high - found.low == pytest.approx(2 * stats.norm.ppf(0.975) * error, rel=1e-9)
    assert found.p == pytest.approx(2 * stats.norm.sf(abs(difference / error)), rel=1e-9)


def test_the_corrected_t_test_is_wider_than_the_plain_one() -> None:
    first = [0.80, 0.82, 0.79, 0.81, 0.83]
    second = [0.82, 0.83, 0.82, 0.82, 0.84]
    plain = stats.ttest_rel(second, first)
    found = corrected_resampled_t(first, second, test_share=0.25)
    # by hand: t = plain t · sqrt(1/k) / sqrt(1/k + 1/4)
    t = plain.statistic * math.sqrt((1 / 5) / (1 / 5 + 0.25))
    assert found.p == pytest.approx(2 * stats.t.sf(t, 4), rel=1e-9)
    assert found.p > plain.pvalue
    interval = stats.t.interval(0.95, 4, loc=0.016, scale=0.016 / t)
    assert (found.low, found.high) == pytest.approx(interval, rel=1e-6)
    # almost no share of test rows is the plain test
    assert corrected_resampled_t(first, second, test_share=1e-12).p == pytest.approx(plain.pvalue, rel=1e-6)


def test_the_bootstrap_is_scipys_up_to_the_drawing() -> None:
    drawing = random.Random(1)
    first = [drawing.gauss(0.5, 0.2) for _ in range(80)]
    second = [value + drawing.gauss(0.05, 0.1) for value in first]
    found = paired_bootstrap(first, second)
    assert found == paired_bootstrap(first, second)  # the same data, the same interval
    expected = stats.bootstrap(
        (np.array(second) - np.array(first),), np.mean, n_resamples=20_000, method="percentile", rng=1
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.004)
    differences = np.array(second) - np.array(first)
    assert found.effect == pytest.approx(differences.mean() / differences.std(ddof=1))


def test_intervals_hold_as_often_as_they_say() -> None:
    drawing = random.Random(5)
    held = {"bootstrap": 0, "mcnemar": 0}
    for seed in range(200):
        first = [drawing.random() < 0.8 for _ in range(60)]
        second = [drawing.random() < 0.8 for _ in range(60)]
        held["bootstrap"] += paired_bootstrap(
            [float(v) for v in first], [float(v) for v in second], resamples=300, seed=seed
        ).inside_the_noise
        held["mcnemar"] += mcnemar(first, second).inside_the_noise
    assert all(0.88 <= count / 200 <= 1.0 for count in held.values()), held


def test_no_difference_at_all_is_inside_the_noise() -> None:
    same = [0.5, 0.7, 0.9]
    assert paired_bootstrap(same, same).inside_the_noise
    assert corrected_resampled_t(same, same, test_share=0.5).inside_the_noise
    assert delong([True, True, False, False], [0.9, 0.4, 0.5, 0.1], [0.9, 0.4, 0.5, 0.1]).p == 1.0


def test_what_cannot_be_compared_is_said() -> None:
    with pytest.raises(ValueError, match="not 1 and 1"):
        paired_bootstrap([1.0], [2.0])
    with pytest.raises(ValueError, match="not 2 and 3"):
        mcnemar([True, False], [True, False, True])
    with pytest.raises(ValueError, match="two rows at least"):
        delong([True, False, False], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="above 0"):
        corrected_resampled_t([1.0, 2.0], [1.0, 2.0], test_share=0.0)


def version(number: int, **fields: Any) -> ModelVersion:
    base: dict[str, Any] = {"model": "churn", "version": number, "run_id": "a", "run": "forest-1", "artifact": "model",
            "format": "skops", "digest": "d", "size": 10, "created": "2026-03-01T00:00:00Z"}  # fmt: skip
    return ModelVersion(**{**base, **fields})


def test_versions_stand_side_by_side_with_what_differs() -> None:
    first = version(1, metrics={"auc": 0.8}, aliases=["champion"], record=VersionRecord(
        inputs={"a": "int64"}, requirements=["numpy==1.0"], latency={"1": [0.001, 0.002]}, python="3.11"))  # fmt: skip
    second = version(2, metrics={"auc": 0.9}, size=30, record=VersionRecord(
        inputs={"a": "float64", "b": "int64"}, requirements=["numpy==2.0"], python="3.11"))  # fmt: skip
    found = compare_versions([first, second])
    assert [(row.name, row.values, row.best) for row in found.metrics] == [("auc", [0.8, 0.9], 1)]
    assert {row.name: row.values for row in found.file}["bytes"] == [10, 30]
    assert {row.name: row.values for row in found.inputs} == {"a": ["int64", "float64"], "b": [None, "int64"]}
    assert [row.name for row in found.requirements] == ["numpy"]
    view = View(
        kind="versions", content=dataclasses.replace(found, tests=[mcnemar([True, False], [True, True])])
    )
    for text in (to_text(view, width=250), to_html(view)):
        for told in ("churn/1 @champion", "auc", "float64", "numpy", "McNemar", "inside the noise"):
            assert told in text


def test_the_tests_fit_the_kind_of_answers() -> None:
    classes = compare_answers([0, 1] * 20, [0, 1] * 18 + [1, 1, 1, 1], [0, 1] * 20)
    assert [(test.test, test.measure) for test in classes] == [
        ("McNemar", "accuracy"),
        ("paired bootstrap", "accuracy"),
    ]
    scores = [0.1, 0.9] * 20
    assert compare_answers([0, 1] * 20, [0, 1] * 20, [0, 1] * 20, (scores, scores))[-1].test == "DeLong"
    (errors,) = compare_answers([1.0, 2.0, 3.0], [1.5, 2.5, 3.5], [1.1, 2.1, 3.1])
    assert errors.measure == "mean absolute error"
    assert errors.difference == pytest.approx(-0.4)
    assert not errors.inside_the_noise
