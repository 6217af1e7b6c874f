"""An exported student against PyTorch: seconds of a batch on one thread, and the AUC that each form keeps.

The student is that of `xdistill fit mvi_hcc`; AUC and differences are measured on phantom subjects of another seed,
none of whom it was trained or calibrated on.

    python benchmarks/perf/export.py [--quick]
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import Row, alone, interleaved, ratios
from numpy.typing import NDArray

BATCHES = (1, 32)
HELD_OUT_SEED = 7

Values = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Form:
    """One form of the student: what it is called, and how it predicts."""

    name: str
    run: Callable[[Values], NDArray[Any]]
    size: float


def rows(quick: bool) -> list[Row]:
    from xdistill.models import load_model

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _fit(folder, quick=quick)
        model = load_model(folder / "model")
        forms = [_torch(model), *_exported(model, folder)]
        values, targets = _held_out(model, folder, quick=quick)
        return [*_latency(forms, values, rounds=5 if quick else 41), *_scores(forms, values, targets)]


def _fit(folder: Path, *, quick: bool) -> None:
    from xdistill import api

    changes = ["data.subjects=60", "stages.joint.epochs=2"] if quick else []
    api.fit(
        "mvi_hcc", folder / "model", crossval=not quick, overrides=changes, runs=folder / "runs", cache=folder / "cache"
    )


def _torch(model: Any) -> Form:
    from xdistill.deployment.export.graph import StudentGraph
    from xdistill.deployment.export.plan import plan_inputs
    from xdistill.training.loader import channels_last

    graph = StudentGraph(model, plan_inputs(model))

    def run(values: Values) -> NDArray[Any]:
        with torch.inference_mode():
            found = graph({name: channels_last(torch.from_numpy(value)) for name, value in values.items()})
        result: NDArray[Any] = found.numpy()
        return result

    return Form("PyTorch", run, 0)


def _exported(model: Any, folder: Path) -> list[Form]:
    from xdistill.deployment.export import export_model
    from xdistill.deployment.export.formats import onnx_runner

    forms = []
    for name, int8 in (("ONNX", False), ("ONNX, int8", True)):
        written = export_model(model, folder / f"int8-{int8}.onnx", int8=int8)
        forms.append(Form(name, onnx_runner(written.path, threads=1), written.size / 2**20))
    return forms


def _held_out(model: Any, folder: Path, *, quick: bool) -> tuple[Values, NDArray[np.int64]]:
    from xdistill.data import build_cohort, open_cohort
    from xdistill.experiment.assemble import choose_dataset
    from xdistill.plugin import load_catalog
    from xdistill.recipe.load import load_recipe

    changes = [f"data.seed={HELD_OUT_SEED}", f"data.subjects={60 if quick else 1000}"]
    loaded = load_recipe("mvi_hcc", overrides=changes)
    data = choose_dataset(loaded, load_catalog())
    cohort = open_cohort(build_cohort(data, loaded.recipe.cache, directory=folder / "held_out"))
    everyone = np.arange(len(cohort))
    return {name: cohort.values(name, everyone) for name in model.inputs}, np.asarray(cohort.targets)


def _latency(forms: list[Form], values: Values, *, rounds: int) -> list[Row]:
    first, *others = forms
    found = []
    for batch in BATCHES:
        some = {name: np.ascontiguousarray(value[:batch]) for name, value in values.items()}
        repeats = max(1, 32 // batch)
        what = f"batch of {batch}"
        for form in forms:
            _repeated(form, some, repeats)  # warm
        for form in others:
            pairs = interleaved(
                partial(_repeated, form, some, repeats),
                partial(_repeated, first, some, repeats),
                rounds=rounds,
                clock=time.process_time,
            )
            if form is others[0]:
                found.append(_milliseconds(f"{first.name}, {what}", [own for _, own in pairs], repeats))
            found.append(_milliseconds(f"{form.name}, {what}", [own for own, _ in pairs], repeats))
            found.append(Row(f"{form.name}, {what}", first.name, ratios(pairs)))
    return found


def _repeated(form: Form, values: Values, repeats: int) -> None:
    for _ in range(repeats):
        form.run(values)


def _milliseconds(what: str, seconds: list[float], repeats: int) -> Row:
    return Row(what, "", tuple(1000 * taken / repeats for taken in seconds), unit=" ms")


def _scores(forms: list[Form], values: Values, targets: NDArray[np.int64]) -> list[Row]:
    from sklearn.metrics import roc_auc_score

    found = []
    expected = None
    for form in forms:
        predicted = np.concatenate(
            [form.run({name: value[start : start + 32] for name, value in values.items()}) for start in _starts(values)]
        ).astype(np.float64)
        predicted /= predicted.sum(axis=1, keepdims=True)
        expected = predicted if expected is None else expected
        auc = roc_auc_score(targets, predicted, multi_class="ovo")
        same = (predicted.argmax(axis=1) == expected.argmax(axis=1)).mean()
        note = f"{len(targets)} held-out subjects"
        if form.size:
            largest = np.abs(predicted - expected).max()
            note += f"; {form.size:.1f} MiB; differs by {largest:.1e} at most, same class for {same:.1%}"
        found.append(Row(f"AUC, {form.name}", "", (100 * auc,), unit=" %", note=note))
    return found


def _starts(values: Values) -> range:
    return range(0, len(next(iter(values.values()))), 32)


if __name__ == "__main__":
    alone(rows, __doc__)
