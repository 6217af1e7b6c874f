"""From a text to counts of its words, hashed: the words themselves go no further."""

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
    """How the words of a text are counted."""

    size: Annotated[int, Field(ge=2, le=2**20)] = Field(
        default=1024, description="numbers that words are hashed to; words of the same number are counted together"
    )
    longest: Annotated[int, Field(ge=1, le=5)] = Field(
        default=1, description="2: neighbouring words are counted as pairs too, and so on"
    )

    def spec(self) -> ModalitySpec:
        """The modality that `counts` gives."""
        return ModalitySpec("vector", (self.size,))


def counts(texts: Sequence[str], counting: Counting) -> NDArray[np.float64]:
    """How often each text has the words of each number, ``(texts, size)``.

    Words are what scikit-learn's ``HashingVectorizer`` takes for words: two letters or digits at least, lower case.
    The hash needs no vocabulary, so that nothing is learned from the texts and nothing of them is kept.
    """
    import numpy as np
    from sklearn.feature_extraction.text import HashingVectorizer

    hashing = HashingVectorizer(
        n_features=counting.size, ngram_range=(1, counting.longest), alternate_sign=False, norm=None
    )
    return np.asarray(hashing.transform(texts).toarray(), dtype=np.float64)
