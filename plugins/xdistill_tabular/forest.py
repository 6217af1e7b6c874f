"""A random forest whose trees are buffers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from xdistill.errors import SettingsError
from xdistill.interfaces.component import Settings
from xdistill.interfaces.fitted import Estimator

_SEEDS = 2**32  # scikit-learn draws from generators that take 32 bits
_NODES = ("roots", "feature", "threshold", "left", "right", "share")


class RandomForest(Estimator):
    """A random forest (Breiman 2001) as scikit-learn grows it; no scaling is needed.

    The softmax of its logits is scikit-learn's ``predict_proba``, the mean of the trees' class shares. How many nodes
    the trees have is known only once they are grown: until then, the buffers hold one tree of one leaf.
    """

    name = "random_forest"
    config: Config
    roots: Tensor
    feature: Tensor
    threshold: Tensor
    left: Tensor
    right: Tensor
    share: Tensor

    class Config(Settings):
        """How many trees, and how they are grown."""

        trees: Annotated[int, Field(ge=1, le=100_000)] = Field(default=500, description="number of trees")
        max_depth: Annotated[int, Field(ge=1)] | None = Field(
            default=None, description="splits between root and leaf at most; null: until leaves are pure"
        )
        min_leaf: Annotated[int, Field(ge=1)] = Field(default=1, description="training subjects of a leaf at least")
        max_features: Literal["sqrt", "log2"] | Annotated[float, Field(gt=0, le=1)] = Field(
            default="sqrt", description="how many inputs each split chooses from; a number is a share of them"
        )
        class_weight: Literal["balanced"] | None = Field(
            default=None,
            description="balanced: classes count alike, however many subjects they have; null: subjects do",
        )

    def __init__(self, config: Config, *, inputs: int, classes: int) -> None:
        super().__init__(config, inputs=inputs, classes=classes)
        if inputs == 0:
            raise SettingsError(f"{self.name} has no inputs to learn from")
        self.register_buffer("roots", torch.zeros(1, dtype=torch.int64))
        self.register_buffer("feature", torch.zeros(1, dtype=torch.int64))
        self.register_buffer("threshold", torch.zeros(1))
        self.register_buffer("left", torch.zeros(1, dtype=torch.int64))
        self.register_buffer("right", torch.zeros(1, dtype=torch.int64))
        self.register_buffer("share", torch.full((1, classes), 1 / classes))

    def fit(self, inputs: Float[Tensor, "subjects inputs"], target: Int[Tensor, " subjects"], *, seed: int) -> None:
        """Grow the trees on all training subjects."""
        from sklearn.ensemble import RandomForestClassifier

        forest = RandomForestClassifier(
            n_estimators=self.config.trees,
            max_depth=self.config.max_depth,
            min_samples_leaf=self.config.min_leaf,
            max_features=self.config.max_features,
            class_weight=self.config.class_weight,
            random_state=seed % _SEEDS,
            n_jobs=1,
        )
        forest.fit(inputs.detach().cpu().float().numpy(), target.cpu().numpy())
        device = self.share.device
        for name, values in _flattened([tree.tree_ for tree in forest.estimators_]).items():
            setattr(self, name, torch.from_numpy(values).to(device))

    def forward(self, inputs: Float[Tensor, "batch inputs"]) -> Float[Tensor, "batch classes"]:
        """The logarithm of the mean class shares; every subject walks down all trees at once."""
        values = inputs.float()
        node = self.roots.expand(len(values), -1)
        while True:
            smaller = values.gather(1, self.feature[node]) <= self.threshold[node]
            below = torch.where(smaller, self.left[node], self.right[node])
            if torch.equal(below, node):
                break
            node = below
        # In double precision, so that the mean over many trees is scikit-learn's where the device has it.
        exact = self.share if self.share.device.type == "mps" else self.share.double()
        mean = torch.stack([exact[leaves].mean(dim=0) for leaves in node]) if len(node) else exact[:0]
        return _logarithm(mean)

    def traceable(self) -> nn.Module:
        """The same with as many steps as the deepest tree has splits, whatever the values."""
        return _FixedSteps(self)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *arguments: Any) -> None:
        """Make room for the trees that come, whose number of nodes is theirs alone."""
        for name in _NODES:
            coming = state_dict.get(prefix + name)
            own: Tensor = getattr(self, name)
            if isinstance(coming, Tensor) and coming.shape[1:] == own.shape[1:]:
                setattr(self, name, own.new_zeros(coming.shape))
        super()._load_from_state_dict(state_dict, prefix, *arguments)


class _FixedSteps(nn.Module):
    """Walks down all trees of a forest, with one step for each split between the roots and the deepest leaf."""

    roots: Tensor
    feature: Tensor
    threshold: Tensor
    left: Tensor
    right: Tensor
    share: Tensor

    def __init__(self, forest: RandomForest) -> None:
        super().__init__()
        for name in _NODES:
            self.register_buffer(name, getattr(forest, name).cpu())
        self.steps = _depth(self.roots, self.left, self.right)

    def forward(self, inputs: Float[Tensor, "batch inputs"]) -> Float[Tensor, "batch classes"]:
        """As `RandomForest.forward`."""
        values = inputs.float()
        node = self.roots.expand(values.shape[0], -1)
        for _ in range(self.steps):
            smaller = values.gather(1, self.feature[node]) <= self.threshold[node]
            node = torch.where(smaller, self.left[node], self.right[node])
        return _logarithm(self.share.double()[node].mean(dim=1))


def _depth(roots: Tensor, left: Tensor, right: Tensor) -> int:
    """Splits between a root and a leaf, at most."""
    depth, level = 0, roots
    while True:
        inner = level[left[level] != level]
        if not len(inner):
            return depth
        level = torch.cat([left[inner], right[inner]])
        depth += 1


def _logarithm(share: Tensor) -> Tensor:
    return share.float().clamp(min=torch.finfo(torch.float32).tiny).log()


def _flattened(trees: Sequence[Any]) -> dict[str, NDArray[Any]]:
    """All trees' nodes one after the other; a leaf's children are the leaf itself."""
    counts = [tree.node_count for tree in trees]
    roots = np.cumsum([0, *counts[:-1]])
    leaf = np.concatenate([tree.children_left < 0 for tree in trees])
    itself = np.arange(len(leaf))
    left = np.concatenate([root + tree.children_left for root, tree in zip(roots, trees, strict=True)])
    right = np.concatenate([root + tree.children_right for root, tree in zip(roots, trees, strict=True)])
    share = np.concatenate([tree.value[:, 0, :] for tree in trees])
    return {
        "roots": roots.astype(np.int64),
        "feature": np.where(leaf, 0, np.concatenate([tree.feature for tree in trees])).astype(np.int64),
        "threshold": _rounded_down(np.concatenate([tree.threshold for tree in trees])),
        "left": np.where(leaf, itself, left).astype(np.int64),
        "right": np.where(leaf, itself, right).astype(np.int64),
        "share": (share / share.sum(axis=1, keepdims=True)).astype(np.float32),
    }


def _rounded_down(threshold: NDArray[np.float64]) -> NDArray[np.float32]:
    """The largest float32 that is not above: no float32 input lies between the two, so that all walk the same way."""
    near = threshold.astype(np.float32)
    return np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near).astype(np.float32)
