#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes statistics_reference.inc: samples, and what SciPy says of them. Run it where python3-scipy is installed:

    /usr/bin/python3 tests/unit/decoder/statistics_reference.py > tests/unit/decoder/statistics_reference.inc
"""

import random

import numpy
import scipy
from scipy import stats


def cases():
    random.seed(20250301)
    yield "three and three", [1.5, 2.5, 9.0], [3.0, 4.0, 5.0]
    yield "apart", [1, 2, 3, 4, 5], [6, 7, 8, 9, 10]
    yield "interleaved", [1, 3, 5, 7, 9], [2, 4, 6, 8, 10]
    yield "few against many", [random.gauss(10, 2) for _ in range(4)], [random.gauss(11, 2) for _ in range(40)]
    yield "eight and nine", [random.gauss(0, 1) for _ in range(8)], [random.gauss(0.5, 3) for _ in range(9)]
    yield "nine and nine", [random.gauss(0, 1) for _ in range(9)], [random.gauss(0.5, 3) for _ in range(9)]
    yield "a hundred each", [random.gauss(480e6, 5e6) for _ in range(100)], [random.gauss(479e6, 9e6) for _ in range(100)]
    yield "long tails", [random.expovariate(1e-6) for _ in range(60)], [random.expovariate(2e-6) for _ in range(50)]
    yield "tied", [1, 1, 2, 2, 3, 3, 3], [2, 2, 3, 4, 4, 5, 5]
    yield "tied among many", [random.randint(0, 5) for _ in range(50)], [random.randint(1, 6) for _ in range(70)]
    yield "a common offset", [1e9 + random.gauss(0, 1) for _ in range(30)], [1e9 + random.gauss(0, 2) for _ in range(30)]


def numbers(values):
    return "{" + ", ".join(repr(float(value)) for value in values) + "}"


print(f"// Made by statistics_reference.py with SciPy {scipy.__version__}: name, samples, U, p, F, p, and of the first "
      "sample\n// min, mean, median, max, stddev.")
for name, first, second in cases():
    u = stats.mannwhitneyu(first, second, alternative="two-sided", method="auto")
    f = stats.levene(first, second, center="median")
    figures = (min(first), numpy.mean(first), numpy.median(first), max(first), numpy.std(first, ddof=1))
    print(f'{{"{name}",\n {numbers(first)},\n {numbers(second)},')
    print(f" {u.statistic!r}, {u.pvalue!r}, {f.statistic!r}, {f.pvalue!r},\n {numbers(figures)}}},".replace("np.float64(", "").replace(")", ""))
