"""Whether `xdistill diagnose` is right: its verdict on shipped recipes against the gain that they reach.

Each recipe is diagnosed; then it and its student alone are run as they ship, and compared on the same test subjects.
For recipes with an official split, the diagnosis sees the training part only. The gain is in points of macro AUC, with
the paired 95 % bootstrap interval by patient.

    python benchmarks/diagnose.py [--only lupi_clean_labels] [--seeds 3] [--quick] [--runs DIR] [--cache DIR]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import xdistill
from xdistill.diagnosis import Diagnosis
from xdistill.errors import XdistillError
from xdistill.stats import Interval, Method, compare

# Recipe: its student alone, and whether the cohort is generated anew for each seed.
RECIPES = {
    "lupi_clean_labels": ("lupi/clean_labels_alone", True),
    "lupi_clean_features": ("lupi/clean_features_alone", True),
    "lupi_relevant_features": ("lupi/relevant_features_alone", True),
    "lupi_sample_dependent": ("lupi/sample_dependent_alone", True),
    "text_image": ("posts/alone", True),
    "digits_half": ("digits/alone", False),
    "rosmap": ("rosmap/alone", False),
    "gain/kd": ("gain/alone", True),
    "gain/kd_cross_fit": ("gain/alone", True),
    "gain/cmdnet_cross_fit": ("gain/alone", True),
    "crossmodal/kd": ("crossmodal/alone", True),
}
EXPECTED = {"promising": True, "possible": None, "hidden": False, "unclear": False, "nothing": False, "undecided": None}


def main() -> None:
    """Run and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=RECIPES)
    parser.add_argument("--seeds", type=int, default=3, help="cohorts of each generated data set")
    parser.add_argument("--quick", action="store_true", help="quick diagnoses")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--cache", type=Path, default=None)
    chosen = parser.parse_args()
    print("| recipe | teacher - student | imitating - alone | verdict | measured gain | |")
    print("|---|---|---|---|---|---|")
    for name in chosen.only or RECIPES:
        alone, generated = RECIPES[name]
        for seed in range(chosen.seeds if generated else 1):
            options = {
                "overrides": {"executor.jobs": 1, **({"data.seed": seed} if generated else {})},
                "runs": chosen.runs,
                "cache": chosen.cache,
            }
            try:
                found = xdistill.diagnose(name, quick=chosen.quick, **options)
                gain = measured(xdistill.run(name, **options).path, xdistill.run(alone, **options).path)
            except XdistillError as error:
                print(f"| {name} | {error} | | | | |", flush=True)
                continue
            print(row(f"{name}, seed {seed}" if generated else name, found, gain), flush=True)


def measured(distilled: Path, alone: Path) -> Interval:
    """The gain of a run over another on the same splits."""
    methods = [method("distilled", distilled), method("alone", alone)]
    splits = len(methods[0].train_sizes)
    if splits == 1:
        return one_split(methods)
    against = compare(methods, reference="alone", metrics=("auc_ovo",))["auc_ovo"][0].against
    assert against is not None
    return against.difference


def one_split(methods: list[Method]) -> Interval:
    """The same for an official split, for which there is no t-test."""
    from xdistill.stats import align, observed_scores, resampled_scores

    folds = align(methods)
    first, second = observed_scores(folds, "auc_ovo").mean(axis=1)
    resampled = resampled_scores(folds, ("auc_ovo",))["auc_ovo"]
    return Interval.of(first - second, resampled[0] - resampled[1])


def method(name: str, folder: Path) -> Method:
    """A finished run as one entry of a comparison."""
    run = xdistill.load_run(folder)
    splits = json.loads((folder / "splits.json").read_text(encoding="utf-8"))["splits"]
    return Method(
        name=name,
        fingerprint=run.record["cohort"]["fingerprint"],
        split_hash=run.record["split_hash"],
        train_sizes={(split["repeat"], split["fold"]): len(split["train"]) for split in splits},
        seeds=(run.predictions,),
    )


def row(name: str, found: Diagnosis, gain: Interval) -> str:
    """One line of the table."""
    lead, fidelity = found.figures.lead, found.figures.fidelity
    imitating = "" if fidelity is None else points(fidelity.gain.estimate, fidelity.gain.low, fidelity.gain.high)
    cells = (
        name,
        points(lead.estimate, lead.low, lead.high),
        imitating,
        found.verdict,
        points(gain.estimate, gain.low, gain.high),
    )
    return f"| {' | '.join(cells)} | {judged(found, gain)} |"


def judged(found: Diagnosis, gain: Interval) -> str:
    """Right or wrong; a verdict that expects no gain is right unless one is shown."""
    expected, shown = EXPECTED[found.verdict], gain.low > 0
    if expected is None:
        return "open"
    return "right" if expected == shown else "wrong"


def points(estimate: float, low: float, high: float) -> str:
    """In points of AUC."""
    return f"{100 * estimate:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"


if __name__ == "__main__":
    main()
