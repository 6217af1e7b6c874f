"""The data set ``manifest``: a CSV file with one row per subject that names NIfTI files and NumPy arrays."""

from xdistill_mri.manifest.dataset import ManifestDataset

__all__ = ["ManifestDataset"]
