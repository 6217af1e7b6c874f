"""A small cohort of NIfTI files and a CSV file, with a recipe over it, to spoil in tests of the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np

SHAPE = (16, 16, 8)
HEADER = "subject,label,hbp,pre,age,sex"

RECIPE = """\
name: tests/patients
data:
  use: manifest
  path: cohort.csv
privileged: [clinical]
transforms: [{use: tabular, modality: clinical}]
teacher:
  use: multibranch
  branches:
    hbp: {use: mri_clinical_fusion, inputs: [hbp, clinical], width: 0.03125, blocks: 2, features: 8}
    pre: {use: mri_clinical_fusion, inputs: [pre, clinical], width: 0.03125, blocks: 2, features: 8}
  fusion: {use: cross_attention}
student:
  use: multibranch
  branches:
    hbp: {use: mri_only, inputs: [hbp], width: 0.03125, blocks: 2, features: 8}
    pre: {use: mri_only, inputs: [pre], width: 0.03125, blocks: 2, features: 8}
  fusion: {use: cross_attention}
stages:
  - name: joint
    train: [teacher, student]
    epochs: 1
    objective:
      - {use: focal, on: teacher}
      - {use: focal, on: student}
      - {use: class_kl}
      - {use: feature_kl, taps: [hbp, pre]}
crossval: {folds: 3}
"""


class Cohort:
    """A folder with ``recipe.yaml``, ``cohort.csv`` and volumes ``s00-hbp.nii.gz`` and so on."""

    def __init__(self, folder: Path, subjects: int = 12) -> None:
        self.folder = folder
        self.recipe = folder / "recipe.yaml"
        self.table = folder / "cohort.csv"
        self.recipe.write_text(RECIPE)
        rows = []
        for index in range(subjects):
            for phase in ("hbp", "pre"):
                self.write_volume(f"s{index:02}-{phase}.nii.gz", seed=2 * index + (phase == "pre"))
            label = ("ill", "well")[index % 2]
            rows.append(
                f"s{index:02},{label},s{index:02}-hbp.nii.gz,s{index:02}-pre.nii.gz,{40 + index},{'fm'[index % 3 % 2]}"
            )
        self.write_table(rows)

    def write_volume(self, name: str, *, seed: int = 0, shape: tuple[int, ...] = SHAPE) -> Path:
        """A volume of noise; axes as NIfTI has them, x first."""
        import nibabel

        values = np.random.default_rng(seed).normal(100, 20, shape).astype(np.float32)
        nibabel.save(nibabel.Nifti1Image(values, np.diag([1.0, 1.0, 3.0, 1.0])), self.folder / name)
        return self.folder / name

    def write_table(self, rows: list[str], header: str = HEADER) -> None:
        """The CSV file."""
        self.table.write_text("\n".join([header, *rows]) + "\n")

    def rows(self) -> list[str]:
        """The rows of the CSV file, without the header."""
        return self.table.read_text().splitlines()[1:]

    def change(self, old: str, new: str) -> None:
        """Replace something in the recipe."""
        text = self.recipe.read_text()
        assert old in text
        self.recipe.write_text(text.replace(old, new, 1))

    def change_row(self, number: int, old: str, new: str) -> None:
        """Replace something in a row, counted from 0."""
        rows = self.rows()
        assert old in rows[number]
        rows[number] = rows[number].replace(old, new, 1)
        self.write_table(rows)
