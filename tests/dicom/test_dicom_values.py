"""Voxels, their order and their place."""

import nibabel
import numpy as np
import pydicom
import pytest
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from dicom.written import image, save, voxels, write_series
from xdistill.errors import DataError
from xdistill.interfaces.series import Privacy
from xdistill_mri.preprocess.read import orientation_of, read_volume, space_of
from xdistill_mri.preprocess.source import VolumeSource

REPORT = "1.2.840.10008.5.1.4.1.1.88.11"


def test_slices_are_ordered_by_position_and_the_affine_leads_to_mm(dicom, tmp_path):
    values = write_series(tmp_path)
    volume = dicom.read(tmp_path)
    assert np.array_equal(volume.values, values.transpose(2, 1, 0))
    # Columns are 1.5 mm apart and run to the left, rows 2 mm and run to the back, slices 3 mm and run to the head.
    expected = [[-1.5, 0, 0, -10], [0, -2, 0, -20], [0, 0, 3, -30], [0, 0, 0, 1]]
    assert volume.affine.tolist() == expected
    assert dicom.space(tmp_path).shape == (3, 4, 5)
    assert dicom.space(tmp_path).affine.tolist() == expected


def test_slices_that_were_acquired_from_top_to_bottom_give_the_same_volume(dicom, tmp_path):
    values = voxels()
    write_series(tmp_path / "up", values)
    write_series(
        tmp_path / "down", values[::-1], each=lambda number: {"ImagePositionPatient": [10, 20, -18 - 3 * number]}
    )
    up, down = dicom.read(tmp_path / "up"), dicom.read(tmp_path / "down")
    assert np.array_equal(up.values, down.values)
    assert np.array_equal(up.affine, down.affine)


def test_sagittal_slices(dicom, tmp_path):
    values = write_series(tmp_path, step=(3, 0, 0), ImageOrientationPatient=[0, 1, 0, 0, 0, -1])
    volume = dicom.read(tmp_path)
    assert np.array_equal(volume.values, values.transpose(2, 1, 0))
    assert volume.affine[:3, :3].tolist() == [[0, 0, -3], [-1.5, 0, 0], [0, -2, 0]]
    assert nibabel.aff2axcodes(volume.affine) == ("P", "I", "L")


def test_slope_and_intercept_of_each_slice(dicom, tmp_path):
    values = voxels(dtype=np.int16)
    each = lambda number: {"RescaleSlope": number + 1, "RescaleIntercept": -1024}  # noqa: E731
    write_series(tmp_path, values, each=each)
    read = dicom.read(tmp_path).values
    assert read.dtype == np.int16
    slopes = np.arange(1, 6)[:, None, None]
    assert np.array_equal(read, (values * slopes - 1024).transpose(2, 1, 0))


def test_a_slope_that_is_no_integer(dicom, tmp_path):
    values = write_series(tmp_path, RescaleSlope=0.25, RescaleIntercept=0.5)
    read = dicom.read(tmp_path).values
    assert read.dtype == np.float32
    assert np.array_equal(read, (values * 0.25 + 0.5).transpose(2, 1, 0))


def test_values_beyond_16_bits_are_kept(dicom, tmp_path):
    values = write_series(tmp_path, RescaleSlope=100, RescaleIntercept=0)
    assert np.array_equal(dicom.read(tmp_path).values, values.transpose(2, 1, 0).astype(np.int32) * 100)


def test_the_sign_of_12_bits(dicom, tmp_path):
    values = np.full((4, 2, 2), 0x0FFE, np.int16)  # -2, whose unused bits are 0
    write_series(tmp_path, values, BitsStored=12, HighBit=11)
    assert (dicom.read(tmp_path).values == -2).all()


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_other_ways_to_store_the_same(dicom, tmp_path, syntax):
    values = voxels()
    stored = values.astype(">u2") if syntax == ExplicitVRBigEndian else values
    each = lambda number: {"PixelData": stored[number].tobytes()}  # noqa: E731
    write_series(tmp_path, values, syntax=syntax, each=each)
    assert np.array_equal(dicom.read(tmp_path).values, values.transpose(2, 1, 0))


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
def test_compressed_files(dicom, tmp_path, syntax):
    values = voxels(shape=(4, 64, 64))
    for number, plane in enumerate(values):
        made = image(plane, (0, 0, number))
        made.compress(syntax, generate_instance_uid=False)
        save(made, tmp_path / f"{number}.dcm")
    assert np.array_equal(dicom.read(tmp_path).values, values.transpose(2, 1, 0))


