"""What a paired t-test is worth when cohorts were added until its interval was narrow (`half_width` of `fresh_test`).

Gains over cohorts are drawn from a normal distribution with mean 0; the rule is that of `xdistill bench run`. Without a
rule, 95 % of the intervals hold the true gain, and 0.1 % of the tests reject at 0.001.

    python benchmarks/half_width.py [--studies 40000] [--seed 0]
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.stats import t

from xdistill.bench.fresh.precision import cohorts_enough

SPREADS = (0.6, 1.0, 1.4, 2.0, 2.6, 3.2, 4.0, 5.0, 6.0)
"""Standard deviations of a gain, in half-widths."""


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=40_000, help="of each standard deviation")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    print("SD of a gain   cohorts   holds the truth   rejects at 0.001")
    for place, spread in enumerate(SPREADS):
        generator = np.random.default_rng([chosen.seed, place])
        studies = np.array([study(spread, generator) for _ in range(chosen.studies)])
        held, rejected = np.mean(studies[:, 0] >= 0.05), np.mean(studies[:, 0] < 0.001)
        print(f"{spread:12.1f}   {studies[:, 1].mean():7.1f}   {held:15.2%}   {rejected:16.3%}", flush=True)


def study(spread: float, generator: np.random.Generator) -> tuple[float, int]:
    """The p-value of one study and its number of cohorts."""
    gains = np.empty(0)
    while (wanted := cohorts_enough(gains, 1.0)) > len(gains):
        gains = np.append(gains, generator.normal(0, spread, wanted - len(gains)))
    error = gains.std(ddof=1) / np.sqrt(len(gains))
    return float(2 * t.sf(abs(gains.mean()) / error, len(gains) - 1)), len(gains)


if __name__ == "__main__":
    main()
