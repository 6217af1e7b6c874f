"""Importing pairs of volumes, NIfTI or DICOM, against MONAI's loader and CacheDataset with the same preprocessing.

    python benchmarks/perf/importing.py [--quick]

Two volumes of each of 270 subjects are written into a temporary folder, as NIfTI files and as DICOM series. Both read
them, turn them to RAS, resample, crop around the centre or pad, and standardise, on two cores: xdistill with two
processes into a cohort file with checksums, MONAI with two threads into memory. Each is measured in a process of its
own, from after the imports, and the note states the peak of memory of all its processes. The values of the first
subject must agree.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from common import Row, alone

PAIRS, KINDS = 270, ("NIfTI", "DICOM")
SHAPE = (192, 192, 40)
SPACING, SIZE = (3.0, 1.5, 1.5), (32, 96, 96)  # depth, height, width
CORES = 2
NAMES = ("hbp", "pre")


def rows(quick: bool) -> list[Row]:
    rounds = 1 if quick else 3
    return [_row(kind, 12 if quick else PAIRS, rounds) for kind in KINDS]


def _row(kind: str, pairs: int, rounds: int) -> Row:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_pairs(folder, pairs, WRITERS[kind])
        found = {"xdistill": [], "monai": []}
        for number in range(rounds):
            order = list(found) if number % 2 == 0 else list(reversed(found))
            for which in order:
                found[which].append(in_process(which, folder))
    ours, theirs = found["xdistill"], found["monai"]
    agree = np.abs(np.subtract(ours[0]["first"], theirs[0]["first"])).max()
    note = (
        f"{min(one['seconds'] for one in ours):.1f} s and {min(one['seconds'] for one in theirs):.1f} s at best; "
        f"{max(one['mb'] for one in ours):.0f} MB and {max(one['mb'] for one in theirs):.0f} MB of memory; values "
        f"differ by {agree:.1g}"
    )
    ratios = tuple(one["seconds"] / other["seconds"] for one, other in zip(ours, theirs, strict=True))
    return Row(f"importing {pairs} pairs, {kind}", "MONAI CacheDataset", ratios, 0.6, note=note)


def write_pairs(folder: Path, pairs: int, write: Callable[[Path, Any], str]) -> None:
    """Volumes of smooth noise, two of each subject, and the table of them."""
    random = np.random.default_rng(0)
    lines = ["subject,label,hbp,pre"]
    for number in range(pairs):
        files = []
        for name in NAMES:
            coarse = random.integers(0, 1000, [length // 4 for length in SHAPE])
            values = np.kron(coarse, np.ones((4, 4, 4), dtype=np.int16)) + random.integers(0, 40, SHAPE)
            files.append(write(folder / f"{number}_{name}", values.astype(np.int16)))
        lines.append(f"s{number},{'ab'[number % 2]},{','.join(files)}")
    (folder / "cohort.csv").write_text("\n".join(lines) + "\n")


def write_nifti(path: Path, values: Any) -> str:
    """Write ``(x, y, z)``; return the cell of the table."""
    import nibabel

    nibabel.save(nibabel.Nifti1Image(values, np.diag([-1.2, 1.2, 2.5, 1.0])), f"{path}.nii.gz")
    return f"{path.name}.nii.gz"


def write_dicom(path: Path, values: Any) -> str:
    """Write ``(x, y, z)`` as one file per slice; return the cell of the table."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

    path.mkdir()
    series = generate_uid()
    for number, plane in enumerate(np.moveaxis(values, 2, 0)):
        slice_ = Dataset()
        slice_.file_meta = FileMetaDataset()
        slice_.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        slice_.file_meta.MediaStorageSOPClassUID = slice_.SOPClassUID = MRImageStorage
        slice_.file_meta.MediaStorageSOPInstanceUID = slice_.SOPInstanceUID = generate_uid()
        slice_.Modality, slice_.ImageType, slice_.PatientID = "MR", ["ORIGINAL", "PRIMARY"], path.name
        slice_.StudyInstanceUID = slice_.SeriesInstanceUID = series
        slice_.ImagePositionPatient, slice_.ImageOrientationPatient = [0, 0, 2.5 * number], [1, 0, 0, 0, 1, 0]
        slice_.PixelSpacing, slice_.InstanceNumber, slice_.SliceThickness = [1.2, 1.2], number + 1, 2.5
        slice_.Rows, slice_.Columns = plane.shape[::-1]
        slice_.SamplesPerPixel, slice_.PhotometricInterpretation = 1, "MONOCHROME2"
        slice_.BitsAllocated = slice_.BitsStored = 16
        slice_.HighBit, slice_.PixelRepresentation = 15, 1
        slice_.PixelData = np.ascontiguousarray(plane.T).tobytes()
        slice_.save_as(path / f"{number:03}.dcm", enforce_file_format=True)
    return f"{path.name}/"


