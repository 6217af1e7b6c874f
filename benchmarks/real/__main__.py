"""Does a teacher help on real cohorts? Gain of a taught student over the student alone, on many training parts.

    python benchmarks/real/make_tables.py $XDISTILL_DATA/real     # once
    python benchmarks/real --results FOLDER [--only digits,actg175] [--table FILE]

For every cohort and training part four students are trained: with all labels, with half of them withheld, and with most
of them withheld. Predictions of the test subjects are kept in the folder, and an interrupted benchmark goes on from
there. Prints a Markdown table; Holm's procedure covers all comparisons of a kind. With --trials 6, each method has six
settings, of which inner folds of the training part choose one; without the null control.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from cohorts import COHORTS, MOST_PARTS, REGIMES, Real, Regime, divided
from differences import Gain, gain_of_halves, gain_of_parts, resampled, shared_covariance
from numpy.typing import NDArray
from tuning import TUNED, tuned

from training import METHODS, Part, opened, trained
from xdistill.plugin import Catalog, load_catalog
from xdistill.stats import METRICS, holm

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Row:
    """A line of the table: one cohort in one regime."""

    real: Real
    regime: Regime
    parts: int
    scores: dict[str, float]
    teacher: float
    gain: Gain
    over_regression: Gain
    control: Gain | None
    over_control: Gain | None


def compute(real: Real, folder: Path, catalog: Catalog, *, trials: int, most: Mapping[str, int]) -> None:
    """Train whatever has no result yet.

    Args:
        real: the cohort.
        folder: of all results.
        catalog: what recipes may name.
        trials: settings that each method may choose from; 0: it has those of the recipe.
        most: training parts at most, by regime.
    """
    cohort = opened(real, catalog)
    for regime in REGIMES:
        if not regime.applies(real):
            continue
        place = home(folder, real, regime, trials)
        parts = list(divided(real, regime, np.asarray(cohort.targets)))[: most.get(regime.folder)]
        for part, rows in enumerate(parts):
            one = Part(real, regime, part, rows, cohort, catalog)
            for method in methods(trials):
                path = result(place, method, part)
                if not path.exists():
                    _keep(path, one, method, trials)


def methods(trials: int) -> tuple[str, ...]:
    """What is trained: with settings to choose from, without the null control."""
    return TUNED if trials else METHODS


def _keep(path: Path, part: Part, method: str, trials: int) -> None:
    found, chosen = tuned(part, method, trials) if trials else (trained(part, method), 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".partial.npz")
    np.savez_compressed(
        temporary,
        target=part.cohort.targets[part.rows[1]],
        probabilities=found.probabilities.astype(np.float32),
        teacher=found.teacher,
        chosen=chosen,
    )
    temporary.replace(path)


def home(folder: Path, real: Real, regime: Regime, trials: int) -> Path:
    """The folder of the results of a cohort in a regime."""
    return folder / real.recipe / (f"{regime.folder}-{trials}-trials" if trials else regime.folder)


def result(folder: Path, method: str, part: int) -> Path:
    """Where a result is kept."""
    return folder / f"{method}-{part:02d}.npz"


def row(real: Real, regime: Regime, folder: Path, trials: int = 0) -> Row | None:
    """What the results of a cohort say; None until two parts are complete."""
    place = home(folder, real, regime, trials)
    paths = {part: {method: result(place, method, part) for method in methods(trials)} for part in range(MOST_PARTS)}
    parts = [part for part, found in paths.items() if all(path.exists() for path in found.values())]
    if len(parts) < 2:
        return None
    loaded = {method: [np.load(paths[part][method]) for part in parts] for method in methods(trials)}
    targets = [found["target"].astype(np.int64) for found in loaded["alone"]]
    outputs = {method: [one["probabilities"].astype(np.float64) for one in found] for method, found in loaded.items()}
    scores = {method: _areas(targets, found) for method, found in outputs.items()}

    drawn = {method: resampled(targets[0], np.stack(found)) for method, found in outputs.items() if real.size}

    def gain(method: str, reference: str = "alone") -> Gain:
        differences = scores[method] - scores[reference]
        if not real.size:
            return gain_of_halves(differences)
        shared = shared_covariance(drawn[method], drawn[reference])
        return gain_of_parts(differences, shared)

    means = {method: float(values.mean()) for method, values in scores.items()}
    teacher = float(np.mean([one["teacher"] for one in loaded["taught"]]))
    return Row(
        real,
        regime,
        len(parts),
        means,
        teacher,
        gain("taught"),
        gain("taught", "regression"),
        None if trials else gain("shuffled"),
        None if trials else gain("taught", "shuffled"),
    )


def _areas(targets: Sequence[NDArray[np.int64]], outputs: Sequence[Floats]) -> Floats:
    auc = METRICS["auc_ovo"]
    return np.array(
        [
            auc(target, output, tuple(map(str, range(output.shape[1]))))
            for target, output in zip(targets, outputs, strict=True)
        ]
    )


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Lines of Markdown: gains first, then the control.

    A gain is claimed over both references: its p-value is the larger of the two, and Holm's procedure follows.
    """
    worse = [min(one.gain, one.over_regression, key=lambda gain: gain.mean) for one in rows]
    both = [max(one.gain.p_value, one.over_regression.p_value) for one in rows]
    alone = holm([one.gain.p_value for one in rows])
    yield (
        "| cohort | privileged | labels | parts | alone | regression | teacher | taught | gain over alone | p (Holm) "
        "| gain over regression | p of both (Holm) |"
    )
    yield "|---" * 12 + "|"
    for one, first, second in zip(rows, alone, holm(both), strict=True):
        scores = (one.scores["alone"], one.scores["regression"], one.teacher, one.scores["taught"])
        cells = [one.real.title, one.real.privileged, one.regime.title, f"{one.parts}", *map(_points, scores)]
        cells += [shown(one.gain), probability(first), shown(one.over_regression), probability(second)]
        yield f"| {' | '.join(cells)} |"
    yield ""
    yield from _controls(rows)
    yield f"{len(rows)} comparisons. Cohorts with a gain above zero after Holm:"
    yield f"over the student alone: {_won(rows, [one.gain for one in rows], alone)};"
    yield f"over both references: {_won(rows, worse, holm(both))}."


