"""Warnings about data, by name."""

from __future__ import annotations

from dataclasses import dataclass

NAMES = {
    "label_copy": "a column equals the label",
    "column_predicts_label": "a column predicts the label alone",
    "missing_predicts_label": "whether a column is missing predicts the label alone",
    "id_predicts_label": "ids predict the label alone",
    "date_predicts_label": "a date predicts the label alone",
    "site_predicts_label": "site or scanner and label belong together",
    "same_volume": "two patients have the same image",
    "similar_volume": "two patients have nearly the same image",
    "same_values": "two patients have the same values",
    "file_used_twice": "a file is named twice",
    "patient_on_both_sides": "a patient is on both sides of a given split",
}
"""Every warning with its meaning."""


@dataclass(frozen=True)
class Caution:
    """A warning about data; nothing is refused because of it.

    Attributes:
        name: one of `NAMES`.
        text: what was seen, with numbers and without ids of subjects.
        place: column or modality; empty if there is none.
    """

    name: str
    text: str
    place: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.text}"

    def to_json(self) -> dict[str, str]:
        """JSON-ready."""
        return {"name": self.name, "place": self.place, "text": self.text}
