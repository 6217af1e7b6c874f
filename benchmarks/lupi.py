"""Generalised distillation against the numbers that its paper printed, in four generated settings.

Lopez-Paz, Bottou, Schoelkopf and Vapnik, Unifying distillation and privileged information, ICLR 2016, section 6.1:
accuracy of a classifier of the privileged information, of one of what is there at test time, and of the latter when the
former taught it. Each seed draws a problem of its own, 200 subjects to train on and 1,000 to test, and runs the recipes
`lupi_SETTING` and `lupi/SETTING_alone` on it. Ends with 1 when a mean is more than two points from its number, but for
those in `OUT_OF_REACH`, which are named with the reason.

    python benchmarks/lupi.py [--seeds 10] [--settings clean_labels …] [--runs FOLDER]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import torch

from xdistill.crossval.events import RunFinished
from xdistill.crossval.execute import execute
from xdistill.interfaces import Executor, Job, JobEvent
from xdistill.plugin import Catalog, hookimpl, load_catalog
from xdistill.plugin.catalog import Plugin
from xdistill.recipe.load import load_recipe
from xdistill.runs import load_run

PRINTED = {
    "clean_labels": (96, 88, 95),
    "clean_features": (90, 68, 70),
    "relevant_features": (98, 89, 97),
    "sample_dependent": (96, 55, 56),
}
"""Accuracy in percent: privileged, regular, distilled."""
COLUMNS = ("privileged", "regular", "distilled")
OUT_OF_REACH = {("sample_dependent", "regular"), ("sample_dependent", "distilled")}
"""The best linear classifier of x is right about 53.9 % on average over alpha: a feature is one of the three for 6 % of
subjects. What is printed, 55 and 56, is above that, and from 200 subjects nobody gets beyond chance."""
NEAR = 2.0  # points


class InProcess(Executor):
    """One job after the other in this process: a linear model is trained before a worker has started."""

    name = "in_process"

    def run(self, target: str, jobs: Sequence[Job]) -> Iterator[JobEvent]:
        """Run all jobs."""
        module, _, function = target.partition(":")
        for job in jobs:
            # The fold looks at the installed plugins alone, which this is none of.
            payload = {**job.payload, "recipe": {**job.payload["recipe"], "executor": {"use": "local"}}}
            for event in getattr(import_module(module), function)(payload):
                yield JobEvent(job.name, "event", event)
            yield JobEvent(job.name, "done")


def catalog_with_in_process() -> Catalog:
    """The installed plugins and the executor above."""
    module = ModuleType("in_process")
    module.xdistill_executors = hookimpl(executors)  # type: ignore[attr-defined]
    return load_catalog(extra=[Plugin("in_process", module, "benchmarks", "0")])


def executors() -> list[type[Executor]]:
    """What the hook returns."""
    return [InProcess]


@dataclass(frozen=True)
class Result:
    """One setting.

    Attributes:
        setting: its name.
        accuracies: ``(seeds, 3)`` in percent, in the order of `COLUMNS`.
    """

    setting: str
    accuracies: np.ndarray

    @property
    def off(self) -> float:
        """How far the farthest mean that can be reached is from its printed number, in points."""
        reachable = [(self.setting, column) not in OUT_OF_REACH for column in COLUMNS]
        return float(np.abs(self.accuracies.mean(axis=0) - PRINTED[self.setting])[reachable].max())


def measure(setting: str, seeds: Sequence[int], folder: Path, catalog: Catalog) -> Result:
    """Run both recipes of a setting once a seed."""
    rows = []
    for seed in seeds:
        distilled = accuracies(f"lupi_{setting}", seed, folder, catalog)
        alone = accuracies(f"lupi/{setting}_alone", seed, folder, catalog)
        rows.append((distilled["teacher"], alone["student"], distilled["student"]))
    return Result(setting, 100 * np.array(rows))


def accuracies(recipe: str, seed: int, folder: Path, catalog: Catalog) -> dict[str, float]:
    """Accuracy on the official test part by role."""
    loaded = load_recipe(recipe, overrides=[f"data.seed={seed}", f"seed={seed}", "executor.use=in_process"])
    *_, last = execute(loaded, catalog, runs=folder / "runs", cache=folder / "cache")
    assert isinstance(last, RunFinished)
    return {role: values["accuracy"]["mean"] for role, values in load_run(last.path).summary.items()}


def row(result: Result) -> str:
    """A line of the table: mean and standard error over the seeds, and the printed number."""
    means, errors = (
        result.accuracies.mean(axis=0),
        result.accuracies.std(axis=0, ddof=1) / len(result.accuracies) ** 0.5,
    )
    cells = [
        f"{mean:5.1f} ± {error:.1f} ({printed})"
        for mean, error, printed in zip(means, errors, PRINTED[result.setting], strict=True)
    ]
    gain = result.accuracies[:, 2] - result.accuracies[:, 1]
    gained = f"{gain.mean():+.1f} ± {gain.std(ddof=1) / len(gain) ** 0.5:.1f}"
    return f"| {result.setting} | {' | '.join(cells)} | {gained} |"


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--settings", nargs="+", choices=list(PRINTED), default=list(PRINTED))
    parser.add_argument("--runs", type=Path, help="where to keep the runs; an interrupted benchmark goes on from there")
    chosen = parser.parse_args()
    if chosen.seeds < 2:
        parser.error("--seeds: two at least, since the spread over them is stated")
    torch.set_num_threads(1)
    catalog = catalog_with_in_process()
    print(f"accuracy in percent over {chosen.seeds} seeds: mean ± standard error (printed)")
    print(f"| setting | {' | '.join(COLUMNS)} | gain |\n|---|---|---|---|---|", flush=True)
    results = []
    with tempfile.TemporaryDirectory() as temporary:
        for setting in chosen.settings:
            results.append(measure(setting, range(chosen.seeds), chosen.runs or Path(temporary), catalog))
            print(row(results[-1]), flush=True)
    far = [result.setting for result in results if result.off > NEAR]
    print(f"more than {NEAR:g} points from what is printed: {', '.join(far) or 'none'}")
    print(f"not compared: {', '.join(' '.join(place) for place in sorted(OUT_OF_REACH))} (see OUT_OF_REACH)")
    return int(bool(far))


if __name__ == "__main__":
    sys.exit(main())
