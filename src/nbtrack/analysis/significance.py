"""Whether one model is better than another, or the difference is inside the noise.

Each function takes plain numbers and gives the difference, an interval for it, how large it is beside its spread, and the
probability of a difference at least as large if there were none. What is compared is paired: the same rows or folds.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from statistics import fmean, stdev

from nbtrack.analysis.distributions import (
    binomial_two_sided,
    normal_quantile,
    normal_two_sided,
    student_quantile,
    student_two_sided,
)
from nbtrack.entities.significance import Significance

_FEW = 25
"""Discordant rows up to which McNemar's test counts exactly; above, its normal form is as good."""


def paired_bootstrap(
    first: Sequence[float],
    second: Sequence[float],
    *,
    level: float = 0.95,
    resamples: int = 2_000,
    seed: int = 0,
) -> Significance:
    """The difference of the means of two paired scores, one pair a row, with a percentile interval.

    Rows are drawn with replacement, both scores of a row together: Efron and Tibshirani, An Introduction to the Bootstrap
    (1993), chapter 13. The effect is Cohen's d of the paired differences, their mean by their standard deviation.

    Parameters
    ----------
    first, second
        What each model scored on the same rows: 1 and 0 for right and wrong, or errors.
    seed
        Of the drawing, so that the same data give the same interval.

    Raises
    ------
    ValueError
        If there are fewer than two rows, or not as many in both.
    """
    differences = _paired(first, second)
    count = len(differences)
    drawing = random.Random(seed)
    means = sorted(fmean(drawing.choices(differences, k=count)) for _ in range(resamples))
    tail = (1 - level) / 2
    return Significance(
        test="paired bootstrap",
        difference=fmean(differences),
        low=_quantile(means, tail),
        high=_quantile(means, 1 - tail),
        effect=_by_spread(differences),
        effect_name="Cohen's d, paired",
        count=count,
        level=level,
    )


def mcnemar(first: Sequence[bool], second: Sequence[bool], *, level: float = 0.95) -> Significance:
    """Whether two classifiers are right equally often, by the rows that only one of them has right.

    McNemar, Psychometrika 12 (1947): exact by the binomial distribution for up to 25 such rows, else the chi-squared form
    with Edwards' correction, Psychometrika 13 (1948). The interval of the difference of accuracies is the adjusted Wald
    interval of Bonett and Price, J. Educ. Behav. Stat. 37 (2012). The effect is the odds ratio.

    Parameters
    ----------
    first, second
        Whether each was right, on the same rows.

    Raises
    ------
    ValueError
        If there are fewer than two rows, or not as many in both.
    """
    _paired([float(one) for one in first], [float(other) for other in second])
    lost = sum(1 for one, other in zip(first, second, strict=True) if one and not other)
    won = sum(1 for one, other in zip(first, second, strict=True) if other and not one)
    count, discordant = len(first), lost + won
    if discordant <= _FEW:
        p = binomial_two_sided(min(lost, won), discordant)
    else:
        p = normal_two_sided(max(0.0, abs(won - lost) - 1) / math.sqrt(discordant))
    up, down = (won + 1) / (count + 2), (lost + 1) / (count + 2)
    half = _half(level) * math.sqrt((up + down - (up - down) ** 2) / (count + 2))
    return Significance(
        test="McNemar",
        difference=(won - lost) / count,
        low=max(-1.0, up - down - half),
        high=min(1.0, up - down + half),
        effect=won / lost if lost else (math.inf if won else 1.0),
        effect_name="odds ratio",
        count=count,
        level=level,
        p=p,
    )


