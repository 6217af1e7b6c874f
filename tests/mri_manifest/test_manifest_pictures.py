"""A cohort of pictures, of arrays that hold all subjects, and of volumes that differ in space."""

import numpy as np
import pytest

from xdistill.data import build_cohort, open_cohort
from xdistill.data.export import export_cohort
from xdistill.errors import DataError
from xdistill.interfaces import Cell
from xdistill.interfaces.component import Choice
from xdistill.recipe.schema.recipe import CacheRecipe
from xdistill_mri.manifest import ManifestDataset

Image = pytest.importorskip("PIL.Image")
HEADER = "subject,label,photo,age"
ROWS = [f"s{number},{'ab'[number % 2]},{number}.png,{number}" for number in range(6)]


@pytest.fixture
def pictures(folder):
    """0.png to 5.png of 4 x 6 pixels in colour; the first pixel of each is its number."""
    for number in range(6):
        values = np.full((4, 6, 3), 100, np.uint8)
        values[0, 0] = number
        Image.fromarray(values).save(folder.path / f"{number}.png")
    return folder


def built(dataset, folder):
    data = Choice(ManifestDataset, dataset.config)
    return open_cohort(build_cohort(data, CacheRecipe(), directory=folder, workers=1))


def refusal(dataset, folder):
    with pytest.raises(DataError) as caught:
        built(dataset, folder)
    return str(caught.value)


def test_columns_of_pictures_become_images(pictures, tmp_path):
    dataset = pictures.rows(*ROWS, header=HEADER, preprocess={"scale": False})
    spec = dataset.schema().modalities["photo"]
    assert (spec.kind, spec.shape) == ("image", (3, 4, 6))
    assert list(dataset.schema().modalities) == ["photo", "clinical"]
    cohort = built(dataset, tmp_path / "cache")
    assert [int(values[0, 0, 0]) for values in cohort.values("photo", range(6))] == list(range(6))
    assert dataset.facts().grids["photo"].size == ((6, 6, 6), (4, 4, 4), (1, 1, 1))
    reader = dataset.reader(dataset.reader_settings(["photo"]), dataset.schema())
    assert ".png" in reader.suffixes
    assert ".nii" not in reader.suffixes
    np.testing.assert_array_equal(reader.read("photo", Cell("2.png", {}, pictures.path)), dataset.load(2)["photo"])
    with pytest.raises(DataError, match=r"is not a picture; files end in \.png"):
        reader.read("photo", Cell("2.nii", {}, pictures.path))
    Image.fromarray(np.zeros((4, 6), np.uint8)).save(pictures.path / "grey.png")
    with pytest.raises(DataError, match="has 1 channels, but the model was trained on pictures of 3"):
        reader.read("photo", Cell("grey.png", {}, pictures.path))


@pytest.mark.parametrize(
    ("file_format", "preprocess"), [("nifti", {}), ("npy", {"kind": "image", "channels": "first"})]
)
def test_exported_pictures_are_read_back(pictures, tmp_path, file_format, preprocess):
    pytest.importorskip("tifffile")
    cohort = built(pictures.rows(*ROWS, header=HEADER), tmp_path / "cache")
    table = export_cohort(cohort, tmp_path / "new", file_format=file_format)
    settings = {"path": table, "columns": {"patient": "subject"}, "preprocess": preprocess}
    dataset = ManifestDataset(ManifestDataset.Config.model_validate(settings))
    assert dataset.schema().modalities["photo"].shape == (3, 4, 6)
    assert dataset.facts().grids["photo"].size[0] == (6, 6, 6)
    for row, values in enumerate(cohort.values("photo", range(6))):
        np.testing.assert_array_equal(dataset.load(row)["photo"], values)