def test_what_pydicom_cannot_decode_simpleitk_does(dicom, tmp_path, monkeypatch):
    values = voxels(shape=(4, 64, 64))
    for number, plane in enumerate(values):
        made = image(plane, (0, 0, number), RescaleSlope=1, RescaleIntercept=-7)
        made.compress(RLELossless, generate_instance_uid=False)
        save(made, tmp_path / f"{number}.dcm")

    def none(uid):
        raise NotImplementedError(uid)

    monkeypatch.setattr(pydicom.pixels, "get_decoder", none)
    assert np.array_equal(dicom.read(tmp_path).values, values.transpose(2, 1, 0).astype(np.int32) - 7)


def test_the_importer_reads_a_folder_as_a_volume(tmp_path):
    values = write_series(tmp_path)
    volume = read_volume(tmp_path)
    assert volume.values.dtype == np.float32
    assert np.array_equal(volume.values, values.transpose(2, 1, 0))
    assert volume.spacing("a test").tolist() == [1.5, 2, 3]
    assert space_of(VolumeSource(tmp_path), None).shape == (3, 4, 5)
    assert orientation_of(tmp_path) == "LPS"


def test_localisers_and_reports_next_to_a_volume_do_not_matter(dicom, tmp_path):
    values = write_series(tmp_path / "deep" / "er")
    write_series(tmp_path, SeriesInstanceUID="1.2.9", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    save(
        image(
            values[0], (0, 0, 0), SeriesInstanceUID="1.2.8", SOPClassUID=REPORT, Rows=None, Columns=None, PixelData=None
        ),
        tmp_path / "sr",
    )
    (tmp_path / "notes.txt").write_text("no DICOM")
    assert np.array_equal(dicom.read(tmp_path).values, values.transpose(2, 1, 0))


def test_a_folder_of_several_series_is_no_volume(dicom, tmp_path):
    write_series(tmp_path / "a", SeriesInstanceUID="1.2.8")
    write_series(tmp_path / "b", SeriesInstanceUID="1.2.9")
    with pytest.raises(DataError, match=r"2 DICOM series, where one is needed; choose one with `xdistill data dicom"):
        dicom.read(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty: a folder without DICOM files"):
        dicom.read(tmp_path / "empty")


def test_equal_bytes_in_another_character_set_are_another_text(tmp_path, dicom):
    for name, characters in (("latin", "ISO_IR 100"), ("greek", "ISO_IR 126")):
        for number in range(2):
            made = image(voxels()[number], (0, 0, 3 * number), SpecificCharacterSet=characters, SeriesInstanceUID=name)
            made.SeriesDescription = {"latin": "\u00e1", "greek": "\u03b1"}[name]
            save(made, tmp_path / name / f"{number}.dcm")
    found = dicom.find(tmp_path, Privacy(None, dates=False))
    assert sorted(series.description for series in found.series) == ["\u00e1", "\u03b1"]


def test_a_broken_link_next_to_the_slices_is_passed_over(tmp_path, dicom):
    values = write_series(tmp_path)
    (tmp_path / "gone.dcm").symlink_to(tmp_path / "nowhere")
    np.testing.assert_array_equal(dicom.read(tmp_path).values, values.transpose(2, 1, 0))


def test_a_series_that_changes_is_read_anew(tmp_path, dicom):
    first = write_series(tmp_path, voxels(seed=1))
    np.testing.assert_array_equal(dicom.read(tmp_path).values, first.transpose(2, 1, 0))
    second = write_series(tmp_path, voxels(seed=2, shape=(4, 4, 3)), skip=(), first=0)
    (tmp_path / "028.dcm").unlink()  # the fifth slice of the first
    np.testing.assert_array_equal(dicom.read(tmp_path).values, second.transpose(2, 1, 0))
