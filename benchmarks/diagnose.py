"""Whether `xdistill diagnose` is right: its verdict on every bundled recipe against the gain that the recipe reaches.

A recipe is diagnosed; then it and its student alone, which is made of its own stages, are run on the recipe's own
splits and compared on the same test subjects, by the metric of the task, with the paired 95 % bootstrap interval by
patient. The test part of an official split is not read by the diagnosis.

    python benchmarks/diagnose.py run [--only lupi_clean_labels] [--seeds 0 1 2] [--quick]
                                                      [--runs DIR] [--cache DIR]
    python benchmarks/diagnose.py show > docs/diagnose-table.md

`run` adds to benchmarks/records/diagnose/verdicts.json, and leaves out what is there.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import xdistill
from xdistill.api.finished import FinishedRun
from xdistill.diagnosis.figures import Advantage
from xdistill.diagnosis.recipes import alone_recipe
from xdistill.errors import XdistillError
from xdistill.experiment.assemble import assemble, read_recipe
from xdistill.plugin import load_catalog
from xdistill.recipe.bundled import bundled_names
from xdistill.stats import Interval, Method, align, compare, observed_scores, resampled_scores
from xdistill.stats.independent import paired_difference
from xdistill.tasks import Score

RECORD = Path(__file__).parent / "records" / "diagnose" / "verdicts.json"
EXPECTED = {"promising": True, "possible": None, "small": False, "unclear": False, "nothing": False, "undecided": None}
TAUGHT = ("cmdnet", "cmdnet_cross_fit", "kd", "kd_cross_fit", "oracle", "self_distillation")
FRESH = {
    **{f"gain/{entry}": ("gain", "calibrated", "216", entry) for entry in TAUGHT},
    **{f"flagship/{entry}": ("flagship", "", "216", entry) for entry in ("oracle", "self_distillation")},
    **{f"unlabelled/{entry}": ("unlabelled", "calibrated", "400", entry) for entry in ("kd", "kd_confident")},
    "mvi_hcc_cross_fit": ("flagship", "", "216", "cross_fit"),
    "mvi_hcc_best": ("flagship", "", "216", "best"),
}
"""Benchmark of many generated cohorts, its cell (value and training subjects), and entry."""
TOGETHER = {"crossmodal/focus", "crossmodal/mfh_focus"}  # their callback needs teacher and student in one stage
NO_TEACHER = "the recipe has no teacher"
Row = dict[str, Any]
COLUMNS = "recipe|metric|teacher - student|imitating - alone|with teacher - alone|test shows|verdict|measured gain|"
HEAD = """# Verdicts of diagnose on all recipes

This table belongs to [Can distillation help?](diagnose.md#is-it-right). Differences are in points of the metric, or in
its unit, with paired 95 % bootstrap intervals by patient; above zero is better. *test shows* is the smallest gain that
the recipe's own test can show. A verdict that expects a gain is right if the interval of the measured gain is above
zero; one that expects none is right if it is not. `crossmodal/focus` and `crossmodal/mfh_focus` are diagnosed with
`--set callbacks=[]`."""

FRESH_TEXT = """The verdicts are those above, of one cohort. The gain is that of [many generated cohorts](gain.md) of
the same kind and size, with the 95 % interval of the paired t-test. It shows smaller gains than one cohort can."""


def main() -> None:
    """Run or show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "show"))
    parser.add_argument("--only", action="append", choices=bundled_names())
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of the generated cohorts; 0: as bundled")
    parser.add_argument("--quick", action="store_true", help="quick diagnoses")
    parser.add_argument("--record", type=Path, default=RECORD)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--cache", type=Path, default=None)
    chosen = parser.parse_args()
    if chosen.what == "show":
        print(page(read(chosen.record)))
        return
    for name in chosen.only or bundled_names():
        for seed in chosen.seeds:
            rows = read(chosen.record)
            key = {"recipe": name, "seed": seed, "quick": chosen.quick}
            if any(row.items() >= key.items() for row in rows):
                continue
            row = {**key, **outcome(**key, runs=chosen.runs, cache=chosen.cache)}
            chosen.record.parent.mkdir(parents=True, exist_ok=True)
            chosen.record.write_text(json.dumps([*rows, row], indent=1) + "\n", encoding="utf-8")
            print(row, flush=True)