def _controls(rows: Sequence[Row]) -> Iterator[str]:
    found = [(one, one.control, one.over_control) for one in rows if one.control and one.over_control]
    if not found:
        return
    yield "| cohort | labels | gain with shuffled values | p (Holm) | taught minus that | p (Holm) |"
    yield "|---" * 6 + "|"
    controls, rest = holm([control.p_value for _, control, _ in found]), holm([over.p_value for _, _, over in found])
    for (one, control, over), first, second in zip(found, controls, rest, strict=True):
        cells = [shown(control), probability(first), shown(over), probability(second)]
        yield f"| {one.real.title} | {one.regime.title} | {' | '.join(cells)} |"
    yield ""


def _won(rows: Sequence[Row], gains: Sequence[Gain], p_values: Sequence[float]) -> str:
    found = {
        one.real.same or one.real.recipe
        for one, gain, p_value in zip(rows, gains, p_values, strict=True)
        if p_value < 0.05 and gain.mean > 0
    }
    return f"{len(found)} ({', '.join(sorted(found))})"


def _points(value: float) -> str:
    return f"{100 * value:.1f}"


def shown(gain: Gain) -> str:
    """Mean and interval in points."""
    low, high = gain.interval
    return f"{100 * gain.mean:+.2f} ({100 * low:+.2f} to {100 * high:+.2f})"


def probability(value: float) -> str:
    """A p-value as text."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _parts(text: str) -> dict[str, int]:
    """Training parts at most, by regime, of a text such as ``all=10,withheld=0``."""
    found = {name: number for name, _, number in (one.partition("=") for one in text.split(","))}
    known = [regime.folder for regime in REGIMES]
    if not all(name in known and number.isdecimal() for name, number in found.items()):
        raise argparse.ArgumentTypeError(f"{text!r} is not like `all=10,withheld=0`; regimes: {', '.join(known)}")
    return {name: int(number) for name, number in found.items()}


def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, required=True, help="folder of results")
    parser.add_argument("--only", default=",".join(real.recipe for real in COHORTS), help="recipes, with commas")
    parser.add_argument("--trials", type=int, default=0, help="settings of each method, chosen by inner folds")
    parser.add_argument("--parts", type=_parts, default={}, help="training parts at most, such as all=10,withheld=0")
    parser.add_argument("--table", type=Path, help="file for the table")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    catalog = load_catalog()
    reals = [real for real in COHORTS if real.recipe in chosen.only.split(",")]
    for real in reals:
        compute(real, chosen.results, catalog, trials=chosen.trials, most=chosen.parts)
        print(f"{real.recipe}: done", flush=True)
    found = [
        row(real, regime, chosen.results, chosen.trials) for real in reals for regime in REGIMES if regime.applies(real)
    ]
    rows = [one for one in found if one is not None]
    text = "\n".join(table(rows))
    print(text)
    if chosen.table:
        chosen.table.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
