"""How often an interval holds the true gain when cohorts were added until it was narrow (`half_width` of `fresh_test`).

Gains over cohorts are drawn from a normal distribution with mean 0; the rule is that of `xdistill bench run`.

    python benchmarks/half_width.py [--studies 4000] [--seed 0]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from xdistill.bench.fresh.precision import cohorts_enough
from xdistill.stats.independent import paired_difference

SPREADS = (0.6, 1.0, 1.4, 2.0, 2.6, 3.2, 4.0, 5.0, 6.0)
"""Standard deviations of a gain, in half-widths."""


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=4000, help="of each standard deviation")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    print("SD of a gain   cohorts   holds the truth")
    for spread in SPREADS:
        generator = np.random.default_rng(chosen.seed)
        studies = [study(spread, generator) for _ in range(chosen.studies)]
        held, cohorts = np.mean(studies, axis=0)
        print(f"{spread:12.1f}   {cohorts:7.1f}   {held:15.1%}", flush=True)


def study(spread: float, generator: np.random.Generator) -> tuple[bool, int]:
    """Whether the interval of one study holds zero, and its number of cohorts."""
    gains: Sequence[float] = ()
    while (wanted := cohorts_enough(gains, 1.0)) > len(gains):
        gains = [*gains, *generator.normal(0, spread, wanted - len(gains))]
    found = paired_difference(gains)
    assert found.interval is not None
    return found.interval[0] <= 0 <= found.interval[1], found.count


if __name__ == "__main__":
    main()
