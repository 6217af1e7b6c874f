"""Maps lie where the lesion is: in the space of the source file, whatever the preprocessing did to it."""

import csv

import numpy as np
import pytest

from explain.toy_students import CLASSES, SMALL, linear, model_of, prefer_bright, reads_from, volumes
from xdistill.deployment.explain import Options, explain_subjects, write_explanations
from xdistill.deployment.explain.explanation import Map
from xdistill.deployment.explain.space import image_of, placed
from xdistill.interfaces.reader import Cell, Space
from xdistill.models.tables import read_table
from xdistill.types import Schema
from xdistill_mri.preprocess.pipeline import prepare
from xdistill_mri.preprocess.settings import Preprocess
from xdistill_mri.preprocess.source import VolumeSource
from xdistill_mri.reader import VolumeReader

nibabel = pytest.importorskip("nibabel")

SHAPE = (40, 36, 20)  # x, y, z
CENTRE, RADIUS = (27, 12, 13), 9.0  # of the lesion: a voxel, mm
SIZE = (16, 32, 32)  # depth, height, width of what the network sees


def turned(spacing, *, flipped=(), axes=(0, 1, 2)):
    """An oblique affine of this spacing: turned by 10 and 20 degrees, with axes flipped or exchanged."""
    a, b = np.deg2rad([10, 20])
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_z = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    affine = np.eye(4)
    directions = np.eye(3)[:, list(axes)]
    directions[:, list(flipped)] *= -1
    affine[:3, :3] = about_z @ about_x @ directions * spacing
    affine[:3, 3] = -31.0, 17.0, 5.0
    return affine


AFFINES = {
    "oblique": turned([1.2, 1.5, 2.5]),
    "flipped": turned([1.2, 1.5, 2.5], flipped=(0, 1)),
    "coronal": turned([1.2, 1.4, 2.6], flipped=(2,), axes=(0, 2, 1)),
}


def distances(affine, shape=SHAPE, centre=CENTRE):
    """Mm from the lesion's centre of every voxel, ``(x, y, z)``."""
    places = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1) - np.array(centre)
    return np.linalg.norm(places @ affine[:3, :3].T, axis=-1)


def bright_lesion(affine):
    """A volume with a bright lesion, brightest at its centre, and noise."""
    noise = 0.05 * np.random.default_rng(0).random(SHAPE)
    distance = distances(affine)
    return np.where(distance < RADIUS, 2 - distance / RADIUS, 0) + noise


def table_of(folder, volume, affine, name="a.nii.gz"):
    nibabel.Nifti1Image(volume.astype("float32"), affine).to_filename(folder / name)
    (folder / "new.csv").write_text(f"subject,mri\npatient,{name}\n")
    return folder / "new.csv"


def student(method):
    if method == "gradcam":
        return {"use": "multibranch", "branches": {"mri": {"use": "mri_only", "inputs": ["mri"], **SMALL}}}
    return linear("mri")


