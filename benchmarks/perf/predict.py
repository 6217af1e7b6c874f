"""Predicting from files, against a bare loop that reads, prepares and computes the same.

Both read NIfTI files of the phantom, 32 subjects to a batch, in this process. The command line's row is the time of one
patient from the shell, against ``import torch`` alone.

    python benchmarks/perf/predict.py [--quick]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from common import Row, alone, interleaved, ratios

import xdistill
from xdistill.data import Cohort
from xdistill.data.export import export_cohort
from xdistill.models.stream import predict_stream
from xdistill.models.tables import read_table

BATCH = 32
SMALL = {"stages.joint.epochs": 1, "crossval.folds": 2, "data.subjects": 128}


def rows(quick: bool) -> list[Row]:
    torch.set_num_threads(1)
    rounds = 2 if quick else 7
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        xdistill.fit("mvi_hcc", home / "model", overrides=SMALL, runs=home / "runs", crossval=False)
        cohort = _cohort()
        table = export_cohort(cohort, home / "new", modalities=["hbp", "pre"], labels=False)
        model = xdistill.load_model(home / "model")
        subjects = read_table(model, table)
        files = [[str(table.parent / subject.row[name]) for name in ("hbp", "pre")] for subject in subjects]
        network = model.members[0].network
        pairs = interleaved(lambda: list(predict_stream(model, subjects)), lambda: _bare(network, files), rounds=rounds)
        per_subject = min(ours for ours, _ in pairs) / len(subjects) * 1000
        found = [Row("predict, files", "bare loop", ratios(pairs), 1.1, note=f"best {per_subject:.1f} ms a subject")]
        one = [f"{name}={file}" for name, file in zip(("hbp", "pre"), files[0], strict=True)]
        command = [sys.executable, "-m", "xdistill", "predict", str(home / "model"), *one, "--quiet"]
        pairs = interleaved(lambda: _run(command), lambda: _run([sys.executable, "-c", "import torch"]), rounds=rounds)
        best = min(ours for ours, _ in pairs)
        return [*found, Row("predict, one patient", "import torch", ratios(pairs), 2.0, note=f"best {best:.2f} s")]


def _cohort() -> Cohort:
    from xdistill.data import build_cohort, default_cache_dir, open_cohort
    from xdistill.experiment.assemble import choose_dataset
    from xdistill.plugin import load_catalog
    from xdistill.recipe.load import load_recipe

    loaded = load_recipe("mvi_hcc", overrides=SMALL)
    data = choose_dataset(loaded, load_catalog())
    return open_cohort(build_cohort(data, loaded.recipe.cache, directory=default_cache_dir()))


def _bare(network: torch.nn.Module, files: list[list[str]]) -> list[torch.Tensor]:
    """What one would write with nibabel and torch for this very network."""
    import nibabel
    import numpy as np

    from xdistill.types import Batch

    found = []
    network.eval()
    with torch.inference_mode():
        for start in range(0, len(files), BATCH):
            part = files[start : start + BATCH]
            inputs = {}
            for place, name in enumerate(("hbp", "pre")):
                volumes = [
                    np.asarray(nibabel.load(row[place]).dataobj, dtype=np.float32).transpose(2, 1, 0) for row in part
                ]
                inputs[name] = torch.from_numpy(np.stack(volumes)[:, None].copy())
            present = {name: torch.ones(len(part), dtype=torch.bool) for name in inputs}
            output = network(Batch(inputs, present, tuple(map(str, range(len(part))))))
            found.append(torch.softmax(output.logits.double(), dim=1))
    return found


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True)


if __name__ == "__main__":
    alone(rows, __doc__)
