"""The map of a colour picture: a PNG of the picture with the map on it, and a NIfTI file on the picture's own grid."""

import csv

import numpy as np
import pytest

from explain.toy_students import SMALL, model_of
from xdistill.deployment.explain import Options, explain_subjects, write_explanations
from xdistill.models.config import ReaderConfig
from xdistill.models.tables import one_subject
from xdistill.types import ModalitySpec
from xdistill_mri.preprocess.settings import Preprocess
from xdistill_mri.reader import Reading, VolumeReading

Image = pytest.importorskip("PIL.Image")
nibabel = pytest.importorskip("nibabel")


def test_a_picture_gets_a_png(tmp_path):
    settings = Preprocess(size=(16, 16), fit="area", aspect="pad")
    reading = Reading(volumes={"photo": VolumeReading(column="photo", preprocess=settings)})
    reader = ReaderConfig(use="manifest", settings=reading.model_dump(mode="json"))
    branch = {"use": "image_only", "inputs": ["photo"], "blocks": 3, **SMALL}
    model = model_of(
        {"use": "multibranch", "branches": {"photo": branch}},
        {"photo": ModalitySpec("image", (3, 16, 16))},
        reader=reader,
    )
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    subject = one_subject(model, {"photo": tmp_path / "a.png"})
    options = Options("ig", steps=2)
    written = write_explanations(
        model, explain_subjects(model, [subject], options, device="cpu"), tmp_path / "maps", options
    )
    with Image.open(written.path / "1" / "photo.png") as picture:
        assert picture.size == (256, 256)
    image = nibabel.load(written.path / "1" / "photo.nii.gz")
    assert image.shape == (30, 20, 1)
    (row,) = csv.DictReader((written.path / "explain.csv").read_text().splitlines())
    values = image.get_fdata()[..., 0]
    assert values[int(row["peak_i"]), int(row["peak_j"])] == pytest.approx(values.max())
