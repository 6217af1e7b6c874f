from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from xdistill_mri.manifest import ManifestDataset

HEADER = "subject,label,t1,age,sex"


@dataclass
class Folder:
    """A folder with small volumes, and CSV files over them."""

    path: Path

    def dataset(self, text, **settings):
        content = text if isinstance(text, bytes) else text.encode()
        file = self.path / "cohort.csv"
        file.write_bytes(content)
        return ManifestDataset(ManifestDataset.Config.model_validate({"path": str(file), **settings}))

    def rows(self, *rows, header=HEADER, **settings):
        return self.dataset("\n".join([header, *rows]) + "\n", **settings)


@pytest.fixture
def folder(tmp_path):
    """Volumes a.npy to d.npy of 2 x 3 x 4 voxels that hold 1 to 4."""
    for number, name in enumerate("abcd", start=1):
        np.save(tmp_path / f"{name}.npy", np.full((2, 3, 4), number, dtype=np.float32))
    return Folder(tmp_path)
