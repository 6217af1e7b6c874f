"""Gradient-boosted trees as buffers."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from xdistill.interfaces.component import Settings
from xdistill_tabular.trees import SEEDS, Trees


class BoostedTrees(Trees):
    """Gradient-boosted trees (Friedman 2001) as scikit-learn grows them; no scaling is needed.

    The softmax of its logits is the ``predict_proba`` of scikit-learn's `GradientBoostingClassifier`.
    """

    name = "boosted_trees"
    config: Config
    start: Tensor

    class Config(Settings):
        """How many trees, and how they are grown."""

        rounds: Annotated[int, Field(ge=1, le=100_000)] = Field(
            default=100, description="rounds of boosting, each of which grows a tree per class or target"
        )
        learning_rate: Annotated[float, Field(gt=0, le=1)] = Field(default=0.1, description="factor of each tree")
        max_depth: Annotated[int, Field(ge=1)] = Field(default=3, description="maximum depth of a tree")
        min_leaf: Annotated[int, Field(ge=1)] = Field(
            default=1, description="minimum number of training subjects per leaf"
        )
        subsample: Annotated[float, Field(gt=0, le=1)] = Field(
            default=1.0, description="fraction of the training subjects that each round draws"
        )

    def __init__(self, config: Config, *, inputs: int, classes: int) -> None:
        super().__init__(config, inputs=inputs, classes=classes)
        self.register_buffer("start", torch.zeros(classes))

    def fit(self, inputs: Float[Tensor, "subjects inputs"], target: Int[Tensor, " subjects"], *, seed: int) -> None:
        """Grow the trees on all training subjects."""
        from sklearn.ensemble import GradientBoostingClassifier

        model = GradientBoostingClassifier(
            n_estimators=self.config.rounds,
            learning_rate=self.config.learning_rate,
            max_depth=self.config.max_depth,
            min_samples_leaf=self.config.min_leaf,
            subsample=self.config.subsample,
            random_state=seed % SEEDS,
        )
        values = inputs.detach().cpu().float().numpy()
        model.fit(values, target.cpu().numpy())
        grown = [(tree.tree_, column) for row in model.estimators_ for column, tree in enumerate(row)]
        count = len(grown) * self.config.learning_rate
        self.keep([tree for tree, _ in grown], [count * self._of_class(tree, column) for tree, column in grown])
        first = torch.from_numpy(values[:1]).to(self.share.device)
        scores = np.atleast_2d(model.decision_function(values[:1]).reshape(1, -1))
        if self.classes == 2:  # noqa: PLR2004 - scikit-learn scores the second class alone
            scores = np.concatenate([np.zeros((1, 1)), scores], axis=1)
        self.start = torch.zeros_like(self.start)
        without = self.forward(first).double().cpu()
        self.start = (torch.from_numpy(scores) - without)[0].float().to(self.share.device)

    def _of_class(self, tree: Any, column: int) -> NDArray[np.float64]:
        """The values of a tree's nodes in the column of its class, ``(nodes, classes)``."""
        values = np.zeros((tree.node_count, self.classes))
        values[:, column if self.classes > 2 else 1] = tree.value[:, 0, 0]  # noqa: PLR2004 - see above
        return values

    def logits(self, mean: Float[Tensor, "batch classes"]) -> Float[Tensor, "batch classes"]:
        """The trees' sum, from the classes' shares on."""
        return (mean + self.start).float()
