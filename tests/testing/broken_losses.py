"""A sound loss of each kind, and for each check of their suites one that only this check catches."""

from __future__ import annotations

import torch
from torch import nn

from xdistill.interfaces import DistillationLoss, Settings, TaskLoss
from xdistill.types import Output


class Distance(DistillationLoss):
    """Squared differences of logits, and of features through an adapter."""

    name = "distance"

    class Config(Settings):
        taps: tuple[str, ...] = ("first",)

    def __init__(self, config, *, student, teacher):
        super().__init__(config, student=student, teacher=teacher)
        ours, theirs = (spec.features[config.taps[0]][0] for spec in (student, teacher))
        self.adapter = nn.Linear(ours, theirs)

    def compared(self, student, teacher):
        tap = self.config.taps[0]
        ours = self.adapter(
            student.features[tap].flatten(2).mean(2) if student.features[tap].ndim > 2 else student.features[tap]
        )
        theirs = teacher.features[tap].flatten(2).mean(2) if teacher.features[tap].ndim > 2 else teacher.features[tap]
        return (student.logits.float() - teacher.logits.float()).square(), (ours.float() - theirs.float()).square()

    def forward(self, student, teacher, batch):
        logits, features = self.compared(student, teacher)
        return logits.mean() + features.mean()


class Vector(Distance):
    """Forgets the mean over the batch."""

    def forward(self, student, teacher, batch):
        return sum(part.mean(1) for part in self.compared(student, teacher)) / len(batch)


class FlatMaps(Distance):
    """Knows vectors and pictures alone."""

    def forward(self, student, teacher, batch):
        if student.features["first"].ndim == 5:
            raise ValueError("expected 4-D input")
        return super().forward(student, teacher, batch)


class CutOff(Distance):
    """Detaches the wrong side."""

    def forward(self, student, teacher, batch):
        _, features = self.compared(student, teacher)
        cut = Output(student.logits.detach(), {tap: value.detach() for tap, value in student.features.items()})
        return features.mean() * 0 + super().forward(cut, teacher, batch)


class NeedsTwo(Distance):
    """Divides by the degrees of freedom."""

    def forward(self, student, teacher, batch):
        logits, features = self.compared(student, teacher)
        return logits.sum() / (len(logits) - 1) + features.mean()


class FullPrecisionOnly(Distance):
    """Goes through a library that has no bfloat16."""

    def forward(self, student, teacher, batch):
        return super().forward(student, teacher, batch) + 0 * float(student.logits.detach().numpy().sum())


class Root(Distance):
    """Takes a root whose slope at zero is infinite."""

    def forward(self, student, teacher, batch):
        logits, features = self.compared(student, teacher)
        return logits.mean() + features.mean() + student.features["first"].float().square().sum().sqrt()


class Overflow(Distance):
    """Exponentials without the usual care."""

    def forward(self, student, teacher, batch):
        probabilities = student.logits.float().exp() / student.logits.float().exp().sum(1, keepdim=True)
        return super().forward(student, teacher, batch) + probabilities.square().mean()


class FirstOnly(Distance):
    """Looks at the first subject more than at the others."""

    def forward(self, student, teacher, batch):
        logits, features = self.compared(student, teacher)
        return logits.mean() + features.mean() + logits[0].mean()


class InPlace(Distance):
    """Centres the teacher's logits where they lie."""

    def forward(self, student, teacher, batch):
        teacher.logits.sub_(teacher.logits.mean(1, keepdim=True))
        return super().forward(student, teacher, batch)


class DeadAdapter(Distance):
    """Owns a layer that it does not use."""

    def __init__(self, config, *, student, teacher):
        super().__init__(config, student=student, teacher=teacher)
        self.forgotten = nn.Linear(2, 2)


class LostState(Distance):
    """Keeps what it drew at random outside of its state."""

    def __init__(self, config, *, student, teacher):
        super().__init__(config, student=student, teacher=teacher)
        self.factor = torch.rand(())

    def forward(self, student, teacher, batch):
        return super().forward(student, teacher, batch) * self.factor


class WakesTheTeacher(Distance):
    """Wants a gradient of the teacher."""

    def forward(self, student, teacher, batch):
        if not teacher.logits.requires_grad and teacher.logits.is_leaf:
            teacher.logits.requires_grad_()
        return super().forward(student, teacher, batch)


class IgnoresTheTeacher(Distance):
    """Never looks at the teacher."""

    def forward(self, student, teacher, batch):
        zero = Output(
            torch.zeros_like(student.logits),
            {tap: torch.zeros_like(value) for tap, value in teacher.features.items()},
        )
        return super().forward(student, zero, batch)