WRITERS = {"NIfTI": write_nifti, "DICOM": write_dicom}


def in_process(which: str, folder: Path) -> dict[str, Any]:
    """Run one of them in a process of its own, with one thread for each of its workers."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--measure", which, str(folder)]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(which: str, folder: Path) -> None:
    """Print seconds, memory and some values as JSON."""
    run = {"xdistill": with_xdistill, "monai": with_monai}[which](folder)
    begin = time.perf_counter()
    first = run()
    seconds = time.perf_counter() - begin
    peaks = [resource.getrusage(whose).ru_maxrss for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    megabytes = (peaks[0] + CORES * peaks[1]) / 1024  # of a child, the largest is known
    print(json.dumps({"seconds": seconds, "mb": megabytes, "first": first[0, ::8, ::16, ::16].tolist()}))


def with_xdistill(folder: Path) -> Callable[[], Any]:
    """The import of xdistill, without its imports of modules."""
    import scipy.ndimage  # noqa: F401 -- loaded beforehand, as in the other

    from xdistill.data import build_cohort, open_cohort
    from xdistill.interfaces import Choice
    from xdistill.recipe.schema.recipe import CacheRecipe
    from xdistill_mri.manifest import ManifestDataset

    preprocess = {"orientation": "RAS", "spacing": SPACING, "size": SIZE, "fit": "pad_or_crop", "zscore": True}
    config = ManifestDataset.Config.model_validate({"path": str(folder / "cohort.csv"), "preprocess": preprocess})

    def run() -> Any:
        with tempfile.TemporaryDirectory() as cache:
            data = Choice(ManifestDataset, config)
            path = build_cohort(data, CacheRecipe(), directory=Path(cache), workers=CORES)
            return np.array(open_cohort(path).values("hbp", [0])[0])

    return run


def with_monai(folder: Path) -> Callable[[], Any]:
    """MONAI's dictionary transforms into a CacheDataset."""
    import torch
    from monai.data import CacheDataset
    from monai.transforms import (
        Compose,
        EnsureChannelFirstd,
        LoadImaged,
        NormalizeIntensityd,
        Orientationd,
        ResizeWithPadOrCropd,
        Spacingd,
    )

    torch.set_num_threads(1)
    pixdim, size = tuple(reversed(SPACING)), tuple(reversed(SIZE))
    steps = [
        LoadImaged(NAMES),
        EnsureChannelFirstd(NAMES),
        Orientationd(NAMES, axcodes="RAS", labels=(("L", "R"), ("P", "A"), ("I", "S"))),
        Spacingd(NAMES, pixdim=pixdim, mode="bilinear", padding_mode="border"),
        ResizeWithPadOrCropd(NAMES, spatial_size=size),
        NormalizeIntensityd(NAMES),
    ]
    table = [line.split(",") for line in (folder / "cohort.csv").read_text().splitlines()[1:]]
    items = [{"hbp": str(folder / hbp), "pre": str(folder / pre)} for _, _, hbp, pre in table]

    def run() -> Any:
        cached = CacheDataset(items, Compose(steps), cache_rate=1.0, num_workers=CORES, progress=False)
        return cached[0]["hbp"].numpy().transpose(0, 3, 2, 1)

    return run


if __name__ == "__main__":
    if "--measure" in sys.argv:
        measure(*(kind(value) for kind, value in zip((str, Path), sys.argv[2:], strict=True)))
    else:
        alone(rows, __doc__)
