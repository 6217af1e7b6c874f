"""The data set ``manifest``: a CSV file with a row a subject, over NIfTI files and numpy arrays."""

from xdistill_mri.manifest.dataset import ManifestDataset

__all__ = ["ManifestDataset"]
