"""Do patients without clinical items help? Four ways to treat them, compared on generated patients.

270 patients have images and clinical items, 750 images alone; of five folds each training part holds 216 and 600. A
teacher that reads both teaches a student of the images (`baselines/kd`, in small networks on small volumes), with the
750 left out, skipped by the teacher, imputed for it, or imputed with modality dropout. Every student is tested on all
patients. Prints scores, and differences to leaving them out: bootstrap interval, corrected resampled t-test, Holm.

    python benchmarks/missing.py [--epochs 10] [--uses leave_out skip …] [--jobs 1] [--runs FOLDER] [--cache FOLDER]

Runs that are finished in the folder are taken up, so that a benchmark that was stopped goes on.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from xdistill import api
from xdistill.runs import Run
from xdistill.runs.files import read_json
from xdistill.stats import Method, Row, compare

REFERENCE = "leave_out"
USES = (REFERENCE, "skip", "impute", "modality_dropout")
METRICS = ("auc_ovo", "f1_macro")
WIDTH, FEATURES = 0.0625, 32


def settings(use: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """What is merged into `baselines/kd`."""
    small = {
        f"{role}.branches.{phase}.{name}": value
        for role in ("teacher", "student")
        for phase in ("hbp", "pre")
        for name, value in (("width", WIDTH), ("features", FEATURES))
    }
    return {
        **small,
        "data.subjects": arguments.subjects,
        "data.image_only": arguments.image_only,
        "data.shape": [8, 16, 16],
        "teacher.head.hidden": [FEATURES],
        "student.head.hidden": [FEATURES],
        "stages.teacher.epochs": arguments.epochs,
        "stages.student.epochs": arguments.epochs,
        "loader.batch_size": 16,
        "crossval.folds": arguments.folds,
        "executor.jobs": arguments.jobs,
        "missing": use,
    }


def compared(runs: Mapping[str, Run]) -> dict[str, tuple[Row, ...]]:
    """Every way against leaving the patients out, on the same splits."""
    methods = [
        Method(
            name=use,
            fingerprint=run.record["cohort"]["fingerprint"],
            split_hash=run.record["split_hash"],
            # Of the manifest: how many were left out of training is what is compared.
            train_sizes={(split["repeat"], split["fold"]): len(split["train"]) for split in _splits(run)},
            seeds=(run.predictions,),
        )
        for use, run in runs.items()
    ]
    return compare(methods, reference=REFERENCE, metrics=METRICS)


def lines(runs: Mapping[str, Run], rows: Mapping[str, Sequence[Row]]) -> list[str]:
    """The tables, in points."""
    found = []
    for metric, scored in rows.items():
        found.append(f"\n{metric}, student, in percent; differences to {REFERENCE} in points")
        for row in scored:
            text = f"  {row.method:<17}{100 * row.scores.mean:6.2f} ± {100 * row.scores.sd:5.2f}"
            if row.against is not None:
                gain = row.against.difference
                text += f"  {100 * gain.estimate:+6.2f} [{100 * gain.low:+6.2f}, {100 * gain.high:+6.2f}]"
                text += f"  p = {row.against.p_holm:.3f}"
            found.append(text)
    for use, run in runs.items():
        missing = run.record["missing"]
        found.append(f"{use}: the teacher scores {missing['tested_by_teacher']} of {missing['tested']} test subjects")
    return found


def _splits(run: Run) -> list[dict[str, Any]]:
    splits: list[dict[str, Any]] = read_json(run.folder.splits)["splits"]
    return splits


def main(arguments: argparse.Namespace) -> None:
    """Run, compare, print."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.runs or Path(temporary)
        runs: dict[str, Run] = {}
        for use in dict.fromkeys((REFERENCE, *arguments.uses)):
            runs[use] = api.run(
                "baselines/kd",
                overrides=settings(use, arguments),
                runs=folder,
                cache=arguments.cache or folder / "cache",
            )
            print(f"{use}: {runs[use].record['seconds']['training']:.0f} s of training", file=sys.stderr)
        for line in lines(runs, compared(runs)):
            print(line)


def parsed(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Four ways to treat patients without clinical items, compared.")
    parser.add_argument("--epochs", type=int, default=10, help="of the teacher, and of the student")
    parser.add_argument("--uses", nargs="+", choices=USES, default=USES, help="ways to compare")
    parser.add_argument("--subjects", type=int, default=270, help="patients with everything")
    parser.add_argument("--image-only", type=int, default=750, help="patients with images alone")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=1, help="folds at the same time")
    parser.add_argument("--runs", type=Path, help="folder of the runs; default: a temporary one")
    parser.add_argument("--cache", type=Path, help="folder of the cohort; default: beside the runs")
    return parser.parse_args(words)


if __name__ == "__main__":
    main(parsed())
