"""A network with batch norm and a loss that compares subjects, computed by one process or by several."""

from __future__ import annotations

import torch
from torch import nn

from xdistill.distributed.sharding import ShardedForward
from xdistill.training.forward import Forward
from xdistill.training.model import DistillationModel, Opaque
from xdistill.types import Batch, Output


class Network(nn.Module):
    """Convolution, batch norm with and without weights, and a part that the objective does not use."""

    inputs = ("image",)

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, affine=False)
        )
        self.head = nn.Linear(4, 2)
        self.unused = nn.Linear(4, 2)

    def forward(self, batch):
        features = self.layers(batch.inputs["image"]).mean(dim=(2, 3))
        return Output(self.head(features), {"tap": features}, {"unused": self.unused(features)})


class Similarity(nn.Module):
    """How alike all pairs of subjects are after a map that the objective learns, and a random number of its own."""

    roles = ("student",)
    needs_grad = False
    active = ()

    def __init__(self):
        super().__init__()
        self.map = nn.Linear(4, 4)

    def total(self, values):
        return values["similarity"]

    def sizes(self, labels, batch, taught=None):
        return dict.fromkeys(labels, len(batch))

    def forward(self, outputs, batch, taught=None):
        mapped = self.map(outputs["student"].features["tap"])
        total = (mapped @ mapped.T).softmax(dim=1).pow(2).sum() * (1 + torch.rand(()))
        total = total + nn.functional.cross_entropy(outputs["student"].logits, batch.target)
        return {"similarity": total}


def computed(fabric, subjects):
    """The total, all gradients and all buffers after one step over so many subjects, and the logits."""
    torch.manual_seed(1)
    network, objective = Network(), Similarity()
    compute = Forward() if fabric.world_size == 1 else ShardedForward(fabric.device, seed=0)
    model = DistillationModel({"student": network}, objective, ["student"], forward=compute)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    wrapped, _ = fabric.setup(model, optimizer, move_to_device=False)
    batch = Batch(
        inputs={"image": 50 + torch.randn(subjects, 1, 7, 7)},
        present={"image": torch.ones(subjects, dtype=torch.bool)},
        subjects=tuple(f"s{place}" for place in range(subjects)),
        target=torch.arange(subjects) % 2,
    )
    compute.begin(0)
    total, *_ = wrapped(Opaque(batch))
    fabric.backward(total)
    gradients = {name: value.grad for name, value in model.named_parameters() if value.grad is not None}
    return float(total.detach()), gradients, dict(model.named_buffers())
