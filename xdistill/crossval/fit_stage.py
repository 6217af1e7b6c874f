"""A stage that fits estimators."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from xdistill.crossval.events import Event
from xdistill.errors import DataError, NonFiniteLossError, PluginError, SettingsError, XdistillError
from xdistill.experiment.networks import evaluating
from xdistill.experiment.plans import FitPlan
from xdistill.experiment.tracing import watching
from xdistill.interfaces.fitted import Estimator
from xdistill.training.evaluate import EVALUATION_BATCH, SHOWN
from xdistill.training.seeds import derive

if TYPE_CHECKING:
    from xdistill.training.train import Trainer


def fit_stage(
    trainer: Trainer, index: int, stage: FitPlan, _begin: int, _state: Mapping[str, Any] | None
) -> Iterator[Event]:
    """Fit the stage's estimators, one after the other; see `train_stage` for the arguments.

    Raises:
        DataError: when an estimator cannot be fitted to these subjects.
        NonFiniteLossError: naming the subjects for which what reaches an estimator is not finite.
        PluginError: when an estimator fails for any other reason.
    """
    begin = time.monotonic()
    for path in stage.fit:
        _fit(trainer, stage, path)
    yield trainer.end_epoch(index, {"stage": stage.name, "epoch": 1, "seconds": time.monotonic() - begin})


def _fit(trainer: Trainer, stage: FitPlan, path: str) -> None:
    role, _, part = path.partition(".")
    network = trainer.networks[role]
    estimator = cast("Estimator", network.get_submodule(part))
    place = f"in fold {trainer.fold}, stage {stage.name!r}"
    targets = np.asarray(trainer.source.cohort.targets)[trainer.rows_of(role)]
    _check_classes(targets, trainer, f"{path} cannot be fitted {place}")
    inputs = _what_reaches(estimator, role, trainer, f"what reaches {path} is not finite {place}")
    seed = derive(trainer.seed, "fit", stage.name, path)
    torch.manual_seed(seed)
    try:
        estimator.fit(inputs, torch.from_numpy(targets), seed=seed)
    except (DataError, SettingsError) as error:
        raise DataError(f"{path} cannot be fitted {place}: {error}") from error
    except XdistillError:
        raise
    except Exception as error:
        raise PluginError(
            f"the estimator {estimator.name!r} of {path} failed {place}: {type(error).__name__}: {error}"
        ) from error


def _what_reaches(estimator: Estimator, role: str, trainer: Trainer, what: str) -> Float[Tensor, "subjects inputs"]:
    """What an estimator is given for each training subject, in the split's order, as it is when subjects are scored."""
    network, rows, source = trainer.networks[role], trainer.rows_of(role), trainer.source
    with evaluating(network), trainer.fabric.autocast(), watching(estimator) as seen:
        for start in range(0, len(rows), EVALUATION_BATCH):
            batch = source.batch(rows[start : start + EVALUATION_BATCH], network.inputs, target=False)
            network(trainer.prepare(batch))
    inputs = torch.cat([value.detach().to(device="cpu", dtype=torch.float32) for value in seen])
    bad = (~torch.isfinite(inputs).all(dim=1)).nonzero().flatten().tolist()
    if bad:
        names = ", ".join(source.cohort.subjects[rows[index]] for index in bad[:SHOWN])
        raise NonFiniteLossError(
            f"{what} for {len(bad)} of {len(rows)} training subjects ({names}{', …' if len(bad) > SHOWN else ''}); "
            f"look at their data, or lower optimizer.lr of the stages before"
        )
    return inputs


def _check_classes(targets: np.ndarray[Any, Any], trainer: Trainer, what: str) -> None:
    classes = trainer.source.cohort.schema.classes
    missing = [name for index, name in enumerate(classes) if index not in targets]
    if missing:
        raise DataError(
            f"{what}: none of its {len(targets)} training subjects has the class {', '.join(map(repr, missing))}; "
            f"take fewer folds, set crossval.stratify to true, or leave the class out of the cohort"
        )