METHODS = {
    "gradcam": Options("gradcam", target="M2", layers=("*.blocks.2.first",)),
    "ig": Options("ig", target="M2"),
    "occlusion": Options("occlusion", target="M2", window=(3, 4, 4)),
}
PREPARED = {"orientation": "RAS", "spacing": [2.0, 1.5, 1.5], "crop": {"center": [18, 28, 28]}, "size": list(SIZE)}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", AFFINES)
def test_the_peak_lies_within_the_lesion(name, method, tmp_path):
    affine = AFFINES[name]
    table = table_of(tmp_path, bright_lesion(affine), affine)
    model = model_of(student(method), volumes("mri", shape=SIZE), reader=reads_from(PREPARED), change=prefer_bright)
    options = METHODS[method]
    found = explain_subjects(model, read_table(model, table), options, device="cpu")
    write_explanations(model, found, tmp_path / "maps", options)
    made = nibabel.load(tmp_path / "maps" / "patient" / "mri.nii.gz")
    assert made.shape == SHAPE
    np.testing.assert_allclose(made.affine, affine, atol=1e-5)
    values = made.get_fdata()
    peak = np.unravel_index(values.argmax(), values.shape)
    assert distances(affine)[peak] < RADIUS
    with (tmp_path / "maps" / "explain.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert tuple(int(row[f"peak_{axis}"]) for axis in "ijk") == peak
    expected = (affine @ [*peak, 1])[:3]
    np.testing.assert_allclose([float(row[f"peak_{axis}"]) for axis in "xyz"], expected, atol=1e-3)


CROPS = {
    "whole": {},
    "area": {"size": [10, 18, 20], "fit": "area"},
    "nearest": {"size": [10, 18, 20], "fit": "nearest"},
    "larger": {"size": [30, 50, 44]},
    "padded": {"size": [26, 30, 44], "fit": "pad_or_crop"},
    "box": {"crop": {"box": {"depth": [2, 20], "height": [1, 30], "width": [5, 39]}}, "size": [9, 20, 20]},
    "reoriented": {"orientation": "LPS", "spacing": [3.0, 2.0, 2.0]},
    "cropped": {**PREPARED, "orientation": "PIR"},
}


@pytest.mark.parametrize("name", AFFINES)
@pytest.mark.parametrize("crop", CROPS)
def test_the_affine_of_the_prepared_grid_is_right(crop, name, tmp_path):
    """A volume whose values are a world coordinate keeps them at every voxel of the prepared grid."""
    affine = AFFINES[name]
    cell = Cell("a.nii.gz", {}, tmp_path)
    for axis in range(3):
        table_of(tmp_path, world_of(affine, SHAPE)[..., axis], affine)
        shape = _shape(CROPS[crop], tmp_path)
        reader = VolumeReader(reads_from(CROPS[crop]).settings, Schema(volumes("mri", shape=shape), CLASSES))
        prepared = reader.read("mri", cell)[0].transpose(2, 1, 0)
        space = reader.space("mri", cell)
        assert space.shape == SHAPE
        expected = world_of(space.prepared, prepared.shape)
        source = world_of(np.linalg.inv(affine) @ space.prepared, prepared.shape)
        inside = np.zeros(prepared.shape, dtype=bool)
        inside[1:-1, 1:-1, 1:-1] = True  # at a border, interpolation repeats the last value
        inside &= ((source > 0.5) & (source < np.array(SHAPE) - 1.5)).all(axis=-1)
        assert inside.mean() > 0.2
        tolerance = np.abs(affine[axis, :3]).sum() if CROPS[crop].get("fit") == "nearest" else 1e-3
        assert np.abs(prepared - expected[..., axis])[inside].max() <= tolerance


def world_of(affine, shape):
    """Where every voxel is, ``(x, y, z, 3)``."""
    places = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    return places @ affine[:3, :3].T + affine[:3, 3]


def _shape(preprocess, folder):
    settings = Preprocess.model_validate(preprocess)
    crop = settings.crop
    box = None if crop is None or crop.box is None else (crop.box.depth, crop.box.height, crop.box.width)
    return prepare(VolumeSource(folder / "a.nii.gz", None, box, None), settings).shape[1:]


def test_arrays_without_a_spacing_are_placed_by_voxels(tmp_path):
    volume = np.zeros((12, 20, 24), "float32")  # depth, height, width
    volume[8, 5, 17] = 1.0
    np.save(tmp_path / "a.npy", volume)
    (tmp_path / "new.csv").write_text("subject,mri\npatient,a.npy\n")
    preprocess = {"crop": {"box": {"depth": [4, 12], "height": [2, 18], "width": [6, 22]}}}
    model = model_of(
        linear("mri"), volumes("mri", shape=(8, 16, 16)), reader=reads_from(preprocess), change=prefer_bright
    )
    (found,) = explain_subjects(
        model, read_table(model, tmp_path / "new.csv"), Options("ig", target="M2"), device="cpu"
    )
    result = placed(found.maps["mri"], "mri")
    assert result.values.shape == (24, 20, 12)
    assert result.peak == (17, 5, 8)
    assert result.values[0].max() == result.values[0].min() == 0  # outside of the crop
    header = image_of(result).header
    assert (int(header["sform_code"]), int(header["qform_code"])) == (0, 0)


def test_a_map_fills_its_voxels_up_to_their_border():
    values = np.full((1, 2, 2), 3.0, "float32")  # of voxels of 2 mm, whose first centre is at 0.5 mm
    prepared = np.diag([2.0, 2.0, 1.0, 1.0])
    prepared[:2, 3] = 0.5
    source = np.eye(4)
    result = placed(Map(values, values, Space((6, 6, 1), source, prepared)), "mri")
    assert result.values[:, :, 0].tolist() == [[3.0] * 4 + [0.0] * 2] * 4 + [[0.0] * 6] * 2


def test_the_peak_of_a_map_without_positive_values_lies_in_what_was_seen():
    values = np.full((1, 2, 2), -3.0, "float32")
    values[0, 1, 0] = -1.0
    prepared = np.eye(4)
    prepared[:2, 3] = 2
    result = placed(Map(values, values, Space((6, 6, 1), np.eye(4), prepared)), "mri")
    assert result.peak == (2, 3, 0)


def test_images_of_two_axes_have_one_slice():
    values = np.zeros((3, 5), "float32")
    values[2, 4] = 1
    result = placed(Map(values, values), "xray")
    assert (result.values.shape, result.peak) == ((5, 3, 1), (4, 2, 0))
