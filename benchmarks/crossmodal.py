"""Methods of cross-modal distillation on generated vectors, each with its ablation; and the figures of their source.

    python benchmarks/crossmodal.py gamma     # gain of plain distillation against the share of shared features
    python benchmarks/crossmodal.py focus     # modality-general teachers, table 2 of the modality focusing hypothesis
    python benchmarks/crossmodal.py methods   # every method of plugins/xdistill_crossmodal, and its ablation

Accuracy in percent, after training on 200 subjects, on 1,000 others. Each seed is a draw of the data
and of the weights. Differences are paired by seed, with the 95 % interval of Student's t.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from scipy.stats import t

from xdistill.crossval.fold import make_context
from xdistill.crossval.fold_run import FoldRun
from xdistill.data import ArrayCohort, Split
from xdistill.experiment.assemble import assemble
from xdistill.plugin import Catalog, load_catalog
from xdistill.recipe.load import load_recipe

SHARED = (0, 2, 4, 6, 8, 10)
KNOWN_GAINS = (-0.71, -0.45, -0.34, 0.24, 1.53, 2.50)
"""Of a run of the official code over ten seeds, by number of shared features."""
PRINTED = {5: (59.29, 59.46, 61.01), 10: (67.64, 67.86, 70.25), 15: (76.46, 76.53, 77.70)}
"""Table 2 by number of shared features of twenty: no distillation, usual, modality-general."""


@dataclass(frozen=True)
class Method:
    """A recipe of ``recipes/crossmodal``, and the changes that turn its special part off.

    Attributes:
        recipe: its name there.
        special: the special part, in words.
        ablation: changes of the recipe.
        plain: the recipe of plain distillation to compare with.
    """

    recipe: str
    special: str
    ablation: tuple[str, ...]
    plain: str = "kd"


METHODS = (
    Method("focus", "columns that both share", ("callbacks.modality_focus.choose=random",)),
    Method("standardised", "standardised logits", ("stages.student.objective.kd.standardise=false",)),
    Method("c2kd", "selection by rank", ("stages.joint.objective.c2kd.threshold=null",)),
    Method("c2kd", "both directions", ("stages.joint.objective.c2kd.bidirectional=false",)),
    Method("prototypes", "classes' prototypes", ("stages.student.objective.prototypes.reference=subjects",)),
    Method("margin_aware", "weights by entropy", ("stages.student.objective.margin_aware.weights=uniform",)),
    Method("ofa", "modulated true class", ("stages.student.objective.ofa.gamma=1",)),
    Method("semiparametric", "moved targets", ("stages.student.objective.semiparametric.gamma=0",)),
    Method("pcgrad", "projected gradients", ("callbacks=[]",)),
    Method("cagrad", "conflict-averse gradients", ("callbacks.cagrad.c=0",)),
    Method("ogm_ge", "modulation of branches", ("callbacks.ogm_ge.alpha=0", "callbacks.ogm_ge.noise=false")),
    Method("several", "mean of three teachers", ("stages.student.objective.kd.output=privileged",)),
    Method("ca_mkd", "weights by confidence", ("stages.student.objective.ca_mkd.weights=equal",)),
    Method("mst_distill", "choice by the gate", ("stages.student.objective.mst_distill.k=2",)),
    Method("mst_distill", "masks", ("stages.student.objective.mst_distill.members=[privileged, both]",)),
    Method(
        "shaspec",
        "auxiliary losses",
        ("stages.teacher.objective.shaspec_alignment.weight=0", "stages.teacher.objective.shaspec_domain.weight=0"),
    ),
    Method("mutual", "both directions", ("stages.joint.objective.3.weight=0",)),
    Method("mutual_decoupled", "both directions", ("stages.joint.objective.3.weight=0",)),
)


@dataclass
class Bench:
    """Trains recipes once per seed, in memory, and remembers the results."""

    seeds: Sequence[int]
    catalog: Catalog = field(default_factory=load_catalog)
    done: dict[tuple[str, tuple[str, ...]], np.ndarray] = field(default_factory=dict)

    def student(self, recipe: str, changes: Sequence[str] = ()) -> np.ndarray:
        """The student's accuracy in percent, by seed."""
        key = (recipe, tuple(changes))
        if key not in self.done:
            drawn = [[f"data.seed={seed}", f"seed={seed}", *changes] for seed in self.seeds]
            self.done[key] = np.array([accuracy(recipe, overrides, self.catalog) for overrides in drawn])
        return self.done[key]


