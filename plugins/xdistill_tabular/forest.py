"""A random forest whose trees are buffers."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor

from xdistill.interfaces.component import Settings
from xdistill_tabular.trees import SEEDS, Trees


class RandomForest(Trees):
    """A random forest (Breiman 2001) as scikit-learn grows it; no scaling is needed.

    The softmax of its logits is scikit-learn's ``predict_proba``, the mean of the trees' class shares. How many nodes
    the trees have is known only once they are grown: until then, the buffers hold one tree of one leaf.
    """

    name = "random_forest"
    config: Config

    class Config(Settings):
        """How many trees, and how they are grown."""

        trees: Annotated[int, Field(ge=1, le=100_000)] = Field(default=500, description="number of trees")
        max_depth: Annotated[int, Field(ge=1)] | None = Field(
            default=None, description="maximum depth of a tree; null: until leaves are pure"
        )
        min_leaf: Annotated[int, Field(ge=1)] = Field(
            default=1, description="minimum number of training subjects per leaf"
        )
        max_features: Literal["sqrt", "log2"] | Annotated[float, Field(gt=0, le=1)] = Field(
            default="sqrt", description="how many inputs each split chooses from; a number is a share of them"
        )
        class_weight: Literal["balanced"] | None = Field(
            default=None,
            description="balanced: every class has the same total weight; null: every subject has the same weight",
        )

    def fit(self, inputs: Float[Tensor, "subjects inputs"], target: Int[Tensor, " subjects"], *, seed: int) -> None:
        """Grow the trees on all training subjects."""
        from sklearn.ensemble import RandomForestClassifier

        forest = RandomForestClassifier(
            n_estimators=self.config.trees,
            max_depth=self.config.max_depth,
            min_samples_leaf=self.config.min_leaf,
            max_features=self.config.max_features,
            class_weight=self.config.class_weight,
            random_state=seed % SEEDS,
            n_jobs=1,
        )
        forest.fit(inputs.detach().cpu().float().numpy(), target.cpu().numpy())
        trees = [tree.tree_ for tree in forest.estimators_]
        self.keep(trees, [tree.value[:, 0, :] / tree.value[:, 0, :].sum(axis=1, keepdims=True) for tree in trees])

    def logits(self, mean: Float[Tensor, "batch classes"]) -> Float[Tensor, "batch classes"]:
        """The logarithm of the mean class shares."""
        return mean.float().clamp(min=torch.finfo(torch.float32).tiny).log()
