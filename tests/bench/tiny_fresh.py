"""A benchmark on generated cohorts that takes a few seconds."""

from __future__ import annotations

from bench.tiny_benchmark import alone, kd
from xdistill.recipe.yaml.writer import write_yaml

FRESH = {"subjects": 40, "train": [24], "cohorts": 2, "oracle": "oracle", "truth": "truth"}
SOFT = [{"name": "student", "train": ["student"], "epochs": 1, "objective": [{"use": "class_kl"}]}]
ORACLE = {
    **{name: value for name, value in kd().items() if name != "transforms"},
    "privileged": ["truth"],
    "teacher": {"use": "given_logits", "modality": "truth"},
    "stages": SOFT,
}


def write(folder, **changes):
    folder.mkdir(parents=True, exist_ok=True)
    for name, recipe in (("alone", alone()), ("kd", kd()), ("oracle", ORACLE)):
        (folder / f"{name}.yaml").write_text(write_yaml(recipe), encoding="utf-8")
    plain = {
        "format": "xdistill-benchmark",
        "version": 1,
        "name": "fresh",
        "data": {"use": "hcc_phantom", "shape": [8, 16, 16], "truth": True},
        "fresh_test": FRESH,
        "set": {"executor.jobs": 1, "augment": []},
        "reference": "alone",
        "entries": [{"name": name, "recipe": f"{name}.yaml"} for name in ("alone", "kd", "oracle")],
        **changes,
    }
    path = folder / "fresh.yaml"
    path.write_text(write_yaml(plain), encoding="utf-8")
    return path
