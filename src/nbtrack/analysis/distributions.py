"""Probabilities of the distributions that tests of significance need, without a library that takes a second to import."""

from __future__ import annotations

import math
from statistics import NormalDist

_STEPS = 300
_ENOUGH = 1e-15
_TINY = 1e-300


def normal_two_sided(z: float) -> float:
    """The probability of a standard normal value at least as far from 0 as `z`, on either side."""
    return math.erfc(abs(z) / math.sqrt(2))


def normal_quantile(probability: float) -> float:
    """The standard normal value below which this probability lies."""
    return NormalDist().inv_cdf(probability)


def student_two_sided(t: float, freedom: float) -> float:
    """The probability of a value of Student's t at least as far from 0 as `t`, on either side.

    By the regularized incomplete beta function: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.1.
    """
    if math.isinf(t):
        return 0.0
    return incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t))


def student_quantile(probability: float, freedom: float) -> float:
    """The value of Student's t below which this probability (at least 0.5) lies, by bisection."""
    tail = 2 * (1 - probability)
    low, high = 0.0, 1.0
    while student_two_sided(high, freedom) > tail:
        low, high = high, 2 * high
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if student_two_sided(middle, freedom) > tail else (low, middle)
    return (low + high) / 2


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularized incomplete beta function I_x(a, b), by its continued fraction (DLMF 8.17.22, Lentz's method)."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast on the other side
        return 1 - incomplete_beta(b, a, 1 - x)
    scale = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    c, d = 1.0, 1 / _away(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _STEPS):
        for step in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _away(1 + step * d)
            c = _away(1 + step / c)
            value *= c * d
        if abs(c * d - 1) < _ENOUGH:
            break
    return scale * value / a


def _away(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def binomial_two_sided(fewer: int, count: int) -> float:
    """Twice the probability of at most `fewer` heads in `count` throws of a fair coin, at most 1."""
    below = sum(math.comb(count, k) for k in range(fewer + 1))
    return min(1.0, 2 * below / (1 << count))
