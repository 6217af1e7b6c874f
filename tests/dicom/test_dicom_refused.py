"""What is no volume is refused with its reason."""

import numpy as np
import pytest
from pydicom.uid import MPEG2MPML, JPEG2000Lossless

from dicom.written import image, save, voxels, write_series
from xdistill.errors import DataError

TILTED = {"ImageOrientationPatient": [1, 0, 0, 0, 0.97, -0.2431]}
SERIES = {
    "missing": (
        {"skip": (2,)},
        "missing slices: 1 of 5, the first after slice 2, where the distance is 6.00 mm instead of 3.00 mm",
    ),
    "few": ({"skip": (3, 4)}, "only 3 slices, and a volume has at least 4: slices are missing, or it is a localiser"),
    "tilt": (TILTED, "gantry tilt: slices are shifted along a line 14.1 degrees off their normal"),
    "same place": ({"step": (0, 0, 0)}, "not a volume: all 5 slices lie at the same position"),
    "localiser": ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "localiser (ImageType)"),
    "no position": ({"ImagePositionPatient": None}, "no valid position (ImagePositionPatient) in 5 of 5 files"),
    "no spacing": ({"PixelSpacing": None}, "no valid voxel spacing (PixelSpacing) in 5 of 5 files"),
    "no pixels": ({"PixelData": None}, "no pixel data (5 of 5 files)"),
    "truncated": (
        {"PixelData": bytes(10)},
        "incomplete: 24 bytes of pixel data are stated, 10 are there (5 of 5 files)",
    ),
    "colour": ({"SamplesPerPixel": 3, "PlanarConfiguration": 0}, "colour images, not grey values (5 of 5 files)"),
    "frames": (
        {"NumberOfFrames": 9},
        "several frames in one file, whose positions are not stated (5 of 5 files)",
    ),
    "mosaic": (
        {"ImageType": ["ORIGINAL", "PRIMARY", "MOSAIC"]},
        "all slices in one image (mosaic); convert it to NIfTI, such as with dcm2niix (5 of 5 files)",
    ),
}


@pytest.mark.parametrize("case", SERIES)
def test_the_reason_is_listed_and_reading_gives_it(dicom, only, tmp_path, case):
    elements, reason = SERIES[case]
    write_series(tmp_path / "series", **elements)
    assert only(tmp_path / "series").problems == (reason,)
    with pytest.raises(DataError, match="the DICOM series cannot be used") as raised:
        dicom.read(tmp_path / "series")
    assert reason in str(raised.value)


def test_mixed_orientation(only, tmp_path):
    turned = {"ImageOrientationPatient": [0, 1, 0, 0, 0, -1]}
    write_series(tmp_path, each=lambda number: turned if number == 4 else {})
    assert only(tmp_path).problems == ("mixed orientation: 2 orientations (of 4, 1 slices)",)


def test_slices_of_different_size(only, tmp_path):
    write_series(tmp_path, voxels(shape=(4, 4, 3)))
    save(image(voxels()[0, :2], (10, 20, -33)), tmp_path / "other.dcm")
    assert only(tmp_path).problems == ("slices of different size: 2 x 3 and 4 x 3",)


def test_unevenly_spaced_slices(only, tmp_path):
    places = (0, 3, 6, 9, 13.5)
    write_series(tmp_path, each=lambda number: {"ImagePositionPatient": [0, 0, places[number]]})
    assert only(tmp_path).problems == ("unevenly spaced slices: 3.00 to 4.50 mm apart",)


def test_a_compressed_syntax_without_a_decoder(only, tmp_path):
    for number, plane in enumerate(voxels(shape=(4, 64, 64))):
        made = image(plane, (0, 0, number))
        made.compress(JPEG2000Lossless, generate_instance_uid=False)
        made.file_meta.TransferSyntaxUID = MPEG2MPML
        save(made, tmp_path / f"{number}.dcm")
    (problem,) = only(tmp_path).problems
    assert problem.startswith(
        "no decoder for its compressed transfer syntax, MPEG2 Main Profile / Main Level (1.2.840."
    )


def test_a_damaged_file(dicom, found, tmp_path):
    write_series(tmp_path)
    (tmp_path / "damaged.dcm").write_bytes(bytes(128) + b"DICM" + bytes(range(256)))
    problems = [series.problems for series in found(tmp_path).series if series.problems]
    assert problems == [("cannot be read: damaged or empty",)]
    with pytest.raises(DataError, match="2 DICOM series"):
        dicom.read(tmp_path)


def test_pixel_data_that_cannot_be_decoded(dicom, tmp_path):
    for number, plane in enumerate(voxels(shape=(4, 64, 64))):
        made = image(plane, (0, 0, number))
        made.compress(JPEG2000Lossless, generate_instance_uid=False)
        made.PixelData = made.PixelData[:60] + bytes(len(made.PixelData) - 60)
        save(made, tmp_path / f"{number}.dcm")
    with pytest.raises(DataError, match=r"\.dcm: its pixel data cannot be decoded"):
        dicom.read(tmp_path)


def test_a_volume_beyond_the_limit(dicom, tmp_path, monkeypatch):
    write_series(tmp_path, voxels(shape=(4, 512, 512)))
    monkeypatch.setenv("XDISTILL_MAX_VOLUME_MB", "1")
    with pytest.raises(DataError, match="the volume of this series takes 2,097,152 bytes, and at most 1,048,576"):
        dicom.read(tmp_path)


@pytest.mark.parametrize(
    ("mark", "values"),
    [("TemporalPositionIdentifier", (1, 2)), ("EchoTime", (2.3, 10.1)), ("AcquisitionTime", ("101500", "101530"))],
)
def test_time_points_are_told_apart_in_the_list_and_no_volume(dicom, found, tmp_path, mark, values):
    for point, value in enumerate(values):
        write_series(tmp_path, voxels(point), first=10 * point, **{mark: value})
    series = found(tmp_path).series
    assert [one.part for one in series] == [f"1 of 2 ({mark})", f"2 of 2 ({mark})"]
    assert [one.problems for one in series] == [(), ()]
    assert len({one.series for one in series}) == 2
    with pytest.raises(DataError, match="a DICOM series of 2 time points, where one volume is needed"):
        dicom.read(tmp_path)


def test_time_points_that_no_header_tells_apart(only, tmp_path):
    for point in range(2):
        write_series(tmp_path, voxels(point), first=10 * point)
    (problem,) = only(tmp_path).problems
    assert problem == "2 images at each of 5 positions, and no header tells the time points apart"


def test_a_time_point_without_all_slices(only, tmp_path):
    write_series(tmp_path, EchoTime=2)
    write_series(tmp_path, voxels(1), first=10, EchoTime=9, skip=(0,))
    assert only(tmp_path).problems == (
        "9 images at 5 positions: some time points lack slices, or some slices occur twice",
    )


def test_copies_of_files(only, tmp_path):
    write_series(tmp_path, each=lambda number: {"SOPInstanceUID": f"1.2.3.4.{number}"})
    for file in list(tmp_path.glob("*.dcm")):
        (tmp_path / f"copy_of_{file.name}").write_bytes(file.read_bytes())
    assert only(tmp_path).problems == ("the same images in several files (5 copies); remove the copies",)


def test_positions_that_are_not_numbers(only, tmp_path):
    write_series(tmp_path)
    file = next(tmp_path.glob("*.dcm"))
    file.write_bytes(file.read_bytes().replace(b"10.0", b"xxxx"))
    assert only(tmp_path).problems == ("no valid position (ImagePositionPatient) in 1 of 5 files",)
    assert np.isfinite(only(tmp_path).size).all()
