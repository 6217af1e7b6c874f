"""The engine against the frameworks that a user would pick instead, doing the same job.

The job is two epochs of the flagship recipe's first fold, from fresh networks on: same networks, losses, batch size,
augmentation, clipping, schedule and AdamW, one thread. Each framework is measured twice: as its documentation shows it
(a ``DataLoader``, contiguous volumes, AdamW as it comes), and with what the engine does for speed added by hand
(volumes channels-last, fused AdamW). The engine also writes its checkpoint; Lightning's, its logger and its bars are
off. Jobs are measured in turn within one process, by the seconds that it computes.

    python benchmarks/perf/peers.py [--quick]

Frameworks that are not there are named with how to install them: ``pip install --group perf``. torchdistill is not
among them: it imports torchvision, and the one that PyPI has is built for CUDA and does not load beside PyTorch for
processors alone. Where it can be imported, the table says that it has no job yet.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version

import torch
from common import Row, alone, interleaved, ratios
from job import CLIP, Joint, Setup, loader_of
from torch import nn

EPOCHS, GOAL, WHAT = 2, 1.0, "engine, training of a fold"
INSTALL = "python -m pip install --group perf"
NO_TORCHVISION = "needs torchvision, which has to be built for the same PyTorch"
Job = Callable[[], object]


def rows(quick: bool) -> list[Row]:
    setup = Setup(EPOCHS)
    found = []
    for name, package, needed, job_of in PEERS:
        fault = _missing(needed)
        if fault or job_of is None:
            found.append(Row(WHAT, name, (), GOAL, note=fault or "there is no job for it yet"))
            continue
        for tuned in (False, True):
            job = job_of(setup, tuned)
            next(setup.engine()), job()  # warm both
            pairs = interleaved(lambda: list(setup.engine()), job, rounds=1 if quick else 3, clock=time.process_time)
            against = f"{name} {version(package)}, {'same speed-ups by hand' if tuned else 'as documented'}"
            found.append(Row(WHAT, against, ratios(pairs), GOAL))
    return found


def _missing(modules: tuple[str, ...]) -> str:
    """Why the framework cannot be used; empty when it can."""
    for name in modules:
        try:
            with warnings.catch_warnings(action="ignore"):
                import_module(name)
        except ImportError:
            return f"not installed: {NO_TORCHVISION if name.startswith('torchdistill') else INSTALL}"
        except RuntimeError as error:  # what torchvision raises when it was built for another PyTorch
            return f"cannot be imported ({error}): {NO_TORCHVISION}"
    return ""


def lightning_job(setup: Setup, tuned: bool) -> Job:
    """Lightning's ``Trainer`` on a ``LightningModule``."""
    import pytorch_lightning as lightning
    from pytorch_lightning.utilities import disable_possible_user_warnings

    disable_possible_user_warnings()
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)

    class Module(lightning.LightningModule):
        def __init__(self, steps: int) -> None:
            super().__init__()
            self.model, self.steps = Joint(setup, tuned=tuned), steps
            self.generator = torch.Generator().manual_seed(0)

        def on_after_batch_transfer(self, batch, dataloader_idx):  # noqa: ANN001, ANN202 - Lightning's hook
            del dataloader_idx
            return self.model.augmented(batch[0], self.generator), batch[1]

        def training_step(self, batch, number):  # noqa: ANN001, ANN202 - Lightning's hook
            del number
            return self.model(*batch)

        def configure_optimizers(self):  # noqa: ANN202 - Lightning's hook
            optimizer = self.model.optimizer()
            schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.steps)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def job() -> None:
        batches = loader_of(setup)
        trainer = lightning.Trainer(
            max_epochs=EPOCHS,
            accelerator="cpu",
            devices=1,
            gradient_clip_val=CLIP,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            inference_mode=False,
        )
        trainer.fit(Module(EPOCHS * len(batches)), batches)

    return job


def monai_job(setup: Setup, tuned: bool) -> Job:
    """MONAI's ``SupervisedTrainer``, an engine of Ignite."""
    from ignite.engine import Events
    from monai.engines import SupervisedTrainer
    from monai.engines.utils import IterationEvents

    def job() -> None:
        model, batches = Joint(setup, tuned=tuned), loader_of(setup)
        optimizer, generator = model.optimizer(), torch.Generator().manual_seed(0)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS * len(batches))

        def prepare(batch, device, non_blocking, **_):  # noqa: ANN001, ANN003, ANN202 - MONAI's hook
            del device, non_blocking
            return model.augmented(batch[0], generator), batch[1], (batch[1],), {}

        trainer = SupervisedTrainer(
            device="cpu",
            max_epochs=EPOCHS,
            train_data_loader=batches,
            network=model,
            optimizer=optimizer,
            loss_function=lambda total, _target: total,
            prepare_batch=prepare,
            inferer=lambda inputs, network, target: network(inputs, target),
            decollate=False,
            optim_set_to_none=True,
        )
        trainer.add_event_handler(
            IterationEvents.BACKWARD_COMPLETED, lambda _: nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        )
        trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda _: schedule.step())
        trainer.run()

    return job


PEERS: tuple[tuple[str, str, tuple[str, ...], Callable[[Setup, bool], Job] | None], ...] = (
    ("Lightning", "pytorch-lightning", ("pytorch_lightning",), lightning_job),
    ("MONAI engine", "monai", ("ignite", "monai.engines"), monai_job),
    ("torchdistill", "torchdistill", ("torchdistill.core.distillation",), None),
)

if __name__ == "__main__":
    alone(rows, __doc__)
