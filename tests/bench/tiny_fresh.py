"""A benchmark on generated cohorts that takes a few seconds."""

from __future__ import annotations

import numpy as np

from bench.tiny_benchmark import alone, kd
from xdistill.bench.fresh.plan import FreshPlan
from xdistill.bench.fresh.results import Result, result_path, results_in, write_result
from xdistill.bench.fresh.table import gain_table
from xdistill.recipe.yaml.writer import write_yaml

FRESH = {"subjects": 40, "train": [24], "cohorts": 2, "oracle": "oracle", "truth": "truth"}
SOFT = [{"name": "student", "train": ["student"], "epochs": 1, "objective": [{"use": "class_kl"}]}]
ORACLE = {
    **{name: value for name, value in kd().items() if name != "transforms"},
    "privileged": ["truth"],
    "teacher": {"use": "given_logits", "modality": "truth"},
    "stages": SOFT,
}
SPREAD = {"alone": 0.0, "kd": 0.02, "oracle": 0.001}
"""Standard deviation of the score that `Trainer` writes, by entry."""


def write(folder, **changes):
    folder.mkdir(parents=True, exist_ok=True)
    for name, recipe in (("alone", alone()), ("kd", kd()), ("oracle", ORACLE)):
        (folder / f"{name}.yaml").write_text(write_yaml(recipe), encoding="utf-8")
    plain = {
        "format": "xdistill-benchmark",
        "version": 1,
        "name": "fresh",
        "data": {"use": "hcc_phantom", "shape": [8, 16, 16], "truth": True},
        "fresh_test": FRESH,
        "set": {"executor.jobs": 1, "augment": []},
        "reference": "alone",
        "entries": [{"name": name, "recipe": f"{name}.yaml"} for name in ("alone", "kd", "oracle")],
        **changes,
    }
    path = folder / "fresh.yaml"
    path.write_text(write_yaml(plain), encoding="utf-8")
    return path


def table_of(benchmark, catalog, folder):
    """The table of the results in a folder."""
    plan = FreshPlan(benchmark, catalog)
    return gain_table(plan, results_in(plan, folder))


class Trainer:
    """Writes results with scores of a known spread in place of training, and counts."""

    def __init__(self, fails=()):
        self.fails, self.rounds = fails, []

    def __call__(self, plan, entries, folder):
        self.rounds.append([(name, tuple(chosen)) for name, chosen in entries.items()])
        for name, chosen in entries.items():
            unit = plan.named[name]
            for entry in chosen:
                if (unit.number, entry) in self.fails:
                    continue
                noise = np.random.default_rng([unit.number, len(entry)]).normal()
                keys = {"key": plan.key(entry, unit), "recipe_key": plan.key(entry, unit, with_code=False)}
                scores = {"student": 0.6 + SPREAD[entry] * noise}
                result = Result(entry=entry, run="", scores=scores, seconds=1.0, facts={}, **keys)
                write_result(result_path(folder, unit, entry), result)
        return iter(())
