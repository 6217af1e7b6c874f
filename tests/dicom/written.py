"""Small DICOM series, written by pydicom."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

AXIAL = (1, 0, 0, 0, 1, 0)
SHAPE = (5, 4, 3)  # slices, rows, columns


def voxels(seed=0, shape=SHAPE, dtype=np.uint16):
    """Random values, ``(slices, rows, columns)``."""
    return np.random.default_rng(seed).integers(0, 1000, shape).astype(dtype)


def image(values, position, **elements):
    """One slice."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = elements.pop("syntax", ExplicitVRLittleEndian)
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = MRImageStorage
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = generate_uid()
    made.Modality, made.ImageType = "MR", ["ORIGINAL", "PRIMARY"]
    made.PatientID, made.PatientName, made.PatientBirthDate = "MRN-4711", "Doe^Jane", "19500102"
    made.StudyInstanceUID, made.SeriesInstanceUID = "1.2.3", "1.2.3.4"
    made.StudyDate, made.SeriesTime = "20200301", "101500"
    made.ImagePositionPatient, made.ImageOrientationPatient = list(position), list(AXIAL)
    made.PixelSpacing = [2, 1.5]
    made.Rows, made.Columns = values.shape
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    bits = values.dtype.itemsize * 8
    made.BitsAllocated, made.BitsStored, made.HighBit = bits, bits, bits - 1
    made.PixelRepresentation = int(values.dtype.kind == "i")
    made.PixelData = values.tobytes()
    for name, value in elements.items():
        if value is None:
            delattr(made, name)
        else:
            setattr(made, name, value)
    return made


def save(made, file):
    """Write a file with its preamble."""
    file.parent.mkdir(parents=True, exist_ok=True)
    made.save_as(file, enforce_file_format=True)


def write_series(folder: Path, values=None, *, step=(0, 0, 3), skip=(), first=0, each=None, **elements):
    """One file per slice, in an order of names that is not that of the slices; returns the values.

    Args:
        folder: of the files.
        values: ``(slices, rows, columns)``.
        step: mm from a slice to the next.
        skip: slices that are left out.
        first: number of the first file.
        each: from the number of a slice to elements of it alone.
        elements: of all slices; None removes one.
    """
    values = voxels() if values is None else values
    for number, plane in enumerate(values):
        if number not in skip:
            position = [10 + number * step[0], 20 + number * step[1], -30 + number * step[2]]
            own = each(number) if each else {}
            made = image(plane, position, **{**elements, **own})
            save(made, folder / f"{(first + number) * 7 % 97:03}.dcm")
    return values
