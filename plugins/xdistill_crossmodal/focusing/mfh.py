"""The data set ``mfh``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from xdistill.interfaces import Dataset, DatasetFacts, Settings, SubjectRow
from xdistill.types import ModalitySpec, Schema

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

Count = Annotated[int, Field(ge=0, le=10_000)]


class FocusingGaussians(Dataset):
    r"""The Gaussian experiment of the modality focusing hypothesis: two vectors that share some decisive features.

    .. math::
        x &\sim N(0, I), \quad y = [\langle \delta, x \rangle > 0], \\
        x^b &= (x_1, \dots, x_{d_b}, \text{noise}), \quad
        x^a = (x_{d_b - s + 1}, \dots, x_{d_b - s + d_a}, \text{noise}), \quad
        \gamma = \frac{s}{d_a + d_b - s}

    with s shared (modality-general) decisive features; gamma is their share of those that are seen. The student reads
    ``b``, and ``a`` is privileged. After Xue, Gao, Ren and Zhao, The modality focusing hypothesis, ICLR 2023,
    figure 2. In ``a`` the shared features come first, in ``b`` they are the last decisive ones.

    Inferred: in the official code the labels depend on twenty features throughout, so that ``shared`` of them are in
    neither modality; ``unseen`` is their number. δ is normal, or all ones in the experiment of table 2. With more than
    two classes, which the paper does not have, the class is that of the largest of as many projections.

    The first subjects are the training part of the official split, the rest is its test part.
    """

    name = "mfh"

    class Config(Settings):
        """Numbers of features and of subjects."""

        shared: Count = Field(default=10, description="decisive features that both modalities have")
        decisive_a: Count = Field(default=10, description="decisive features of the privileged modality")
        decisive_b: Count = Field(default=10, description="decisive features of the student's modality")
        unseen: Count | None = Field(
            default=None, description="decisive features that neither modality has; null: as many as are shared"
        )
        features_a: Annotated[int, Field(ge=1, le=10_000)] = Field(default=25, description="length of a")
        features_b: Annotated[int, Field(ge=1, le=10_000)] = Field(default=50, description="length of b")
        direction: Literal["normal", "ones"] = Field(default="normal", description="delta: drawn, or all ones")
        classes: Annotated[int, Field(ge=2, le=100)] = Field(default=2, description="number of classes")
        train: Annotated[int, Field(ge=4, le=1_000_000)] = Field(default=200, description="training subjects")
        test: Annotated[int, Field(ge=4, le=1_000_000)] = Field(default=1000, description="test subjects")
        seed: Annotated[int, Field(ge=0)] = Field(default=0, description="seed of delta and of all subjects")

        @model_validator(mode="after")
        def _fits(self) -> FocusingGaussians.Config:
            if self.shared > min(self.decisive_a, self.decisive_b):
                raise ValueError("`shared` is larger than `decisive_a` or `decisive_b`; lower it")
            if self.decisive_a > self.features_a or self.decisive_b > self.features_b:
                raise ValueError("more features are decisive than there are; raise `features_a` or `features_b`")
            if self.decisive_a + self.decisive_b == 0:
                raise ValueError("there is no decisive feature; raise `decisive_a` or `decisive_b`")
            if self.direction == "ones" and self.classes > 2:  # noqa: PLR2004 - two classes need one projection
                raise ValueError("with `direction: ones` all projections are equal; use two classes")
            return self

    config: Config

    def __init__(self, config: Config) -> None:
        self.config = config

    @property
    def gamma(self) -> float:
        """The share of the seen decisive features that is in both modalities."""
        config = self.config
        return config.shared / (config.decisive_a + config.decisive_b - config.shared)

    def schema(self) -> Schema:
        """Two vectors."""
        return Schema(
            modalities={
                "a": ModalitySpec("vector", (self.config.features_a,)),
                "b": ModalitySpec("vector", (self.config.features_b,)),
            },
            classes=tuple(f"class_{number}" for number in range(self.config.classes)),
        )

    def index(self) -> Sequence[SubjectRow]:
        """Subjects ``train-000001`` and so on, then ``test-000001`` and so on."""
        return [
            SubjectRow(name, name, int(target)) for name, target in zip(self._names, self._generated[2], strict=True)
        ]

    def official_test(self) -> Sequence[str]:
        """The test subjects."""
        return self._names[self.config.train :]

    def load(self, row: int) -> Mapping[str, NDArray[np.generic] | None]:
        """Both vectors of one subject."""
        return {"a": self._generated[0][row], "b": self._generated[1][row]}

    def facts(self) -> DatasetFacts:
        """States that the subjects are generated."""
        return DatasetFacts(
            title=f"Two Gaussian modalities, {self.gamma:.2f} of whose decisive features are shared: "
            f"{self.config.train} generated subjects for training and {self.config.test} for testing",
            synthetic=True,
            source="Generated by xdistill after Xue et al., The modality focusing hypothesis, ICLR 2023; free to use.",
        )

    @property
    def _names(self) -> list[str]:
        parts = (("train", self.config.train), ("test", self.config.test))
        return [f"{part}-{number:06d}" for part, count in parts for number in range(1, count + 1)]

    @cached_property
    def _generated(self) -> tuple[Numbers, Numbers, NDArray[np.int64]]:
        """The modalities a and b, and the targets."""
        import numpy as np

        config = self.config
        generator = np.random.default_rng([config.seed, *b"mfh"])
        unseen = config.shared if config.unseen is None else config.unseen
        begin = config.decisive_b - config.shared  # of the privileged modality's decisive features
        count, projections = begin + config.decisive_a + unseen, 1 if config.classes == 2 else config.classes  # noqa: PLR2004
        delta = generator.standard_normal((count, projections)) if config.direction == "normal" else np.ones((count, 1))
        subjects = config.train + config.test
        decisive = generator.standard_normal((subjects, count))
        a, b = (generator.standard_normal((subjects, length)) for length in (config.features_a, config.features_b))
        a[:, : config.decisive_a] = decisive[:, begin : begin + config.decisive_a]
        b[:, : config.decisive_b] = decisive[:, : config.decisive_b]
        scores = decisive @ delta
        return a, b, (scores[:, 0] > 0).astype(np.int64) if projections == 1 else scores.argmax(axis=1)
