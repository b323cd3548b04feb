"""The few probability distributions that drift needs, without SciPy: the web process imports them too."""

from __future__ import annotations

import math
from typing import NamedTuple


class Interval(NamedTuple):
    """A confidence interval, ``low <= high``, in the unit of its value."""

    low: float
    high: float


def chi_square_sf(x: float, freedom: int) -> float:
    """Return P(X > x) for a chi-square variable with ``freedom`` degrees of freedom, 0..1; 1.0 if there are none.

    Source: Press et al., Numerical Recipes, 3rd ed., 6.2: series below the mode, Lentz's continued fraction above.
    """
    if freedom < 1 or x <= 0:
        return 1.0
    a, x = freedom / 2, x / 2
    front = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        k = a
        while term > total * 1e-17:
            k += 1
            term *= x / k
            total += term
        return max(0.0, 1 - total * front)
    tiny = 1e-300
    b = x + 1 - a
    c, d = 1 / tiny, 1 / b
    h = d
    for i in range(1, 100_000):
        step = -i * (i - a)
        b += 2
        d = step * d + b
        d = 1 / (d if abs(d) > tiny else tiny)
        c = b + step / c
        c = c if abs(c) > tiny else tiny
        h *= d * c
        if abs(d * c - 1) < 1e-16:
            break
    return min(1.0, front * h)


def kolmogorov_sf(x: float) -> float:
    """Return P(K > x) of Kolmogorov's distribution, 0..1: two-sided, of a distance times the root of its n.

    Source: Kolmogorov (1933), Giornale degli Attuari 4: the alternating series, and its theta-function twin for
    small ``x``, where the series is slow.
    """
    if x <= 0:
        return 1.0
    if x < 1:
        scale = math.pi * math.pi / (8 * x * x)
        below = sum(math.exp(-((2 * k - 1) ** 2) * scale) for k in range(1, 12))
        return 1 - math.sqrt(2 * math.pi) / x * below
    return min(1.0, 2 * math.fsum((-1) ** (k - 1) * math.exp(-2 * k * k * x * x) for k in range(1, 20)))


def noncentrality(x: float, freedom: int, z: float) -> float:
    """Return the non-centrality for which a non-central chi-square ``x`` lies ``z`` normal deviates above the middle.

    Returns: 0.0 if ``x`` is no further out than that even under the central distribution.
    Source: Sankaran (1963), Biometrika 50(1/2), second approximation; error below 0.005 in probability.
    """

    def deviate(noncentrality: float) -> float:
        k, la = float(freedom), noncentrality
        h = 1 - 2 / 3 * (k + la) * (k + 3 * la) / (k + 2 * la) ** 2
        spread = (k + 2 * la) / (k + la) ** 2
        m = (h - 1) * (1 - 3 * h)
        centre = 1 + h * spread * (h - 1 - 0.5 * (2 - h) * m * spread)
        power: float = (x / (k + la)) ** h
        return (power - centre) / (h * math.sqrt(2 * spread) * (1 + 0.5 * m * spread))

    if deviate(0.0) <= z:
        return 0.0
    low, high = 0.0, x + freedom
    while deviate(high) > z:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if deviate(middle) > z else (low, middle)
    return high


def normal_quantile(probability: float) -> float:
    """Return the standard normal deviate below which ``probability`` (0..1, open) of the mass lies."""

    low, high = -40.0, 40.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if math.erfc(-middle / math.sqrt(2)) / 2 < probability else (low, middle)
    return high


def wilson(events: int, n: int, z: float) -> Interval:
    """Return the score interval of a rate, within 0..1.

    Source: Wilson (1927), J. Am. Statist. Assoc. 22(158).
    """
    share, square = events / n, z * z
    centre = (share + square / (2 * n)) / (1 + square / n)
    half = z * math.sqrt(share * (1 - share) / n + square / (4 * n * n)) / (1 + square / n)
    return Interval(max(0.0, centre - half), min(1.0, centre + half))


def beta_share(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b), 0..1, for ``a`` and ``b`` above 0.

    Source: Press et al., Numerical Recipes, 3rd ed., 6.4: Lentz's continued fraction.
    """
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - beta_share(1 - x, b, a)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x) - math.log(a)
    )
    tiny = 1e-300
    d = 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > tiny else tiny)
    c, h = 1.0, d
    for m in range(1, 100_000):
        for step in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 + step * d
            d = 1 / (d if abs(d) > tiny else tiny)
            c = 1 + step / c
            c = c if abs(c) > tiny else tiny
            h *= d * c
        if abs(d * c - 1) < 1e-15:
            break
    return min(1.0, front * h)


def binomial_sf(k: int, n: int, probability: float) -> float:
    """Return P(X >= k) for ``n`` independent trials that each succeed with ``probability``, 0..1."""
    return 1.0 if k <= 0 else 0.0 if k > n else beta_share(probability, k, n - k + 1)


def student_sf(t: float, freedom: int) -> float:
    """Return P(T > t) of Student's distribution with ``freedom`` degrees of freedom, 1 or more."""
    tail = beta_share(freedom / (freedom + t * t), freedom / 2, 0.5) / 2
    return tail if t > 0 else 1 - tail


def student_quantile(probability: float, freedom: int) -> float:
    """Return the value below which ``probability`` (0..1, open) of Student's distribution lies."""
    low, high = -1e6, 1e6
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if 1 - student_sf(middle, freedom) < probability else (low, middle)
    return high
