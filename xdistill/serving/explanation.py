"""Saliency maps for the page: where serving and `xdistill.deployment.explain` meet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from xdistill.models.model import StudentModel
from xdistill.models.subject import NewSubject

Explainer: TypeAlias = Callable[[NewSubject, str], Mapping[str, bytes]]
"""From a subject and a method to NIfTI files by modality, in the space of the subject's files."""

METHODS: tuple[str, ...] = ()


def find_explainer(model: StudentModel) -> Explainer | None:
    """What explains the predictions of a model; None: the page then has no button for it."""
    del model
    return None
