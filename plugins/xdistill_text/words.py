"""From a text to hashed counts of its words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from xdistill.interfaces import Settings
from xdistill.types import ModalitySpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Counting(Settings):
    """Settings of counting words."""

    size: Annotated[int, Field(ge=2, le=2**20)] = Field(
        default=1024, description="numbers that words are hashed to; words of the same number are counted together"
    )
    longest: Annotated[int, Field(ge=1, le=5)] = Field(
        default=1, description="2: neighbouring words are counted as pairs too, and so on"
    )

    def spec(self) -> ModalitySpec:
        """The modality that `counts` returns."""
        return ModalitySpec("vector", (self.size,))


def counts(texts: Sequence[str], counting: Counting) -> NDArray[np.float64]:
    """Hashed counts of the words of each text, ``(texts, size)``.

    Words are those of scikit-learn's ``HashingVectorizer``: at least two letters or digits, in lower case. The hash
    needs no vocabulary, so nothing is fitted on the texts and nothing of them is stored.
    """
    import numpy as np
    from sklearn.feature_extraction.text import HashingVectorizer

    hashing = HashingVectorizer(
        n_features=counting.size, ngram_range=(1, counting.longest), alternate_sign=False, norm=None
    )
    return np.asarray(hashing.transform(texts).toarray(), dtype=np.float64)