def delong(
    truth: Sequence[bool], first: Sequence[float], second: Sequence[float], *, level: float = 0.95
) -> Significance:
    """The difference of two areas under the ROC curve on the same rows.

    DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988), by midranks as Sun and Xu, IEEE Signal Processing Letters 21
    (2014). The effect is the difference by its standard error.

    Parameters
    ----------
    truth
        The class of each row.
    first, second
        The scores that each model gives the rows; higher means more likely true.

    Raises
    ------
    ValueError
        If a class has fewer than two rows, or the lengths differ.
    """
    _paired(first, second)
    if len(truth) != len(first):
        raise ValueError(f"There are {len(truth)} classes for {len(first)} rows.")
    positives = [row for row, is_true in enumerate(truth) if is_true]
    negatives = [row for row, is_true in enumerate(truth) if not is_true]
    if min(len(positives), len(negatives)) < 2:
        raise ValueError("Each of the two classes needs two rows at least.")
    (one, one_up, one_down), (other, other_up, other_down) = (
        _components([scores[row] for row in positives], [scores[row] for row in negatives])
        for scores in (first, second)
    )
    up = [b - a for a, b in zip(one_up, other_up, strict=True)]
    down = [b - a for a, b in zip(one_down, other_down, strict=True)]
    error = math.sqrt(stdev(up) ** 2 / len(up) + stdev(down) ** 2 / len(down))
    difference = other - one
    z = difference / error if error else (math.inf if difference else 0.0)
    half = _half(level) * error
    return Significance(
        test="DeLong",
        difference=difference,
        low=difference - half,
        high=difference + half,
        effect=z,
        effect_name="difference by its standard error",
        count=len(truth),
        level=level,
        p=normal_two_sided(z),
    )


def corrected_resampled_t(
    first: Sequence[float], second: Sequence[float], *, test_share: float, level: float = 0.95
) -> Significance:
    """The difference of two cross-validated scores, fold by fold, for folds whose training data overlap.

    Nadeau and Bengio, Machine Learning 52 (2003): the variance of the differences counts (1/k + n_test/n_train) times,
    since folds that share training data are not independent; the plain paired t-test finds too much. The effect is
    Cohen's d of the paired differences.

    Parameters
    ----------
    first, second
        The scores of the same folds.
    test_share
        The rows of a fold by those that it was trained on: 0.25 for five folds.

    Raises
    ------
    ValueError
        If there are fewer than two folds, not as many in both, or the share is not above 0.
    """
    if not test_share > 0:
        raise ValueError("The share of test rows must be above 0.")
    differences = _paired(first, second)
    count, mean = len(differences), fmean(differences)
    error = math.sqrt((1 / count + test_share) * stdev(differences) ** 2)
    t = mean / error if error else (math.inf if mean else 0.0)
    half = student_quantile(1 - (1 - level) / 2, count - 1) * error
    return Significance(
        test="corrected resampled t-test",
        difference=mean,
        low=mean - half,
        high=mean + half,
        effect=_by_spread(differences),
        effect_name="Cohen's d, paired",
        count=count,
        level=level,
        p=student_two_sided(t, count - 1),
    )


def _paired(first: Sequence[float], second: Sequence[float]) -> list[float]:
    if len(first) != len(second) or len(first) < 2:
        raise ValueError(f"Two paired scores at least are needed, not {len(first)} and {len(second)}.")
    return [float(b) - float(a) for a, b in zip(first, second, strict=True)]


def _by_spread(differences: Sequence[float]) -> float:
    mean, spread = fmean(differences), stdev(differences)
    return mean / spread if spread else (math.copysign(math.inf, mean) if mean else 0.0)


def _half(level: float) -> float:
    return normal_quantile(1 - (1 - level) / 2)


def _quantile(ordered: Sequence[float], share: float) -> float:
    """The quantile between the two nearest values, as numpy's default."""
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def _components(
    positives: Sequence[float], negatives: Sequence[float]
) -> tuple[float, list[float], list[float]]:
    """The area, and what each positive and each negative row contributes to it."""
    together = _midranks([*positives, *negatives])
    ups, downs = len(positives), len(negatives)
    up = [(rank - own) / downs for rank, own in zip(together[:ups], _midranks(positives), strict=True)]
    down = [1 - (rank - own) / ups for rank, own in zip(together[ups:], _midranks(negatives), strict=True)]
    return fmean(up), up, down


def _midranks(values: Sequence[float]) -> list[float]:
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and values[order[end]] == values[order[start]]:
            end += 1
        for place in order[start:end]:
            ranks[place] = (start + 1 + end) / 2
        start = end
    return ranks
