"""A stage that fits estimators."""

from __future__ import annotations

import time
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from xdistill.errors import DataError, NonFiniteLossError, PluginError, SettingsError, XdistillError
from xdistill.experiment.context import FoldContext
from xdistill.experiment.stages.plans import FitPlan
from xdistill.experiment.stages.tracing import watching
from xdistill.interfaces.fitted import Estimator
from xdistill.training.evaluate import EVALUATION_BATCH, SHOWN
from xdistill.training.seeds import derive
from xdistill.training.shapes import evaluating


def fit_stage(context: FoldContext, stage: FitPlan) -> dict[str, Any]:
    """Fit the stage's estimators, one after the other; returns the history's row.

    Raises:
        DataError: if an estimator cannot be fitted to these subjects.
        NonFiniteLossError: naming the subjects for which the input of an estimator is not finite.
        PluginError: if an estimator fails for any other reason.
    """
    begin = time.monotonic()
    for path in stage.fit:
        _fit(context, stage, path)
    return {"stage": stage.name, "epoch": 1, "seconds": time.monotonic() - begin}


def _fit(context: FoldContext, stage: FitPlan, path: str) -> None:
    role, _, part = path.partition(".")
    network = context.networks[role]
    estimator = cast("Estimator", network.get_submodule(part))
    place = f"in fold {context.name}, stage {stage.name!r}"
    targets = context.targets(context.labelled_rows_of(role))
    _check_classes(targets, context, f"{path} cannot be fitted {place}")
    inputs = _inputs_of(estimator, role, context, f"the input of {path} is not finite {place}")
    seed = derive(context.seed, "fit", stage.name, path)
    torch.manual_seed(seed)
    try:
        estimator.fit(inputs, torch.from_numpy(np.array(context.facts.schema.task.encoded(targets))), seed=seed)
    except (DataError, SettingsError) as error:
        raise DataError(f"{path} cannot be fitted {place}: {error}") from error
    except XdistillError:
        raise
    except Exception as error:
        raise PluginError(
            f"the estimator {estimator.name!r} of {path} failed {place}: {type(error).__name__}: {error}"
        ) from error


def _inputs_of(estimator: Estimator, role: str, context: FoldContext, what: str) -> Float[Tensor, "subjects inputs"]:
    """The estimator's input for each training subject, in the split's order, computed as for predictions."""
    network, rows, source = context.networks[role], context.labelled_rows_of(role), context.source
    with evaluating(network), context.fabric.autocast(), watching(estimator) as seen:
        for start in range(0, len(rows), EVALUATION_BATCH):
            batch = source.batch(rows[start : start + EVALUATION_BATCH], network.inputs, target=False)
            network(context.prepare(batch))
    inputs = torch.cat([value.detach().to(device="cpu", dtype=torch.float32) for value in seen])
    bad = (~torch.isfinite(inputs).all(dim=1)).nonzero().flatten().tolist()
    if bad:
        names = ", ".join(source.cohort.subjects[rows[index]] for index in bad[:SHOWN])
        raise NonFiniteLossError(
            f"{what} for {len(bad)} of {len(rows)} training subjects ({names}{', …' if len(bad) > SHOWN else ''}); "
            f"check their data, or lower optimizer.lr of the earlier stages"
        )
    return inputs


def _check_classes(targets: np.ndarray[Any, Any], context: FoldContext, what: str) -> None:
    task = context.source.cohort.schema.task
    missing = task.absent(targets)
    if missing:
        raise DataError(
            f"{what}: none of its {len(targets)} training subjects has {task.group} {', '.join(map(repr, missing))}; "
            f"use fewer folds, set crossval.stratify to true, or leave the {task.group} out of the cohort"
        )
