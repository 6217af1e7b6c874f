"""Trains the stages of one fold, one after the other, from the last checkpoint on."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from xdistill.crossval.callbacks import BestEpoch, Checkpoints, FoldProgress, WatchedScore
from xdistill.crossval.diagnostics import Diagnostics
from xdistill.crossval.events import EpochEnded, Event, FoldDamaged, FoldStarted, TeacherCacheFailed
from xdistill.crossval.fit_stage import fit_stage
from xdistill.crossval.gradient_stage import train_stage
from xdistill.distillation.cross_fitted import CrossFittedTeacher, inner_contexts, mean_history, with_unlabelled
from xdistill.distillation.teacher_cache.key import key_of_teacher
from xdistill.distillation.teacher_cache.store import TeacherCache
from xdistill.distillation.teacher_cache.weights import TrainedTeacher, read_teacher, write_teacher
from xdistill.experiment.context import FoldContext
from xdistill.experiment.stages.plans import CrossFitPlan, FitPlan, StagePlan, TrainPlan
from xdistill.interfaces.callback import Callback
from xdistill.training.checkpoint import Checkpointer


class FoldRun:
    """One fold in training.

    Args:
        context: of the fold.
        checkpointer: of the fold; None: no checkpoints are written.
        cache: of trained teachers; None: every teacher is trained.
        callbacks: called by the trainer of every stage, after those of the recipe.
        watch: adds the student's score on some subjects to the history, for a search that may prune the fold.
    """

    def __init__(
        self,
        context: FoldContext,
        checkpointer: Checkpointer | None = None,
        *,
        cache: TeacherCache | None = None,
        callbacks: Sequence[Callback] = (),
        watch: WatchedScore | None = None,
    ) -> None:
        self.context = context
        self.checkpointer = checkpointer
        self.cache = cache
        self.callbacks = callbacks
        self.watch = watch
        self.progress = FoldProgress()

    def events(self) -> Iterator[Event]:
        """Train all stages; afterwards the networks are those of the best epoch, if subjects are kept to choose it."""
        self.progress.resume(self.checkpointer, self.context.networks)
        self.context.fabric.barrier()  # all processes have read the checkpoint before the first one writes the next
        if self.checkpointer is not None and self.checkpointer.refused:
            yield FoldDamaged(self.context.name, self.checkpointer.refused)
        begin, done = self.progress.stage, self.progress.epoch
        yield FoldStarted(self.context.name, done=self._epochs_before(begin) + done)
        for earlier in self.context.experiment.schedule[:begin]:
            if isinstance(earlier, CrossFitPlan):
                list(self._cross_fit(earlier))  # complete: this reads the checkpoints of the inner folds
        for index, stage in enumerate(self.context.experiment.schedule[begin:], start=begin):
            for row in self._stage(index, stage, done if index == begin else 0):
                yield self._ended(index, row)
            yield from self._cache_warnings()
        self.progress.restore_best(self.context.networks)

    def _stage(self, index: int, stage: StagePlan, done: int) -> Iterator[dict[str, Any]]:
        """Run a stage, or load the teacher that it would come to; yields the history's rows."""
        key = None if self.cache is None else key_of_teacher(self.context, self.cache.about, index)
        if self.cache is None or key is None:
            yield from self._compute(index, stage, done)
            return
        teacher = self.context.networks["teacher"]
        with self.cache.one_at_a_time(key):
            found = None if done else read_teacher(self.cache, key, teacher.state_dict())
            if found is None:
                yield from self._compute(index, stage, done)
                write_teacher(self.cache, key, self._trained_teacher(stage))
                return
        teacher.load_state_dict(found.network)
        self.progress.losses |= found.losses
        self.progress.history.extend(found.rows)
        self.progress.reused.append(stage.name)
        self.progress.save(self.checkpointer, self.context.networks, stage=index + 1)
        yield from found.rows

    def _compute(self, index: int, stage: StagePlan, done: int) -> Iterator[dict[str, Any]]:
        if isinstance(stage, FitPlan):
            row = fit_stage(self.context, stage)
            self.progress.history.append(row)
            if self.context.leads:
                self.progress.save(self.checkpointer, self.context.networks, stage=index + 1)
            yield row
        elif isinstance(stage, CrossFitPlan):
            runs = yield from self._cross_fit(stage)
            self.progress.history.extend(mean_history([run.progress.history for run in runs], stage.name))
            for number, run in enumerate(runs):
                self.progress.reused += [f"{name}, inner fold {number}" for name in run.progress.reused]
            if self.context.leads:
                self.progress.save(self.checkpointer, self.context.networks, stage=index + 1)
        elif isinstance(stage, TrainPlan):
            state = self.progress.training if done else None
            yield from train_stage(self.context, stage, self._callbacks(index, stage), done=done, state=state)

    def _cross_fit(self, plan: CrossFitPlan) -> Generator[dict[str, Any], None, list[FoldRun]]:
        """Train the teachers of the inner folds, which then teach in place of the teacher; yields rows of progress."""
        networks, folds, runs = [], [], []
        warnings: list[str] = []
        for number, (inner, held) in enumerate(inner_contexts(self.context, plan)):
            run = FoldRun(inner, self._inner_checkpointer(inner.name), cache=self.cache, callbacks=self.callbacks)
            for event in run.events():
                if isinstance(event, EpochEnded):
                    done = number * plan.epochs // plan.folds + event.done
                    yield {**event.losses, "epoch": done, "lr": event.lr, "seconds": event.seconds}
                elif isinstance(event, TeacherCacheFailed):
                    warnings.append(event.reason)
            networks.append(inner.networks["teacher"])
            folds.append(held)
            runs.append(run)
        unlabelled = np.setdiff1d(self.context.rows_of("teacher"), np.concatenate(folds))
        if len(unlabelled):  # no teacher learned from them, so the one that learned from all others teaches them
            networks.append(self.context.networks["teacher"])
            folds = with_unlabelled(folds, unlabelled, self.context.source.cohort.patients)
        teacher = CrossFittedTeacher(networks, folds, self.context.source.cohort.rows_of)
        self.context = replace(self.context, cross_fitted=teacher.to(self.context.fabric.device))
        if self.cache is not None:
            self.cache.warnings.extend(warnings)  # reported after the stage, as those of other stages
        return runs

    def _inner_checkpointer(self, name: str) -> Checkpointer | None:
        if self.checkpointer is None:
            return None
        return Checkpointer(self.checkpointer.path.with_name(f"{name}.pt"), self.checkpointer.identity)

    def _callbacks(self, index: int, stage: TrainPlan) -> Sequence[Callback]:
        """The recipe's callbacks, then those that measure, then the one that writes checkpoints."""
        experiment, context = self.context.experiment, self.context
        own: list[Callback] = [*(choice.build() for choice in experiment.callbacks), *self.callbacks]
        trains_student = any(path.partition(".")[0] == "student" for path in stage.train)
        measuring: list[Callback] = []
        if context.leads and experiment.recipe.diagnostics:
            rows = context.rows_of("teacher")
            measuring.append(Diagnostics(context.source, rows, context.prepare, batch_size=stage.batch_size))
        if context.leads and trains_student and len(context.validation):
            measuring.append(BestEpoch(context, self.progress, final=index == len(experiment.schedule) - 1))
        if context.leads and trains_student and self.watch is not None:
            measuring.append(self.watch)
        return [*own, *measuring, Checkpoints(context, self.progress, self.checkpointer, stage=index, stateful=own)]

    def _trained_teacher(self, stage: StagePlan) -> TrainedTeacher:
        losses = {name: value for name, value in self.progress.losses.items() if name.startswith(f"{stage.name}.")}
        rows = [row for row in self.progress.history if row["stage"] == stage.name]
        return TrainedTeacher(self.context.networks["teacher"].state_dict(), losses, rows)

    def _cache_warnings(self) -> Iterator[TeacherCacheFailed]:
        if self.cache is None:
            return
        self.cache.trim()
        while self.cache.warnings:
            yield TeacherCacheFailed(self.context.name, self.cache.warnings.pop(0))

    def _ended(self, index: int, row: Mapping[str, Any]) -> EpochEnded:
        stage, epoch = self.context.experiment.schedule[index], row["epoch"]
        return EpochEnded(
            fold=self.context.name,
            stage=stage.name,
            epoch=epoch,
            done=self._epochs_before(index) + epoch,
            losses={name: value for name, value in row.items() if name not in _NOT_LOSSES},
            lr=row.get("lr", 0.0),
            seconds=row["seconds"],
        )

    def _epochs_before(self, index: int) -> int:
        return sum(stage.epochs for stage in self.context.experiment.schedule[:index])


_NOT_LOSSES = frozenset({"stage", "epoch", "seconds", "lr", "taught", "smoothing"})