def read(record: Path) -> list[Row]:
    """The rows so far."""
    return json.loads(record.read_text(encoding="utf-8")) if record.is_file() else []


def outcome(recipe: str, seed: int, *, quick: bool, runs: Path, cache: Path | None) -> Row:
    """The diagnosis of a recipe and the gain that it reaches, as plain data; or why there is none."""
    overrides = {"executor.jobs": 1, **({"data.seed": seed} if seed else {})}
    folders = {"runs": runs, "cache": cache}
    apart = {**overrides, "callbacks": []} if recipe in TOGETHER else overrides
    try:
        found = xdistill.diagnose(recipe, quick=quick, overrides=apart, **folders)
        distilled = xdistill.run(recipe, overrides=overrides, **folders)
        alone = xdistill.run(student_alone(recipe, apart), **folders)
    except XdistillError as error:
        return {"error": str(error)}
    figures = found.figures
    score = next(score for score in distilled.predictions.task.scores if score.name == figures.metric)
    return {
        "metric": figures.metric,
        "percent": figures.percent,
        "unit": figures.unit,
        "lead": ends(figures.lead),
        "imitating": None if figures.fidelity is None else ends(figures.fidelity.gain),
        "room": None if figures.room is None else ends(figures.room.gain),
        "shown": figures.power.own,
        "verdict": found.verdict,
        "gain": measured([method("distilled", distilled), method("alone", alone)], score),
    }


def student_alone(recipe: str, overrides: dict[str, Any]) -> dict[str, Any]:
    """The student of a recipe, trained by the recipe's stages without a teacher, on the recipe's own splits.

    Without an official test part this is the run of the diagnosis, which is not repeated.
    """
    experiment = assemble(read_recipe(recipe, profile=None, overrides=overrides, catalog=load_catalog), load_catalog())
    plain = alone_recipe(experiment, experiment.data.build().schema().task)
    own = {key: value for key, value in experiment.resolved().items() if key in {"crossval", "test"}}
    same = {name: plain.get(name) for name in own} == own
    return plain if same else {**plain, **own, "name": f"{plain['name']}_own"}


def measured(methods: list[Method], score: Score) -> list[float]:
    """The gain of the first method over the second: estimate, and ends of its interval; above 0: better."""
    if len(methods[0].train_sizes) == 1:
        found = one_split(methods, score.name)
    else:
        against = compare(methods, reference=methods[1].name, metrics=(score.name,))[score.name][0].against
        assert against is not None
        found = against.difference
    values = [found.estimate, found.low, found.high]
    return values if score.higher_is_better else [-values[0], -values[2], -values[1]]


def one_split(methods: list[Method], metric: str) -> Interval:
    """The same for an official split, for which there is no t-test."""
    folds = align(methods)
    first, second = observed_scores(folds, metric).mean(axis=1)
    resampled = resampled_scores(folds, (metric,))[metric]
    return Interval.of(first - second, resampled[0] - resampled[1])


