"""Saliency maps for the page: where serving and `xdistill.deployment.explain` meet."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from importlib.util import find_spec

from xdistill.deployment.explain import Options, explain_subjects
from xdistill.deployment.explain.attributions import METHODS
from xdistill.deployment.explain.explanation import Map
from xdistill.deployment.explain.pictures import planes
from xdistill.deployment.explain.space import image_of, placed
from xdistill.errors import UserError
from xdistill.models.model import StudentModel
from xdistill.models.subject import NewSubject
from xdistill.serving.refusal import RefusedError


def methods_of(model: StudentModel) -> tuple[str, ...]:
    """The methods that explain a model's predictions for files, the default first; none if a library is missing."""
    files = model.reader is not None and bool(model.reader.suffixes)
    if not files or find_spec("captum") is None or find_spec("nibabel") is None:
        return ()
    return tuple(sorted(METHODS, key=lambda name: name != Options().method))  # the default first


@contextmanager
def limited(model: StudentModel, seconds: float) -> Iterator[None]:
    """While it is entered, the networks refuse to compute after this time.

    Raises:
        RefusedError: from within, before the first forward pass that begins too late.
    """
    end = time.monotonic() + seconds

    def check(*_: object) -> None:
        if time.monotonic() > end:
            raise RefusedError(
                f"the map takes longer than {seconds:g} s (see --max-explain-seconds); `gradcam` is the fastest method",
                HTTPStatus.REQUEST_TIMEOUT,
            )

    handles = [member.network.register_forward_pre_hook(check) for member in model.members]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def saliency_map(model: StudentModel, subject: NewSubject, modality: str, method: str, device: str) -> bytes:
    """The map of one image: of a volume a NIfTI file in the space of the subject's file, of a picture a PNG file.

    The PNG shows the map on the picture, as the network sees it.

    Args:
        model: whose prediction is explained.
        subject: by its files.
        modality: of the image.
        method: one of `methods_of`.
        device: see `xdistill.models.StudentModel.predict_proba`.

    Raises:
        RefusedError: if there is no such map.
    """
    if method not in methods_of(model):
        raise RefusedError(f"unknown method; valid methods: {', '.join(methods_of(model)) or 'none'}")
    try:
        maps = next(explain_subjects(model, [subject], Options(method=method), device=device)).maps  # type: ignore[arg-type]  # checked above
        found = {name: _file(one, name) for name, one in maps.items() if name == modality}
    except RefusedError:  # of the time limit
        raise
    except UserError as error:  # of the model and the method: the files have been read before
        raise RefusedError(str(error)) from None
    if modality not in found:
        raise RefusedError("there is no map of this modality")
    return found[modality]


def _file(found: Map, name: str) -> bytes:
    if found.is_picture:
        (plane,) = planes(found)
        return plane.file
    content: bytes = image_of(placed(found, name)).to_bytes()
    return content
