"""What cross-fitting costs and changes: time, the teacher's AUC on its own subjects, and the features of its networks.

    python benchmarks/cross_fitting.py

Trains the teacher of `mvi_hcc` on one training part of 216 generated patients, once on all of them and five times
without an inner fold. Times are those of the processor, so that other work on the machine does not count.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from xdistill.crossval.fold import make_context
from xdistill.crossval.fold_run import FoldRun
from xdistill.data import build_cohort, make_splits, open_cohort
from xdistill.distillation.cross_fitted import inner_contexts
from xdistill.experiment.assemble import assemble
from xdistill.experiment.context import FoldContext, networks_of_fold
from xdistill.experiment.stages.plans import CrossFitPlan
from xdistill.interfaces.network import Network
from xdistill.plugin import load_catalog
from xdistill.recipe.load import as_loaded
from xdistill.training.shapes import evaluating
from xdistill.types import Output

RECIPE = Path(__file__).parents[1] / "recipes" / "baselines" / "kd.yaml"
CHANGES = {"data.shape": [8, 16, 16], "augment": [], "stages.teacher.cross_fit": {"folds": 5}}


def main() -> None:
    """Print the figures."""
    torch.set_num_threads(1)
    with TemporaryDirectory() as folder:
        context = _context(Path(folder))
    plan = next(stage for stage in context.experiment.schedule if isinstance(stage, CrossFitPlan))
    initial = _initial(context)
    seconds = [_trained(context, plan)]
    teachers, folds = [], []
    for inner, held in inner_contexts(context, plan):
        seconds.append(_trained(inner, plan))
        teachers.append(_outputs(inner.networks["teacher"], context))
        folds.append(np.isin(context.training, held))
    whole = _outputs(context.networks["teacher"], context)
    crossed = torch.zeros_like(whole.logits)
    for output, held in zip(teachers, folds, strict=True):
        crossed[held] = output.logits[held]
    print(
        f"five inner folds / one teacher: {sum(seconds[1:]) / seconds[0]:.2f} of its time, besides the teacher itself"
    )
    targets = context.targets(context.training)
    for name, logits in (("in-sample", whole.logits), ("cross-fitted", crossed)):
        auc = roc_auc_score(targets, logits.softmax(dim=1).numpy(), multi_class="ovo")
        print(f"macro OvO AUC of the {name} teacher on the training subjects: {100 * auc:.1f}")
    print("distance of features from those of the teacher of all subjects (1: that of their mean)")
    for tap in whole.features:
        flat = [output.features[tap].flatten(1) for output in (*teachers, whole, initial)]
        *inner_features, full, start = flat
        rows = [_distances(one, full, start, held) for one, held in zip(inner_features, folds, strict=True)]
        raw, aligned, leaking = np.mean(rows, axis=0)
        print(f"  {tap:8} unchanged {raw:.2f}, rotated to the initial network {aligned:.2f}, to it {leaking:.2f}")


def _context(folder: Path) -> FoldContext:
    experiment = assemble(as_loaded(RECIPE, overrides=CHANGES), load_catalog())
    cohort = open_cohort(build_cohort(experiment.data, experiment.recipe.cache, directory=folder))
    settings = experiment.recipe.crossval
    splits = make_splits(
        cohort.subjects, cohort.patients, cohort.targets, cohort.schema.task, settings, cohort.fingerprint
    )
    return make_context(experiment, cohort, splits.fold(0, 0), "r0-f0")


def _initial(context: FoldContext) -> Output:
    """Of the teacher's initial weights, which all have in common."""
    only = {"teacher": context.experiment.networks["teacher"]}
    recipe = context.experiment.recipe
    network = networks_of_fold(only, context.facts.schema, context.fabric, recipe, seed=context.seed)["teacher"]
    return _outputs(network, context)


def _trained(context: FoldContext, plan: CrossFitPlan) -> float:
    """Train the teacher alone; returns seconds of the processor."""
    begin = time.process_time()
    alone = replace(context, experiment=replace(context.experiment, schedule=plan.stages))
    for _ in FoldRun(alone).events():
        pass
    return time.process_time() - begin


def _outputs(network: Network, context: FoldContext) -> Output:
    with evaluating(network):
        batch = context.source.batch(context.training, network.inputs, target=False)
        output: Output = network(context.prepare(batch))
    return output


def _distances(own: Tensor, full: Tensor, initial: Tensor, held: np.ndarray) -> tuple[float, float, float]:
    """Relative distances on held-out subjects: unchanged, both rotated to the initial network, one to the other."""
    learned = torch.from_numpy(~held)
    centre, of_full, of_initial = (value[learned].mean(dim=0) for value in (own, full, initial))
    to_initial = _rotation(own[learned] - centre, initial[learned] - of_initial)
    full_to_initial = _rotation(full[learned] - of_full, initial[learned] - of_initial)
    to_full = _rotation(own[learned] - centre, full[learned] - of_full)
    kept = torch.from_numpy(held)
    mine, theirs = own[kept] - centre, full[kept] - of_full
    return (
        _relative(own[kept], full[kept]),
        _relative(mine @ to_initial, theirs @ full_to_initial),
        _relative(mine @ to_full, theirs),
    )


def _rotation(first: Tensor, second: Tensor) -> Tensor:
    """The orthogonal map from the first to the second (Procrustes)."""
    left, _, right = torch.linalg.svd(first.T @ second, full_matrices=False)
    return left @ right


def _relative(first: Tensor, second: Tensor) -> float:
    return float((first - second).norm() / (second - second.mean(dim=0)).norm())


if __name__ == "__main__":
    main()
