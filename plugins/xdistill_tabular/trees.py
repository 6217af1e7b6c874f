"""Decision trees as buffers: all nodes one after the other, walked down by every subject at once."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn

from xdistill.errors import SettingsError
from xdistill.interfaces.component import Settings
from xdistill.interfaces.fitted import Estimator

SEEDS = 2**32  # scikit-learn draws from generators that take 32 bits
NODES = ("roots", "feature", "threshold", "left", "right", "share")


class Trees(Estimator):
    """Base of estimators that consist of trees; a subclass grows them and says what the leaves' values amount to.

    How many nodes the trees have is known only once they are grown: until then, the buffers hold one tree of one leaf.
    ``share`` is the value of each node, ``(nodes, classes)``.
    """

    roots: Tensor
    feature: Tensor
    threshold: Tensor
    left: Tensor
    right: Tensor
    share: Tensor

    def __init__(self, config: Settings, *, inputs: int, classes: int) -> None:
        super().__init__(config, inputs=inputs, classes=classes)
        if inputs == 0:
            raise SettingsError(f"{self.name} has no inputs to learn from")
        self.register_buffer("roots", torch.zeros(1, dtype=torch.int64))
        self.register_buffer("feature", torch.zeros(1, dtype=torch.int64))
        self.register_buffer("threshold", torch.zeros(1))
        self.register_buffer("left", torch.zeros(1, dtype=torch.int64))
        self.register_buffer("right", torch.zeros(1, dtype=torch.int64))
        self.register_buffer("share", torch.full((1, classes), 1 / classes))

    def keep(self, trees: Sequence[Any], values: Sequence[NDArray[np.float64]]) -> None:
        """Keep trees of scikit-learn.

        Args:
            trees: ``tree_`` of each.
            values: of the nodes of each, ``(nodes, classes)``.
        """
        device = self.share.device
        for name, array in _flattened(trees, values).items():
            setattr(self, name, torch.from_numpy(array).to(device))

    def leaves(self, values: Float[Tensor, "batch inputs"]) -> Int[Tensor, "batch trees"]:
        """The leaf of each subject in each tree."""
        node = self.roots.expand(len(values), -1)
        while True:
            smaller = values.gather(1, self.feature[node]) <= self.threshold[node]
            below = torch.where(smaller, self.left[node], self.right[node])
            if torch.equal(below, node):
                return node
            node = below

    def forward(self, inputs: Float[Tensor, "batch inputs"]) -> Float[Tensor, "batch classes"]:
        """Logits; every subject walks down all trees at once."""
        node = self.leaves(inputs.float())
        # In double precision, so that the sum over many trees is scikit-learn's where the device has it.
        exact = self.share if self.share.device.type == "mps" else self.share.double()
        mean = torch.stack([exact[leaves].mean(dim=0) for leaves in node]) if len(node) else exact[:0]
        return self.logits(mean)

    @abstractmethod
    def logits(self, mean: Float[Tensor, "batch classes"]) -> Float[Tensor, "batch classes"]:
        """Logits of the leaves' values, averaged over the trees."""

    def traceable(self) -> nn.Module:
        """The same with as many steps as the deepest tree has splits, whatever the values."""
        return _FixedSteps(self)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *arguments: Any) -> None:
        """Make room for the trees that come, whose number of nodes is theirs alone."""
        for name in NODES:
            coming = state_dict.get(prefix + name)
            own: Tensor = getattr(self, name)
            if isinstance(coming, Tensor) and coming.shape[1:] == own.shape[1:]:
                setattr(self, name, own.new_zeros(coming.shape))
        super()._load_from_state_dict(state_dict, prefix, *arguments)


class _FixedSteps(nn.Module):
    """Walks down all trees, with one step for each split between the roots and the deepest leaf."""

    def __init__(self, trees: Trees) -> None:
        super().__init__()
        self.trees = copy.deepcopy(trees).cpu()
        self.steps = _depth(trees.roots, trees.left, trees.right)

    def forward(self, inputs: Float[Tensor, "batch inputs"]) -> Float[Tensor, "batch classes"]:
        """As `Trees.forward`."""
        values, trees = inputs.float(), self.trees
        node = trees.roots.expand(values.shape[0], -1)
        for _ in range(self.steps):
            smaller = values.gather(1, trees.feature[node]) <= trees.threshold[node]
            node = torch.where(smaller, trees.left[node], trees.right[node])
        return trees.logits(trees.share.double()[node].mean(dim=1))


def _depth(roots: Tensor, left: Tensor, right: Tensor) -> int:
    """Splits between a root and a leaf, at most."""
    depth, level = 0, roots
    while True:
        inner = level[left[level] != level]
        if not len(inner):
            return depth
        level = torch.cat([left[inner], right[inner]])
        depth += 1


def _flattened(trees: Sequence[Any], values: Sequence[NDArray[np.float64]]) -> dict[str, NDArray[Any]]:
    """All trees' nodes one after the other; a leaf's children are the leaf itself."""
    counts = [tree.node_count for tree in trees]
    roots = np.cumsum([0, *counts[:-1]])
    leaf = np.concatenate([tree.children_left < 0 for tree in trees])
    itself = np.arange(len(leaf))
    left = np.concatenate([root + tree.children_left for root, tree in zip(roots, trees, strict=True)])
    right = np.concatenate([root + tree.children_right for root, tree in zip(roots, trees, strict=True)])
    return {
        "roots": roots.astype(np.int64),
        "feature": np.where(leaf, 0, np.concatenate([tree.feature for tree in trees])).astype(np.int64),
        "threshold": _rounded_down(np.concatenate([tree.threshold for tree in trees])),
        "left": np.where(leaf, itself, left).astype(np.int64),
        "right": np.where(leaf, itself, right).astype(np.int64),
        "share": np.concatenate(values).astype(np.float32),
    }


def _rounded_down(threshold: NDArray[np.float64]) -> NDArray[np.float32]:
    """The largest float32 that is not above: no float32 input lies between the two, so that all walk the same way."""
    near = threshold.astype(np.float32)
    return np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near).astype(np.float32)
