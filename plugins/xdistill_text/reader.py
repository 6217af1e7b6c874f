"""Reads texts of new subjects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import ValidationError

from xdistill.errors import UserError
from xdistill.interfaces import Cell, Settings, SubjectReader
from xdistill_text.words import Counting, counts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Reading(Settings):
    """How texts are read: the counting of each modality, and its column."""

    texts: Mapping[str, Counting]
    columns: Mapping[str, str]
    subject: str


class TextReader(SubjectReader):
    """Counts the words of a table's cells as the data set does.

    Args:
        settings: what `Reading` dumped.

    Raises:
        UserError: if the settings are not valid.
    """

    def __init__(self, settings: Mapping[str, object]) -> None:
        try:
            self.reading = Reading.model_validate(settings)
        except ValidationError as error:
            raise UserError(f"the model's settings for reading texts are not valid: {error}") from None
        self.columns = self.reading.columns
        self.subject = self.reading.subject

    def read(self, modality: str, cell: Cell) -> NDArray[np.float64]:
        """The hashed counts of a text, ``(size,)``."""
        found: NDArray[np.float64] = counts([cell.text], self.reading.texts[modality])[0]
        return found
