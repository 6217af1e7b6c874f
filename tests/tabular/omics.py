"""A folder in MOGONET's layout, as small as it can be."""

from __future__ import annotations

from pathlib import Path

TABLES = {
    "1_tr": "0.5,1.5\n2.5,\n4.5,5.5\n6.5,7.5\n",
    "1_te": "8.5,9.5\n1e-1,2e2\n",
    "3_tr": "1\n2\n3\n4\n",
    "3_te": "5\n6\n",
    "labels_tr": "0.000e+00\n1.000e+00\n1.000e+00\n0.000e+00\n",
    "labels_te": "1\n0\n",
    "1_featname": "ENSG1\nENSG2\n",
}


def write(folder: Path, **changes: str) -> dict[str, object]:
    """Write the folder, with some files changed; the settings that read it."""
    for stem, text in {**TABLES, **changes}.items():
        (folder / f"{stem}.csv").write_text(text, encoding="utf-8")
    return {"path": str(folder), "views": {"mrna": 1, "mirna": 3}, "classes": ["control", "ill"]}
