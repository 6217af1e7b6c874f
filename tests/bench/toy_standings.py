"""Standings of generated predictions, compared for real, for tests and for looking at the page.

PYTHONPATH=tests python -m bench.toy_standings FORMAT > FILE
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

import numpy as np

from xdistill.bench.standings import CohortFacts, Expectation, Reported, Standing, Standings
from xdistill.stats import FoldPredictions, Method, Predictions, agreement, compare, gap_closed, is_bold, summarise

CLASSES = ("M0", "M1", "M2")
COUNTS = (128, 93, 49)
FOLDS, REPEATS = 5, 3
METRICS = ("auc_ovo", "f1_macro", "accuracy")
# Title, track, how much of the truth the student's logits hold, and of what a publication reports.
ENTRIES: Mapping[str, tuple[str, str, float, tuple[Reported, Reported, Reported] | None]] = {
    "cmdnet": ("CMD-Net", "student", 0.95, (Reported(0.7146, 0.0184), Reported(0.6216, 0.0335), Reported(0.6338))),
    "kd": ("KD", "student", 0.85, (Reported(0.7101, 0.0160), Reported(0.6169, 0.0308), Reported(0.6314, 0.0202))),
    "s_pre_hbp": ("S-pre-hbp", "student", 0.62, (Reported(0.6998), Reported(0.6002), Reported(0.6195, 0.0083))),
    "m2net": ("M²Net <b>& co</b>", "student", 0.6, None),
    "concat": ("Concat", "student", 0.5, (Reported(0.6713, 0.0073), Reported(0.5882), Reported(0.6075, 0.0099))),
    "teacher": ("Teacher", "privileged", 1.25, None),
    "majority": ("Majority", "control", 0.0, None),
}
DISTILLED = ("cmdnet", "kd")


def toy_standings(*, synthetic: bool = True, seed: int = 0, signals: Mapping[str, float] | None = None) -> Standings:
    """A small benchmark: two distilled methods, their reference, two others, a teacher and a control."""
    generator = np.random.default_rng(seed)
    target = np.repeat(np.arange(3), COUNTS)
    shared = generator.normal(size=(len(target), 3))  # what makes a subject hard makes it hard for all
    places = [generator.permutation(len(target)) for _ in range(REPEATS)]
    methods = {
        name: _method(
            name,
            (signals or {}).get(name, signal),
            target=target,
            shared=shared,
            places=places,
            generator=generator,
        )
        for name, (_, _, signal, _) in ENTRIES.items()
    }
    rows = compare(tuple(methods.values()), reference="s_pre_hbp", metrics=METRICS, resamples=50)
    by_entry = {name: {metric: rows[metric][place] for metric in METRICS} for place, name in enumerate(methods)}
    ranked = sorted(
        (name for name in methods if ENTRIES[name][1] == "student"),
        key=lambda name: -by_entry[name]["auc_ovo"].scores.mean,
    )
    standings = [
        _standing(name, by_entry[name], methods, rank=ranked.index(name) + 1 if name in ranked else None)
        for name in (*ranked, "teacher", "majority")
    ]
    return Standings(
        name="toy",
        title="Grades of invasion, Table 1",
        description="Seven methods that are tested on images alone.",
        reference="s_pre_hbp",
        primary="auc_ovo",
        metrics=METRICS,
        cohort=_cohort(synthetic=synthetic),
        entries=tuple(standings),
        missing=("sp", "lstm"),
        reported_source="Li et al. 2022, Table 1",
        expectations=(
            Expectation("kd is better than s_pre_hbp", holds=True, evidence="+5.10 points, adjusted p 0.004"),
            Expectation("concat is not better than s_pre_hbp", holds=False, evidence="+6.00 points, adjusted p 0.001"),
            Expectation("sp is better than s_pre_hbp", holds=None, evidence="sp has not been run"),
        ),
    )


def _method(name, signal, *, target, shared, places, generator) -> Method:
    folds = []
    for repeat, place in enumerate(places):
        order = place[np.argsort(target[place], kind="stable")]
        fold_of = np.empty(len(target), dtype=int)
        fold_of[order] = np.arange(len(target)) % FOLDS
        for fold in range(FOLDS):
            chosen = np.flatnonzero(fold_of == fold)
            for role, strength in (("student", signal), ("teacher", 1.25)):
                noise = 0.8 * shared[chosen] + 0.6 * generator.normal(size=(len(chosen), 3))
                odds = np.exp(strength * np.eye(3)[target[chosen]] + noise)
                ids = tuple(f"subject-{row:03d}" for row in chosen)
                probabilities = odds / odds.sum(axis=1, keepdims=True)
                folds.append(FoldPredictions(role, repeat, fold, ids, target[chosen], probabilities))
    sizes = {(repeat, fold): 216 for repeat in range(REPEATS) for fold in range(FOLDS)}
    return Method(name, "5f" * 32, "c0" * 32, sizes, (Predictions(CLASSES, tuple(folds)),))


def _standing(name, rows, methods, *, rank) -> Standing:
    title, track, _, stated = ENTRIES[name]
    distilled, seeds = name in DISTILLED, methods[name].seeds
    scores = summarise(seeds[0])["student"]
    return Standing(
        entry=name,
        title=title,
        track=track,
        rank=rank,
        rows=rows,
        bold=frozenset(metric for metric, row in rows.items() if is_bold(row)),
        gap=gap_closed(methods[name], methods["s_pre_hbp"], methods["teacher"], resamples=50) if distilled else None,
        agreement=agreement(seeds) if distilled else None,
        calibration={metric: scores[metric] for metric in ("brier", "ece")},
        reported=dict(zip(METRICS, stated, strict=True)) if stated else {},
        inputs=("hbp", "pre", "clinical") if name == "teacher" else ("hbp", "pre"),
        parameters=0 if name == "majority" else 1_273_411,
        seconds=0.02 if name == "majority" else 83.4,
        seeds=1,
        run=("0a1b2c3d4e5f",),
        versions={"python": "3.11.9", "torch": "2.9.1", "xdistill": "0.1.0"},
        machine={"system": "Linux x86_64", "cores": "2"},
        link="" if name == "majority" else f"runs/{name}/0a1b2c3d4e5f/report.html",
    )


def _cohort(*, synthetic: bool) -> CohortFacts:
    return CohortFacts(
        title="Generated liver cohort" if synthetic else "Cardiac cohort",
        synthetic=synthetic,
        subjects=sum(COUNTS),
        patients=sum(COUNTS),
        classes=dict(zip(CLASSES, COUNTS, strict=True)),
        fingerprint="5f" * 32,
        split_hash="c0" * 32,
        folds=FOLDS,
        repeats=REPEATS,
        bounds={"images": 0.865, "images and clinical": 0.94} if synthetic else {},
    )


if __name__ == "__main__":
    from xdistill.bench.export import render

    sys.stdout.write(render(toy_standings(), sys.argv[1]))
