"""The pointing game on the phantom: how often the peak of an explanation lies in the lesion, whose place is known.

After Zhang et al., Top-down neural attention by excitation backprop, ECCV 2016. Patients are new: their seed is another
than that of the training cohort. Chance is the lesion's share of the voxels.

    python benchmarks/pointing_game.py                           # trains mvi_hcc first (minutes)
    python benchmarks/pointing_game.py --model models/mvi        # a model that is trained already
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

import xdistill
from xdistill.deployment.explain import Explanation, Options, explain_arrays
from xdistill.deployment.explain.checks import CheckSummary
from xdistill.models import StudentModel
from xdistill_mri.phantom.dataset import HccPhantom

ROWS = {
    "Grad-CAM": Options("gradcam", check=True),
    "Grad-CAM, last convolution": Options("gradcam", layers=("*.trunk.last",), check=True),
    "integrated gradients": Options("ig", check=True),
    "occlusion": Options("occlusion", check=True),
}
PHASES = ("hbp", "pre")
SEED = 1  # of the new patients


@dataclass(frozen=True)
class Score:
    """The result of one method in one phase.

    Attributes:
        hits: subjects whose peak lies in the lesion.
        subjects: how many there are.
        chance: mean share of the volume that is lesion.
        energy: mean share of the positive attribution that lies in the lesion.
    """

    hits: int
    subjects: int
    chance: float
    energy: float

    def cells(self) -> list[str]:
        """Hits with their 95 % interval (Wilson), chance, energy; in percent."""
        share, count, z = self.hits / self.subjects, self.subjects, 1.96
        centre = (share + z**2 / (2 * count)) / (1 + z**2 / count)
        half = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
        interval = f"{100 * (centre - half):.1f} to {100 * (centre + half):.1f}"
        return [f"{100 * share:.1f}", interval, f"{100 * self.chance:.1f}", f"{100 * self.energy:.1f}"]


def main() -> int:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as temporary:
        if arguments.model is None:
            to = Path(temporary) / "model"
            model = xdistill.fit("mvi_hcc", to, runs=arguments.runs or Path(temporary) / "runs")
        else:
            model = xdistill.load_model(arguments.model)
        rows = {name: ROWS[name] for name in arguments.method or ROWS}
        play(model, rows, arguments.subjects, arguments.tolerance, arguments.device)
    return 0


def play(model: StudentModel, methods: Mapping[str, Options], subjects: int, tolerance: int, device: str) -> None:
    """Print the table."""
    shape = model.schema.modalities[PHASES[0]].shape[1:]
    data = HccPhantom(HccPhantom.Config(subjects=subjects, shape=shape, seed=SEED))
    rows = range(subjects)
    volumes = list(data.load_many(rows))
    arrays = {phase: np.stack([volume[phase] for volume in volumes]) for phase in PHASES}
    lesions = {phase: _grown(masks, tolerance) for phase, masks in data.lesions(rows).items()}
    print(f"{subjects} new patients, volumes of {'x'.join(map(str, shape))}, tolerance {tolerance} voxels")
    print("\n| method | phase | peak in lesion, % | 95 % interval | chance, % | attribution in lesion, % |")
    print("|---|---|---:|---:|---:|---:|")
    checks = []
    for name, options in methods.items():
        found = list(explain_arrays(model, arrays, options, device=device))
        for phase in PHASES:
            print(f"| {name} | {phase} | {' | '.join(score(found, phase, lesions[phase]).cells())} |", flush=True)
        checks.append((name, found[0].maps[PHASES[0]].layer, CheckSummary.of(found)))
    print()
    for name, layer, summary in checks:
        print(f"{name}{f' at {layer}' if layer else ''}")
        for line in [] if summary is None else summary.lines():
            print(f"  {line}")


def score(found: list[Explanation], phase: str, lesions: NDArray[np.bool_]) -> Score:
    """The result in one phase."""
    maps = [one.maps[phase] for one in found]
    hits = sum(bool(lesion[one.peak]) for one, lesion in zip(maps, lesions, strict=True))
    positive = [np.maximum(one.values, 0) for one in maps]
    energy = [
        float(values[lesion].sum() / values.sum()) if values.any() else float(lesion.mean())
        for values, lesion in zip(positive, lesions, strict=True)
    ]
    return Score(hits, len(found), float(lesions.mean()), float(np.mean(energy)))


def _grown(masks: NDArray[np.bool_], voxels: int) -> NDArray[np.bool_]:
    if not voxels:
        return masks
    return np.stack([binary_dilation(mask, iterations=voxels) for mask in masks])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a model folder or a run; default: fit mvi_hcc")
    parser.add_argument("--runs", type=Path, help="folder of runs, to resume a fit")
    parser.add_argument("--subjects", type=int, default=200, help="new patients")
    parser.add_argument("--tolerance", type=int, default=0, help="voxels around the lesion that count as hits")
    parser.add_argument("--method", action="append", choices=ROWS, help="can be repeated; default: all")
    parser.add_argument("--device", default="auto")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
