"""Writes tests/fixtures/comparisons.txt: statistics of small samples by SciPy and NumPy.

    pip install numpy==2.4.6 scipy==1.17.1
    python scripts/make_comparisons.py [--out tests/fixtures/comparisons.txt]

A line is a case, as JSON, by its `kind`:

permutation  `p` of scipy.stats.permutation_test for the difference of means of `first` and `second`, exact
delta        Cliff's delta from the U statistic of scipy.stats.mannwhitneyu: 2 U / (n m) - 1
holm         `corrected` p values, by the definition of Holm (1979)
quantiles    numpy.quantile of `values` at `shares`
groups       intervals of the ratio and the difference of the means of two groups of samples, whose numbers are the medians of
             their branches: a hierarchical bootstrap in which every branch is drawn, 100,000 times
whole        the same of samples without branches, by scipy.stats.bootstrap
branches     interval of Cliff's delta between the branches of two samples, by scipy.stats.bootstrap
"""

import argparse
import json
import pathlib

import numpy as np
from scipy import stats

DRAWS = 100_000


def mean_difference(first, second, axis=-1):
    return np.mean(second, axis=axis) - np.mean(first, axis=axis)


def delta(first, second, axis=-1):
    """Cliff's delta along the last axis, for arrays whose other axes broadcast."""
    signs = np.sign(second[..., :, None] - first[..., None, :])
    return signs.mean(axis=(-1, -2))


def permutation(first, second):
    result = stats.permutation_test((first, second), mean_difference, vectorized=True, n_resamples=np.inf)
    return {"kind": "permutation", "first": first, "second": second, "p": float(result.pvalue)}


def cliff(first, second):
    u = stats.mannwhitneyu(second, first).statistic
    value = 2 * u / (len(first) * len(second)) - 1
    return {"kind": "delta", "first": first, "second": second, "delta": float(value)}


def holm(p):
    corrected, largest = [0.0] * len(p), 0.0
    for rank, at in enumerate(np.argsort(p, kind="stable")):
        largest = max(largest, min(1.0, (len(p) - rank) * p[at]))
        corrected[at] = largest
    return {"kind": "holm", "p": p, "corrected": corrected}


def quantiles(values):
    shares = [0, 0.025, 0.1, 0.25, 1 / 3, 0.5, 0.75, 0.975, 1]
    return {"kind": "quantiles", "values": values, "shares": shares, "quantiles": np.quantile(values, shares).tolist()}


def ends(values):
    return np.quantile(values, [0.025, 0.975]).tolist()


def groups(first, second, random):
    """The hierarchical bootstrap, drawn plainly."""
    means = []
    for group in (first, second):
        medians = np.empty((len(group), DRAWS))
        # Which sample is drawn, and then its branches.
        for place in range(len(group)):
            chosen = random.integers(len(group), size=DRAWS)
            for sample, branches in enumerate(group):
                here = np.flatnonzero(chosen == sample)
                drawn = random.choice(branches, size=(len(here), len(branches)))
                medians[place, here] = np.median(drawn, axis=1)
        means.append(medians.mean(axis=0))
    ratio, difference = ends(means[1] / means[0]), ends(means[1] - means[0])
    return {"kind": "groups", "first": first, "second": second, "ratio": ratio, "difference": difference}


def whole(first, second, random):
    def interval(statistic):
        result = stats.bootstrap(
            (first, second), statistic, method="percentile", n_resamples=DRAWS, vectorized=True, rng=random
        )
        return list(map(float, result.confidence_interval))

    ratio = interval(lambda a, b, axis=-1: np.mean(b, axis=axis) / np.mean(a, axis=axis))
    return {"kind": "whole", "first": first, "second": second, "ratio": ratio, "difference": interval(mean_difference)}


def branches(first, second, random):
    result = stats.bootstrap(
        (first, second), delta, method="percentile", n_resamples=20_000, vectorized=True, batch=200, rng=random
    )
    return {"kind": "branches", "first": first, "second": second, "delta": list(map(float, result.confidence_interval))}


def rounded(values, digits=3):
    return np.round(values, digits).tolist()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("tests/fixtures/comparisons.txt"))
    arguments = parser.parse_args()
    random = np.random.default_rng(19)
    cases = []
    # Values with many ties, in quarters, which sums hold without rounding; and values without.
    for n, m in [(3, 3), (3, 4), (4, 4), (5, 3), (6, 6), (7, 5), (9, 9)]:
        for shift in (0, 1, 3):
            ties = [(random.integers(0, 9, size) / 4).tolist() for size in (n, m)]
            ties[1] = [value + shift / 4 for value in ties[1]]
            plain = [rounded(random.lognormal(0, 0.4, n)), rounded(random.lognormal(0.3 * shift, 0.4, m))]
            for first, second in (ties, plain):
                cases += [permutation(first, second), cliff(first, second)]
    for size in (1, 2, 5, 15):
        cases.append(holm(rounded(random.uniform(0, 0.2, size))))
    cases.append(holm([0.01, 0.01, 0.04, 0.02, 0.5, 0.5]))
    for size in (1, 2, 3, 10, 31):
        cases.append(quantiles(sorted(rounded(random.lognormal(1, 1, size)))))
    for shift, counts in [(0.0, (7, 12, 20)), (0.5, (6, 31, 10)), (0.2, (40, 3, 8))]:
        sample = lambda size, at: sorted(rounded(random.lognormal(at + random.normal(0, 0.2), 0.6, size)))
        first, second = [sample(size, 1) for size in counts], [sample(size, 1 + shift) for size in counts[::-1]]
        cases.append(groups(first, second, random))
        # One sample a side.
        cases.append(groups(first[:1], second[:1], random))
        cases.append(whole(rounded(random.uniform(1, 3, 5)), rounded(random.uniform(2, 4, 6)), random))
        cases.append(branches(sample(30, 1), sample(45, 1 + shift), random))
    arguments.out.write_text("".join(f"{json.dumps(case)}\n" for case in cases))
    print(f"{len(cases)} cases")


main()
