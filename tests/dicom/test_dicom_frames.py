"""Enhanced DICOM: all slices of a volume in one file."""

import logging

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import EnhancedMRImageStorage, RLELossless

from dicom.written import AXIAL, image, save, voxels
from xdistill.errors import DataError


def block(**elements):
    made = Dataset()
    for name, value in elements.items():
        setattr(made, name, value)
    return made


def groups(number, point, slope, intercept):
    """The functional groups of one frame at a place along the normal."""
    return block(
        PlanePositionSequence=[block(ImagePositionPatient=[10, 20, -30 + 3 * number])],
        PixelValueTransformationSequence=[block(RescaleSlope=slope, RescaleIntercept=intercept)],
        FrameContentSequence=[block(InStackPositionNumber=number + 1, TemporalPositionIndex=point, StackID="1")],
    )


def enhanced(values, order=None, *, points=1, slope=2, intercept=-5, **elements):
    """One file; frames in this order of slices, the time points one after the other."""
    order = range(len(values)) if order is None else order
    made = image(values[0], (0, 0, 0), ImagePositionPatient=None, ImageOrientationPatient=None, PixelSpacing=None)
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = EnhancedMRImageStorage
    made.Manufacturer, made.InstanceNumber = "NONE", 1
    made.NumberOfFrames = len(values) * points
    made.PixelData = b"".join(values[number].tobytes() for _ in range(points) for number in order)
    made.SharedFunctionalGroupsSequence = [
        block(
            PixelMeasuresSequence=[block(PixelSpacing=[2, 1.5], SliceThickness=3)],
            PlaneOrientationSequence=[block(ImageOrientationPatient=list(AXIAL))],
        )
    ]
    made.PerFrameFunctionalGroupsSequence = [
        groups(number, point + 1, slope, intercept) for point in range(points) for number in order
    ]
    for name, value in elements.items():
        setattr(made, name, value)
    return made


def test_voxels_and_affine_equal_those_of_dicom2nifti(dicom, tmp_path):
    from dicom2nifti import dicom_series_to_nifti

    logging.getLogger("dicom2nifti").setLevel(logging.ERROR)
    values = voxels()
    save(enhanced(values, intercept=5), tmp_path / "series" / "all.dcm")
    volume = dicom.read(tmp_path / "series")
    assert np.array_equal(volume.values, values.transpose(2, 1, 0) * 2 + 5)
    expected = dicom_series_to_nifti(tmp_path / "series", None, reorient_nifti=False)["NII"]
    assert np.array_equal(volume.values, expected.get_fdata())
    assert np.array_equal(volume.affine, expected.affine)


def test_frames_are_ordered_by_position(dicom, only, tmp_path):
    values = voxels()
    save(enhanced(values, order=[3, 0, 4, 1, 2], slope=1), tmp_path / "all.dcm")
    assert np.array_equal(dicom.read(tmp_path).values, values.transpose(2, 1, 0).astype(int) - 5)
    assert (only(tmp_path).files, only(tmp_path).size, only(tmp_path).spacing) == (1, (3, 4, 5), (1.5, 2, 3))


def test_compressed_frames(dicom, tmp_path):
    values = voxels()
    made = enhanced(values)
    made.compress(RLELossless, generate_instance_uid=False)
    save(made, tmp_path / "all.dcm")
    assert np.array_equal(dicom.read(tmp_path).values, values.transpose(2, 1, 0).astype(int) * 2 - 5)


def test_time_points_of_frames(dicom, found, tmp_path):
    save(enhanced(voxels(), points=2), tmp_path / "all.dcm")
    series = found(tmp_path).series
    assert [one.part for one in series] == [f"{number} of 2 (TemporalPositionIdentifier)" for number in (1, 2)]
    with pytest.raises(DataError, match="a DICOM series of 2 time points"):
        dicom.read(tmp_path)


def test_frames_without_their_groups_are_refused(only, tmp_path):
    save(enhanced(voxels(), NumberOfFrames=4), tmp_path / "all.dcm")
    assert only(tmp_path).problems == ("cannot be read: is damaged (ValueError)",)
