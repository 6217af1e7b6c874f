"""Sound parts of networks, and ways to break them: each is caught by one check alone.

A part computes a linear map. What breaks it is mixed in: it changes the values that come in, the hidden ones, or what
belongs to the part.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from xdistill.interfaces import Encoder, Encoding, Estimator, Fusion, Student, Teacher
from xdistill.types import Output


class Part:
    """Nothing is broken."""

    def furnish(self):
        """What else belongs to the part."""

    def prepare(self, values):
        """Look at the values that come in."""
        return values

    def twist(self, hidden):
        """Change the hidden values, ``(batch, width)``."""
        return hidden


class SizeMatters(Part):
    """Divides by the number of subjects."""

    def twist(self, hidden):
        return hidden / len(hidden)


class OthersMatter(Part):
    """Compares each subject with the batch's mean, in eval mode too."""

    def twist(self, hidden):
        return hidden + hidden.mean(0, keepdim=True)


class PlaceMatters(Part):
    """Adds a number for the place in the batch, and none for the first."""

    def twist(self, hidden):
        return hidden + 0.1 * torch.arange(len(hidden))[:, None]


class Drifts(Part):
    """Changes a little with every call, in eval mode too."""

    def furnish(self):
        self.calls = 0

    def twist(self, hidden):
        self.calls += 0 if self.training else 1
        return hidden + 1e-6 * self.calls


class NeedsSeveral(Part):
    """Cannot be trained on one subject, and does not say so in words."""

    def twist(self, hidden):
        if self.training and len(hidden) == 1:
            raise ValueError("Expected more than 1 value per channel when training")
        return hidden


class DeadLayer(Part):
    """Owns a layer that it does not use."""

    def furnish(self):
        self.forgotten = nn.Linear(2, 2)


class LostState(Part):
    """Keeps what it drew at random outside of its state."""

    def furnish(self):
        self.offset = torch.rand(()).item()

    def twist(self, hidden):
        return hidden + self.offset


class FullPrecisionOnly(Part):
    """Goes through a library that has no bfloat16."""

    def twist(self, hidden):
        return hidden + 0 * float(hidden.detach().numpy().sum())

    def prepare(self, values):
        values.detach().numpy()
        return values


class InPlace(Part):
    """Clips the values where they lie."""

    def prepare(self, values):
        return values.clamp_(-100, 0.5)


class WrongWidth(Part):
    """Says another width than it has."""

    wider = 1


class NoZeros(Part):
    """Divides by the length of the input."""

    def prepare(self, values):
        flat = values.flatten(1)
        return (flat / flat.norm(dim=1, keepdim=True)).reshape(values.shape)


class Line(Part, Encoder):
    """A linear map of one modality."""

    name = "line"
    wider = 0

    def __init__(self, config, *, inputs):
        super().__init__(config, inputs=inputs)
        ((self.modality, spec),) = inputs.items()
        self.linear = nn.Linear(spec.shape[0], 4)
        self.width = 4 + self.wider
        self.furnish()

    def forward(self, inputs, present):
        return Encoding(self.twist(self.linear(self.prepare(inputs[self.modality]))))


class Joined(Part, Fusion):
    """A linear map of all vectors."""

    name = "joined"
    wider = 0

    def __init__(self, config, *, branches):
        super().__init__(config, branches=branches)
        self.linear = nn.Linear(sum(spec.width for spec in branches.values()), 4)
        self.width = 4 + self.wider
        self.furnish()

    def forward(self, encodings):
        vectors = [self.prepare(encodings[name].vector) for name in self.branches]
        return self.twist(self.linear(torch.cat(vectors, dim=1)))


class Whole(Part, Teacher, Student):
    """A linear map of two modalities; its tap is what it makes of them."""

    name = "whole"
    wider = 0

    def __init__(self, config, *, schema):
        super().__init__(config, schema=schema)
        self.inputs = ("table", "picture")
        self.linear = nn.Linear(5 + 256, 4)
        self.head = nn.Linear(4, len(schema.classes) + self.wider)
        self.furnish()

    def read(self, batch):
        return [self.prepare(batch.inputs[name]).flatten(1) for name in self.inputs]

    def forward(self, batch):
        hidden = self.twist(self.linear(torch.cat(self.read(batch), dim=1)))
        return Output(self.head(hidden), features={"hidden": hidden})


class Greedy(Whole):
    """Reads a modality that it did not ask for."""

    def read(self, batch):
        return [*super().read(batch)[:1], batch.inputs["scan"].flatten(1)[:, :256]]


class Stranger(Whole):
    """Asks for a modality that no cohort has to have."""

    def __init__(self, config, *, schema):
        super().__init__(config, schema=schema)
        self.inputs = ["table", "picture"]


class Ignores(Whole):
    """Asks for a modality and does nothing with it."""

    def read(self, batch):
        table, picture = super().read(batch)
        return [table, 0 * picture]


class KnowsYou(Whole):
    """Recognises a subject by its id."""

    def forward(self, batch):
        output = super().forward(batch)
        known = torch.tensor([[float(subject == "subject-2")] for subject in batch.subjects])
        return replace(output, logits=output.logits + known)


class OtherTaps(Whole):
    """Has a tap in training that it does not have in eval mode."""

    def forward(self, batch):
        output = super().forward(batch)
        return replace(output, features={**output.features, "more": output.logits}) if self.training else output


class Nearest(Part, Estimator):
    """The class whose mean is nearest."""

    name = "nearest"
    wider = 0

    def __init__(self, config, *, inputs, classes):
        super().__init__(config, inputs=inputs, classes=classes)
        self.register_buffer("means", torch.zeros(classes + self.wider, inputs))
        self.furnish()

    def fit(self, inputs, target, *, seed):
        del seed
        means = [inputs[target == place].mean(0) for place in range(self.classes)]
        self.means.copy_(torch.stack([*means, *means[: self.wider]]))

    def forward(self, inputs):
        return self.twist(-torch.cdist(self.prepare(inputs).float(), self.means))


class OtherTraced(Nearest):
    """What is exported of it takes the squared distance."""

    def traceable(self):
        return Squared(self.means)


class Squared(nn.Module):
    def __init__(self, means):
        super().__init__()
        self.register_buffer("means", means.clone())

    def forward(self, inputs):
        return -torch.cdist(inputs.float(), self.means).square()


class Gradients(Nearest):
    """Leaves its means to gradients."""

    def furnish(self):
        self.means = nn.Parameter(torch.zeros(self.classes, self.inputs))

    def fit(self, inputs, target, *, seed):
        with torch.no_grad():
            super().fit(inputs, target, seed=seed)


class StartsAnywhere(Nearest):
    """Takes what is random from elsewhere than the seed."""

    def fit(self, inputs, target, *, seed):
        super().fit(inputs, target, seed=seed)
        self.means.add_(1e-3 * torch.rand(()))


class CentresInPlace(Nearest):
    """Centres the training subjects where they lie."""

    def fit(self, inputs, target, *, seed):
        super().fit(inputs, target, seed=seed)
        inputs.sub_(inputs.mean(0))


class LearnsNothing(Nearest):
    """Mixes the classes up."""

    def fit(self, inputs, target, *, seed):
        super().fit(inputs, (target + 1) % self.classes, seed=seed)


def mixed(way, part):
    """A part that is broken in one way."""
    return type(f"{way.__name__}{part.__name__}", (way, part), {"__doc__": way.__doc__})
