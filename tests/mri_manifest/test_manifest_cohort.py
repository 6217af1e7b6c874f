"""From NIfTI files and a CSV file to a cohort on disk."""

import numpy as np
import pytest

from xdistill.data import build_cohort, open_cohort
from xdistill.errors import DataError
from xdistill.interfaces import Choice
from xdistill.recipe.schema.recipe import CacheRecipe
from xdistill_mri.manifest import ManifestDataset

SUBJECTS = 6


@pytest.fixture
def table(tmp_path):
    """Six subjects with an image of 3 x 2 x 2 mm voxels that holds a ramp along its depth, and a lesion mask."""
    nibabel = pytest.importorskip("nibabel")
    affine = np.diag([2.0, 2.0, 3.0, 1.0])
    rows = ["subject,label,pre,lesion,afp,child_pugh"]
    for subject in range(SUBJECTS):
        image = np.broadcast_to(np.arange(10.0) + 100 * subject, (12, 12, 10)).astype(np.float32)
        lesion = np.zeros((12, 12, 10), np.uint8)
        lesion[4:8, 5:9, 3:6] = 1
        nibabel.save(nibabel.Nifti1Image(image, affine), tmp_path / f"pre{subject}.nii.gz")
        nibabel.save(nibabel.Nifti1Image(lesion, affine), tmp_path / f"lesion{subject}.nii.gz")
        label, grade = ("M0", "M1")[subject % 2], ("A", "B", "")[subject % 3]
        rows.append(f"s{subject},{label},pre{subject}.nii.gz,lesion{subject}.nii.gz,{subject / 2},{grade}")
    (tmp_path / "cohort.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "cohort.csv"


def chosen(table, **settings):
    crop = {"mask": "lesion", "labels": 1, "margin": 4}
    preprocess = {"orientation": "RAS", "spacing": [1.5, 2, 2], "crop": crop}
    return Choice(
        ManifestDataset,
        ManifestDataset.Config.model_validate({"path": table, "preprocess": preprocess, **settings}),
    )


def test_a_cohort_is_built_from_files(table, tmp_path):
    path = build_cohort(chosen(table), CacheRecipe(), directory=tmp_path / "cache", workers=1)
    with_cohort = open_cohort(path)
    try:
        assert with_cohort.schema.modalities["pre"].shape == (1, 12, 8, 8)
        pre = with_cohort.values("pre", range(SUBJECTS))
        clinical = with_cohort.values("clinical", range(SUBJECTS))
    finally:
        with_cohort.close()
    # Depth: slices 3 to 5 of 3 mm become 5 to 10 of 1.5 mm (nearest, ties up), and 4 mm around them are three each.
    depth = pre[0, 0, :, 0, 0]
    np.testing.assert_allclose(np.diff(depth), np.full(11, 0.5), atol=1e-5)
    assert 1.0 <= depth[0] <= 1.5
    np.testing.assert_allclose(pre[3], pre[0] + 300, rtol=1e-5)
    np.testing.assert_allclose(clinical[:, 0], np.arange(SUBJECTS) / 2)
    np.testing.assert_array_equal(clinical[:, 1], [0, 1, np.nan, 0, 1, np.nan])


def test_a_truncated_volume_stops_the_build_and_is_named(table, tmp_path):
    damaged = tmp_path / "pre4.nii.gz"
    damaged.write_bytes(damaged.read_bytes()[:-40])
    with pytest.raises(DataError) as caught:
        build_cohort(chosen(table), CacheRecipe(), directory=tmp_path / "cache", workers=1)
    assert f"subject 's4', modality 'pre': {damaged}: is damaged or not a .nii.gz file" in str(caught.value)
    assert not list((tmp_path / "cache").glob("*.h5"))


def test_a_changed_volume_or_override_makes_another_cohort(table, tmp_path):
    cache = tmp_path / "cache"
    first = build_cohort(chosen(table), CacheRecipe(), directory=cache, workers=1)
    assert build_cohort(chosen(table), CacheRecipe(), directory=cache, workers=1) == first
    own = chosen(table, volumes={"pre": {"preprocess": {"crop": None, "spacing": None}}})
    second = build_cohort(own, CacheRecipe(), directory=cache, workers=1)
    file = tmp_path / "pre0.nii.gz"
    file.write_bytes((tmp_path / "pre1.nii.gz").read_bytes())
    third = build_cohort(chosen(table), CacheRecipe(), directory=cache, workers=1)
    assert len({first, second, third}) == 3


def test_a_column_of_folders_of_dicom_files_is_an_image(folder):
    rows = []
    for number in range(4):
        (folder.path / f"s{number}").mkdir()
        (folder.path / f"s{number}" / "slice").write_bytes(bytes(128) + b"DICM")
        rows.append(f"p{number},{('ill', 'well')[number % 2]},s{number},{number}")
    cohort = folder.rows(*rows, header="subject,label,scan,age").cohort
    assert (cohort.modalities, list(cohort.panels)) == (("scan",), ["clinical"])