def accuracy(recipe: str, changes: Sequence[str], catalog: Catalog) -> float:
    """The student's accuracy on the official test part in percent, as `xdistill run` gives it, without a run folder."""
    experiment = assemble(load_recipe(recipe, overrides=changes), catalog)
    data = experiment.data.build()
    rows = data.index()
    values = list(data.load_many(range(len(rows))))
    arrays = {name: np.stack([subject[name] for subject in values]) for name in data.schema().modalities}
    subjects = [row.subject for row in rows]
    cohort = ArrayCohort(data.schema(), arrays, [row.target for row in rows], subjects=subjects)
    test = tuple(data.official_test())
    split = Split(repeat=0, fold=0, train=tuple(subjects[: -len(test)]), validation=(), test=test)
    context = make_context(experiment, cohort, split, "r0-f0")
    for _ in FoldRun(context).events():
        pass
    tested = cohort.rows_of(test)
    return 100 * float((context.predict("student", tested).argmax(axis=1) == context.targets(tested)).mean())


def interval(differences: np.ndarray) -> tuple[float, float]:
    """Mean, and half the width of its 95 % interval."""
    count = len(differences)
    return float(differences.mean()), float(t.ppf(0.975, count - 1) * differences.std(ddof=1) / count**0.5)


def shown(differences: np.ndarray) -> str:
    """A difference as text."""
    mean, half = interval(differences)
    return f"{mean:+.2f} ± {half:.2f}"


def gamma(bench: Bench) -> list[float]:
    """The gain of plain distillation for each number of shared features; prints the table."""
    print("| shared | gamma | alone | distilled | gain | official code |\n|---|---|---|---|---|---|", flush=True)
    gains = []
    for shared, known in zip(SHARED, KNOWN_GAINS, strict=True):
        changes = [f"data.shared={shared}"]
        alone, distilled = bench.student("crossmodal/mfh_alone", changes), bench.student("mfh", changes)
        gains.append(float((distilled - alone).mean()))
        share, text = shared / (20 - shared), shown(distilled - alone)
        print(
            f"| {shared} | {share:.2f} | {alone.mean():.2f} | {distilled.mean():.2f} | {text} | {known:+.2f} |",
            flush=True,
        )
    return gains


def focus(bench: Bench) -> list[float]:
    """The gain of modality-general teachers over usual ones; prints the table."""
    print("| gamma | alone | usual | modality-general | general - usual | random columns - usual |")
    print("|---|---|---|---|---|---|", flush=True)
    gains = []
    for shared, printed in PRINTED.items():
        changes = [f"data.shared={shared}", f"data.decisive_b={shared}"]
        keep = [*changes, f"callbacks.modality_focus.keep={shared / 50}"]
        data = ["decisive_a=20", "unseen=0", "features_a=50", "direction=ones"]
        alone = bench.student("crossmodal/mfh_alone", [*changes, *(f"data.{value}" for value in data)])
        usual, general = bench.student("crossmodal/mfh_usual", changes), bench.student("crossmodal/mfh_focus", keep)
        chance = bench.student("crossmodal/mfh_focus", [*keep, "callbacks.modality_focus.choose=random"])
        gains.append(float((general - usual).mean()))
        means = [
            f"{values.mean():.2f} ({there:.2f})" for values, there in zip((alone, usual, general), printed, strict=True)
        ]
        texts = [shown(general - usual), shown(chance - usual)]
        print(f"| {shared / 20:.2f} | {' | '.join([*means, *texts])} |", flush=True)
    return gains


def methods(bench: Bench) -> None:
    """Every method against the student alone, plain distillation, and its ablation; prints the table."""
    alone, plain = bench.student("crossmodal/alone"), bench.student("crossmodal/kd")
    print(
        "| method | accuracy | minus alone | minus plain | special part | minus ablation |\n|---|---|---|---|---|---|"
    )
    print(f"| student alone | {alone.mean():.2f} | | | | |")
    print(f"| plain distillation | {plain.mean():.2f} | {shown(plain - alone)} | | | |", flush=True)
    for method in METHODS:
        recipe = f"crossmodal/{method.recipe}"
        own, without = bench.student(recipe), bench.student(recipe, method.ablation)
        cells = [f"{own.mean():.2f}", shown(own - alone), shown(own - plain), method.special, shown(own - without)]
        print(f"| {method.recipe} | {' | '.join(cells)} |", flush=True)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=["gamma", "focus", "methods"])
    parser.add_argument("--seeds", type=int, default=10)
    chosen = parser.parse_args()
    if chosen.seeds < 2:
        parser.error("--seeds: two at least, since the spread over them is stated")
    torch.set_num_threads(1)
    {"gamma": gamma, "focus": focus, "methods": methods}[chosen.table](Bench(range(chosen.seeds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
