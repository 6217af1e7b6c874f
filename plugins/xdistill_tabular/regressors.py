"""Forests and boosted trees that predict numbers."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from xdistill.interfaces.component import Settings
from xdistill_tabular.boosted import BoostedTrees
from xdistill_tabular.trees import SEEDS, Trees


class ForestRegressor(Trees):
    """A random forest of regression trees (Breiman 2001) as scikit-learn grows it; no scaling is needed.

    Its outputs are scikit-learn's ``predict``, the mean over the trees, of standardised targets.
    """

    name = "forest_regressor"
    tasks = ("regression",)
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
        max_features: Annotated[float, Field(gt=0, le=1)] = Field(
            default=1 / 3, description="share of the inputs that each split chooses from"
        )

    def fit(
        self, inputs: Float[Tensor, "subjects inputs"], target: Float[Tensor, "subjects targets"], *, seed: int
    ) -> None:
        """Grow the trees on all training subjects."""
        from sklearn.ensemble import RandomForestRegressor

        forest = RandomForestRegressor(
            n_estimators=self.config.trees,
            max_depth=self.config.max_depth,
            min_samples_leaf=self.config.min_leaf,
            max_features=self.config.max_features,
            random_state=seed % SEEDS,
            n_jobs=1,
        )
        wanted = target.detach().cpu().double().numpy()
        forest.fit(inputs.detach().cpu().float().numpy(), wanted[:, 0] if wanted.shape[1] == 1 else wanted)
        trees = [tree.tree_ for tree in forest.estimators_]
        self.keep(trees, [tree.value[:, :, 0] for tree in trees])

    def logits(self, mean: Float[Tensor, "batch targets"]) -> Float[Tensor, "batch targets"]:
        """The mean over the trees."""
        return mean.float()


class BoostedRegressor(BoostedTrees):
    """Gradient-boosted regression trees (Friedman 2001) as scikit-learn grows them; no scaling is needed.

    Its outputs are the ``predict`` of scikit-learn's `GradientBoostingRegressor`, of standardised targets.
    """

    name = "boosted_regressor"
    tasks = ("regression",)

    def fit(
        self, inputs: Float[Tensor, "subjects inputs"], target: Float[Tensor, "subjects targets"], *, seed: int
    ) -> None:
        """Grow the trees on all training subjects, for each target by itself."""
        from sklearn.ensemble import GradientBoostingRegressor

        values = inputs.detach().cpu().float().numpy()
        wanted = target.detach().cpu().double().numpy()
        trees, sums = [], []
        for place in range(self.classes):
            model = GradientBoostingRegressor(
                n_estimators=self.config.rounds,
                learning_rate=self.config.learning_rate,
                max_depth=self.config.max_depth,
                min_samples_leaf=self.config.min_leaf,
                subsample=self.config.subsample,
                random_state=seed % SEEDS,
            )
            model.fit(values, wanted[:, place])
            for (tree,) in model.estimators_:
                own = np.zeros((tree.tree_.node_count, self.classes))
                own[:, place] = tree.tree_.value[:, 0, 0]
                trees.append(tree.tree_)
                sums.append(own)
            self.start[place] = float(wanted[:, place].mean())
        # `forward` takes the mean over all trees.
        self.keep(trees, [len(trees) * self.config.learning_rate * own for own in sums])