def on_fresh_cohorts(recipe: str) -> list[float]:
    """The published gain of a recipe over the student alone, on many cohorts of the kind that the recipe generates."""
    benchmark, value, train, entry = FRESH[recipe]
    with (RECORD.parents[1] / benchmark / "scores.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if (row["value"], row["train"]) == (value, train)]
    scores, alone = (
        {row["cohort"]: float(row["student"]) for row in rows if row["entry"] == name} for name in (entry, "alone")
    )
    found = paired_difference([scores[cohort] - alone[cohort] for cohort in scores if cohort in alone])
    assert found.interval is not None
    return [found.mean, *found.interval]


def method(name: str, run: FinishedRun) -> Method:
    """A finished run as one entry of a comparison."""
    splits = json.loads((Path(run.path) / "splits.json").read_text(encoding="utf-8"))["splits"]
    return Method(
        name=name,
        fingerprint=run.record["cohort"]["fingerprint"],
        split_hash=run.record["split_hash"],
        train_sizes={(split["repeat"], split["fold"]): len(split["train"]) for split in splits},
        seeds=(run.predictions,),
    )


def ends(found: Advantage) -> list[float]:
    """Estimate and interval."""
    return [found.estimate, found.low, found.high]


def page(rows: list[Row]) -> str:
    """The page: counts by verdict, and all rows."""
    sections = {
        "All recipes": [row for row in rows if not row["seed"] and not row["quick"]],
        "Other seeds": [row for row in rows if row["seed"] and not row["quick"]],
        "Quick diagnoses": [row for row in rows if row["quick"]],
    }
    parts = [HEAD]
    for title, of_it in sections.items():
        found = [row for row in of_it if "error" not in row]
        if found:
            parts += [f"## {title}", *tables(found)]
    parts += fresh_section(sections["All recipes"])
    refused = [row for row in sections["All recipes"] if "error" in row]
    return "\n\n".join([*parts, "## Not diagnosed", not_diagnosed(refused)] if refused else parts)


def tables(rows: list[Row]) -> list[str]:
    """Counts by verdict, and all rows."""
    return [by_verdict(rows), in_words(rows), "\n".join([head(COLUMNS), *map(line, rows)])]


def in_words(rows: list[Row]) -> str:
    """How many verdicts are right, and how many would be without a diagnosis."""
    decided = [row for row in rows if EXPECTED[row["verdict"]] is not None]
    right = sum(judged(row) == "right" for row in decided)
    never = sum(row["gain"][1] <= 0 for row in decided)
    return (
        f"Of {len(decided)} verdicts that decide, {right} are right. To expect no gain of any recipe would be "
        f"right {never} times."
    )


def fresh_section(rows: list[Row]) -> list[str]:
    """The same verdicts against the gain on many cohorts, where a benchmark has it."""
    known = [row for row in rows if row["recipe"] in FRESH and "error" not in row]
    found = [row | {"gain": on_fresh_cohorts(row["recipe"])} for row in known]
    return ["## On many generated cohorts", FRESH_TEXT, *tables(found)] if found else []


def not_diagnosed(rows: list[Row]) -> str:
    """The recipes without a teacher in one line, and the message of each other."""
    alone = [f"`{row['recipe']}`" for row in rows if NO_TEACHER in row["error"]]
    lines = [f"- No teacher: {', '.join(alone)}."] if alone else []
    return "\n".join(
        [*lines, *(f"- `{row['recipe']}`: {row['error']}" for row in rows if NO_TEACHER not in row["error"])]
    )


def by_verdict(rows: list[Row]) -> str:
    """How often each verdict is given and right."""
    counts = Counter((row["verdict"], judged(row)) for row in rows)
    lines = [head("verdict|recipes|gain shown|right|wrong")]
    for verdict, expected in EXPECTED.items():
        of_it = [row for row in rows if row["verdict"] == verdict]
        shown = sum(row["gain"][1] > 0 for row in of_it)
        right, wrong = ("", "") if expected is None else (counts[verdict, "right"], counts[verdict, "wrong"])
        if of_it:
            lines.append(f"| {verdict} | {len(of_it)} | {shown} | {right} | {wrong} |")
    return "\n".join(lines)


def head(columns: str) -> str:
    """The two first lines of a table."""
    names = columns.split("|")
    return f"| {' | '.join(names)} |\n|{'---|' * len(names)}"


def line(row: Row) -> str:
    """One line of the table."""
    name = row["recipe"] if row["seed"] == 0 else f"{row['recipe']}, seed {row['seed']}"
    spans = [amount(row, row[key]) for key in ("lead", "imitating", "room")]
    shown = f"{100 * row['shown']:.1f}" if row["percent"] else f"{row['shown']:.3g}"
    cells = (name, row["metric"], *spans, shown, row["verdict"], amount(row, row["gain"]), judged(row))
    return f"| {' | '.join(cells)} |"


def judged(row: Row) -> str:
    """Right or wrong; a verdict that expects no gain is right unless one is shown."""
    expected, shown = EXPECTED[row["verdict"]], row["gain"][1] > 0
    if expected is None:
        return "open"
    return "right" if expected == shown else "wrong"


def amount(row: Row, values: list[float] | None) -> str:
    """In points of the metric, or in its unit."""
    if values is None:
        return ""
    estimate, low, high = (f"{100 * value:+.1f}" if row["percent"] else f"{value:+.3g}" for value in values)
    return f"{estimate} ({low} to {high})" + (f" {row['unit']}" if row["unit"] and not row["percent"] else "")


if __name__ == "__main__":
    main()