def test_all_pictures_that_cannot_be_read_are_one_error(pictures, tmp_path):
    for number in (1, 2, 3, 5):
        (pictures.path / f"{number}.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    Image.fromarray(np.zeros((4, 6), np.uint8)).save(pictures.path / "4.png")
    said = refusal(pictures.rows(*ROWS, header=HEADER), tmp_path / "cache").splitlines()
    assert said[0] == "5 of 6 subjects cannot be read:"
    assert "subject 's1'" in said[1]
    assert "is damaged" in said[1]
    assert said[1].endswith("(and 3 more like it)")
    assert "4.png has 1 channel and that of subject 's0' has 3 channels; set `preprocess.colour`" in said[2]
    assert len(said) == 3


def test_a_wrong_ending_in_every_row_is_one_line(folder):
    rows = [f"s{number},{'ab'[number % 2]},{number}.bmp" for number in range(1011)]
    with pytest.raises(DataError) as caught:
        folder.rows(*rows, header="subject,label,photo", volumes=["photo"]).index()
    said = str(caught.value)
    assert "\n" not in said
    assert "line 2: '0.bmp' in the column 'photo' is not a volume" in said
    assert "and 1,010 more lines like it" in said


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"preprocess": {"size": [2, 2, 2]}}, "`preprocess.size` has 3 numbers, but pictures need 2: height and width"),
        ({"preprocess": {"orientation": "RAS"}}, "pictures have no orientation"),
        ({"preprocess": {"kind": "volume", "size": [2, 2]}}, "has 2 numbers, but volumes need 3"),
    ],
)
def test_settings_that_do_not_fit_pictures(pictures, settings, message):
    with pytest.raises(DataError, match=message):
        pictures.rows(*ROWS, header=HEADER, **settings).index()


def test_volumes_and_pictures_in_one_column_are_refused(pictures):
    with pytest.raises(DataError, match=r"'photo' has files of volumes and of pictures; set its `preprocess\.kind`"):
        pictures.rows(*ROWS, "s9,a,a.npy,1", header=HEADER).index()


def test_one_array_of_all_subjects(folder):
    images = np.random.default_rng(0).random((6, 4, 5)).astype(np.float32)
    np.savez(folder.path / "all.npz", train_images=images, train_labels=np.zeros(6))
    rows = [f"s{number},{'ab'[number % 2]},all.npz,{5 - number}" for number in range(6)]
    settings = {"array": "train_images", "preprocess": {"kind": "image"}}
    header = "subject,label,full,place"
    named = folder.rows(*rows, header=header, volumes={"full": {"row": "place", **settings}})
    assert named.schema().modalities["full"].shape == (1, 4, 5)
    assert list(named.schema().modalities) == ["full"]
    np.testing.assert_array_equal(named.load(1)["full"], images[4:5])
    counted = folder.rows(*rows, header=header, volumes={"full": {"row": True, **settings}})
    np.testing.assert_array_equal(counted.load(1)["full"], images[1:2])
    with pytest.raises(DataError, match=r"another patient.*if the array holds all subjects, set") as caught:
        folder.rows(*rows, header=header, volumes={"full": settings}).index()
    assert "and 4 more lines like it" in str(caught.value)
    with pytest.raises(DataError, match="'x' in the column 'place' is not the index of a row"):
        folder.rows("s1,a,all.npz,x", header=header, volumes={"full": {"row": "place", **settings}}).index()


def test_volumes_that_lie_apart_are_told_or_refused(folder, tmp_path):
    nibabel = pytest.importorskip("nibabel")
    for name, shift in (("near", 0), ("far", 500)):
        affine = np.diag([2.0, 2, 2, 1])
        affine[0, 3] = shift
        nibabel.save(nibabel.Nifti1Image(np.ones((2, 3, 4), np.float32), affine), folder.path / f"{name}.nii")
    rows, header = ["s1,a,near.nii,far.nii", "s2,b,other.nii,other.nii"], "subject,label,one,two"
    settings = {"columns": {"patient": "subject"}}
    nibabel.save(nibabel.load(folder.path / "near.nii"), folder.path / "other.nii")
    told = folder.rows(*rows, header=header, **settings).facts().remarks
    assert len(told) == 1
    assert told[0].startswith("in 1 of 2 subjects, volumes differ in space, such as 'one' and 'two' do not overlap")
    assert "s1" not in told[0]
    cohort = built(folder.rows(*rows, header=header, **settings), tmp_path / "cache")
    assert cohort.facts.remarks == told
    assert folder.rows(*rows, header=header, space="ignore", **settings).facts().remarks == ()
    said = refusal(folder.rows(*rows, header=header, space="refuse", **settings), tmp_path / "cache")
    assert "subject 's1': 'one' and 'two' do not overlap: their centres are 500 mm apart" in said


def test_new_settings_leave_the_key_of_older_cohorts_alone(folder):
    plain = folder.rows("s1,a,a.npy", header="subject,label,t1", volumes=["t1"]).config.model_dump(mode="json")
    assert set(plain["preprocess"]) == {
        *("spacing_of_arrays", "nonfinite", "orientation", "spacing", "interpolation", "crop", "size", "fit"),
        *("clip", "zscore", "constant"),
    }
    assert set(plain["volumes"]["t1"]) == {"column", "array", "preprocess"}
    assert "space" not in plain