class Same(DistillationLoss):
    """Squared differences, zero where nothing differs; equal lengths only."""

    name = "same"

    def __init__(self, config, *, student, teacher):
        from xdistill.errors import SettingsError

        super().__init__(config, student=student, teacher=teacher)
        if student.features != teacher.features:
            raise SettingsError("make them equal")

    def forward(self, student, teacher, batch):
        ours, theirs = student.features["first"].float(), teacher.features["first"].float()
        return (student.logits.float() - teacher.logits.float()).square().mean() + (ours - theirs).square().mean()


class Offset(Same):
    """Is not zero where it promised to be."""

    def forward(self, student, teacher, batch):
        return super().forward(student, teacher, batch) + 0.01


class BesideTheTeacher(Same):
    """Is smallest somewhere else."""

    def forward(self, student, teacher, batch):
        moved = Output(teacher.logits + 0.1, teacher.features)
        return super().forward(student, moved, batch)


class Stretches(Same):
    """Takes unequal lengths without a word, and fails in training."""

    def __init__(self, config, *, student, teacher):
        DistillationLoss.__init__(self, config, student=student, teacher=teacher)


class NoAdapter(Distance):
    """Promises to take unequal lengths, and does not."""

    def __init__(self, config, *, student, teacher):
        super().__init__(config, student=student, teacher=teacher)
        ours = student.features[config.taps[0]][0]
        self.adapter = nn.Linear(ours, ours)


class Doubled(Same):
    """Has another factor than its source."""

    def forward(self, student, teacher, batch):
        return 2 * super().forward(student, teacher, batch)


class Fit(TaskLoss):
    """Cross entropy with a learned temperature."""

    name = "fit"

    def __init__(self, config, *, output, training):
        super().__init__(config, output=output, training=training)
        self.temperature = nn.Parameter(torch.ones(()))

    def scored(self, output, batch):
        return nn.functional.cross_entropy(output.logits.float() * self.temperature, batch.target, reduction="none")

    def forward(self, output, batch):
        return self.scored(output, batch).mean()


class FitVector(Fit):
    """Forgets the mean over the batch."""

    def forward(self, output, batch):
        return self.scored(output, batch)


class FitFlatMaps(Fit):
    """Knows vectors and pictures alone."""

    def forward(self, output, batch):
        if output.features["first"].ndim == 5:
            raise ValueError("expected 4-D input")
        return super().forward(output, batch)


class FitCutOff(Fit):
    """Scores a copy that is cut off from the network."""

    def forward(self, output, batch):
        return super().forward(Output(output.logits.detach(), output.features), batch)


class FitNeedsTwo(Fit):
    """Divides by the degrees of freedom."""

    def forward(self, output, batch):
        return self.scored(output, batch).sum() / (len(batch) - 1)


class FitFullPrecisionOnly(Fit):
    """Goes through a library that has no bfloat16."""

    def forward(self, output, batch):
        return super().forward(output, batch) + 0 * float(output.logits.detach().numpy().sum())


class FitOverflow(Fit):
    """Exponentials without the usual care."""

    def forward(self, output, batch):
        logits = output.logits.float() * self.temperature
        probabilities = logits.exp() / logits.exp().sum(1, keepdim=True)
        return -probabilities.gather(1, batch.target[:, None]).log().mean()


class FitFirstOnly(Fit):
    """Looks at the first subject more than at the others."""

    def forward(self, output, batch):
        return super().forward(output, batch) + self.scored(output, batch)[0]


class FitInPlace(Fit):
    """Scales the inputs where they lie."""

    def forward(self, output, batch):
        batch.inputs["table"].mul_(0.5)
        return super().forward(output, batch)


class FitDeadLayer(Fit):
    """Owns a layer that it does not use."""

    def __init__(self, config, *, output, training):
        super().__init__(config, output=output, training=training)
        self.forgotten = nn.Linear(2, 2)


class FitLostState(Fit):
    """Keeps what it drew at random outside of its state."""

    def __init__(self, config, *, output, training):
        super().__init__(config, output=output, training=training)
        self.factor = torch.rand(()) + 0.5

    def forward(self, output, batch):
        return super().forward(output, batch) * self.factor


class FitBackwards(Fit):
    """Rewards wrong answers."""

    def forward(self, output, batch):
        return -super().forward(output, batch)


class FitDoubled(Fit):
    """Has another factor than its source."""

    def forward(self, output, batch):
        return 2 * super().forward(output, batch)
