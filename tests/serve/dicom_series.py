"""DICOM series of a volume, as a scanner writes them: one file per slice."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence

import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

MR = "1.2.840.10008.5.1.4.1.1.4"


def archive(
    values: np.ndarray,
    affine: np.ndarray | None = None,
    *,
    series: int = 1,
    leave_out: Sequence[int] = (),
    patient: str = "NOBODY",
    folder: str = "study/series/",
) -> bytes:
    """A ZIP file of one series or more.

    Args:
        values: along x (towards the patient's left to right: RAS+), y and z.
        affine: diagonal, from voxel indices to mm in RAS+.
        series: how many times the volume is in it.
        leave_out: slices that are missing.
        patient: name.
        folder: within the archive.
    """
    affine = np.diag([2.0, 2.0, 3.0, 1.0]) if affine is None else affine
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for number in range(series):
            study, uid = generate_uid(), generate_uid()
            for place in range(values.shape[2]):
                if place not in leave_out:
                    content = _slice(values[:, :, place], affine, place, study, uid, patient)
                    file.writestr(f"{folder}{number}/IM{place:04d}", content)
        file.writestr("DICOMDIR", b"an index")
        file.writestr("__MACOSX/._IM0001", b"rubbish")
    return buffer.getvalue()


def _slice(values: np.ndarray, affine: np.ndarray, place: int, study: str, series: str, patient: str) -> bytes:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MR
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    item = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    item.SOPClassUID, item.SOPInstanceUID = MR, meta.MediaStorageSOPInstanceUID
    item.StudyInstanceUID, item.SeriesInstanceUID = study, series
    item.FrameOfReferenceUID = study
    item.PatientName, item.PatientID, item.Modality = patient, "1", "MR"
    item.InstanceNumber = place + 1
    # DICOM's x and y point to the patient's left and back: those of RAS+ reversed.
    x, y, z = (affine @ [0, 0, place, 1])[:3]
    item.ImagePositionPatient = [-x, -y, z]
    item.ImageOrientationPatient = [-1, 0, 0, 0, -1, 0]
    item.PixelSpacing = [affine[1, 1], affine[0, 0]]
    item.SliceThickness = affine[2, 2]
    item.Rows, item.Columns = values.shape[1], values.shape[0]
    item.SamplesPerPixel, item.PhotometricInterpretation = 1, "MONOCHROME2"
    item.BitsAllocated, item.BitsStored, item.HighBit, item.PixelRepresentation = 16, 16, 15, 1
    item.PixelData = np.ascontiguousarray(values.T, dtype=np.int16).tobytes()
    buffer = io.BytesIO()
    item.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
