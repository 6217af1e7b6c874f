"""Every bundled student with random weights, as a model without a training."""

from __future__ import annotations

import numpy as np
import torch

from xdistill.data import FittedTransforms
from xdistill.interfaces import Student
from xdistill.interfaces.component import choose
from xdistill.interfaces.fitted import Estimator
from xdistill.interfaces.transform import Transform
from xdistill.models.calibration import Calibration
from xdistill.models.calibration.out_of_fold import OutOfFold
from xdistill.models.config import StudentConfig
from xdistill.models.ensemble import Member
from xdistill.models.model import StudentModel
from xdistill.types import ColumnSpec, ModalitySpec, Schema

VOLUME = ModalitySpec("volume", (1, 9, 17, 12))
COLUMNS = (
    ColumnSpec("AFP", unit="ng/mL"),
    ColumnSpec("age"),
    ColumnSpec("sex", "categorical", categories=("F", "M", "other")),
    ColumnSpec("cirrhosis", "indicator"),
)
SCHEMA = Schema(
    {
        **dict.fromkeys(("hbp", "pre", "art"), VOLUME),
        "slice": ModalitySpec("image", (1, 17, 20)),
        "clinical": ModalitySpec("vector", (len(COLUMNS),), COLUMNS),
        "words": ModalitySpec("vector", (6,)),
    },
    ("M0", "M1", "M2"),
)
TABULAR = {"use": "tabular", "modality": "clinical", "scale": "power"}
TFIDF = {"use": "tfidf", "modality": "words", "logarithmic": True}


def encoder(*inputs, use="mri_only", **changes):
    return {"use": use, "inputs": list(inputs), "width": 0.0625, "blocks": 2, "features": 12, **changes}


def branches(*phases, **changes):
    return {phase: encoder(phase, **changes) for phase in phases or ("hbp", "pre")}


def attention(**settings):
    return {"use": "multibranch", "branches": branches(), "fusion": {"use": "cross_attention", **settings}}


CLINICAL = {phase: encoder(phase, "clinical", use="mri_clinical_fusion") for phase in ("hbp", "pre")}

BLOCKS = {
    "attention": attention(),
    "attention, voxels": attention(tokens="voxels", heads=2),
    "attention, text": attention(tokens="voxels", variant="text", normalize="per_source"),
    "attention, bare": attention(normalize="none", share_kv=False, residual=True, width=12),
    "attention, flattened": {"use": "multibranch", "branches": branches(pool="flatten"), "head": {"hidden": [5]}},
    "image": {
        "use": "multibranch",
        "branches": {"slice": encoder("slice", use="image_only")},
        "fusion": {"use": "concat"},
    },
    "monai": {
        "use": "multibranch",
        "branches": {
            "slice": {
                "use": "monai",
                "inputs": ["slice"],
                "network": "DenseNet",
                "settings": {"init_features": 4, "growth_rate": 2, "block_config": [1, 1]},
                "features": 6,
                "map": "features",
            }
        },
    },
    "clinical": {"use": "multibranch", "branches": CLINICAL, "fusion": {"use": "cross_attention"}},
    "clinical, shared": {
        "use": "multibranch",
        "branches": {phase: encoder(phase, "clinical", use="image_clinical_fusion") for phase in ("hbp", "pre")},
        "share_clinical": True,
    },
    "perceptron branch": {
        "use": "multibranch",
        "branches": {"clinical": {"use": "mlp", "inputs": ["clinical", "words"], "features": 5, "norm": "layer"}},
    },
    "values branch": {"use": "multibranch", "branches": {"clinical": {"use": "values", "inputs": ["clinical"]}}},
    "shaspec": {
        "use": "shaspec",
        "branches": {"words": {"use": "mlp", "inputs": ["words"], "hidden": [], "features": 5}},
        "absent": ["clinical"],
        "features": 4,
    },
    "mlp": {"use": "mlp", "inputs": ["words", "clinical"], "hidden": [7, 5], "norm": "batch", "activation": "gelu"},
    "concat": {"use": "concat", "branches": branches(), "hidden": [10]},
    "concat, svm": {"use": "concat", "branches": branches(), "hidden": [10], "estimator": {"use": "linear_svm"}},
    "cnn3d": {"use": "cnn3d", "phases": ["pre", "hbp"], "encoder": encoder("stack", blocks=4)},
    "lstm": {"use": "lstm", "branches": branches(), "sequence": ["pre", "hbp"], "hidden": 7},
    "lstm, shared": {
        "use": "lstm",
        "branches": branches(),
        "sequence": ["pre", "hbp"],
        "hidden": 7,
        "share_encoder": True,
    },
    "m2net": {
        "use": "m2net",
        "modalities": ["hbp", "pre"],
        "width": 0.0625,
        "image_size": 40,
        "bilinear_features": 16,
    },
    "concat_2s": {"use": "concat_2s", "branches": branches("hbp", "pre", "art"), "hidden": [10, 6]},
    "majority": {"use": "fitted", "inputs": ["clinical"], "estimator": {"use": "majority"}},
    "logistic regression": {"use": "fitted", "inputs": ["clinical"], "estimator": {"use": "logistic_regression"}},
    "svm": {"use": "fitted", "inputs": ["words", "clinical"], "estimator": {"use": "linear_svm"}},
    "forest": {
        "use": "fitted",
        "inputs": ["clinical", "words"],
        "estimator": {"use": "random_forest", "trees": 20, "max_depth": 9},
    },
    "forest of numbers": {
        "use": "fitted",
        "inputs": ["clinical"],
        "estimator": {"use": "forest_regressor", "trees": 5, "max_depth": 4},
    },
    "boosted, of numbers": {
        "use": "fitted",
        "inputs": ["clinical"],
        "estimator": {"use": "boosted_regressor", "rounds": 3},
    },
    "risks": {"use": "fitted", "inputs": ["clinical"], "estimator": {"use": "cox_regression"}},
    "ridge": {"use": "fitted", "inputs": ["clinical"], "estimator": {"use": "ridge"}},
    "boosted": {"use": "fitted", "inputs": ["clinical"], "estimator": {"use": "boosted_trees", "rounds": 5}},
}


def values_of(schema, subjects, *, seed=0):
    """Random values before the transforms; some are missing."""
    generator = np.random.default_rng(seed)
    found = {
        name: generator.normal(size=(subjects, *spec.shape)).astype("float32")
        for name, spec in schema.modalities.items()
        if spec.kind != "vector"
    }
    if "clinical" in schema.modalities:
        clinical = np.stack(
            [
                np.exp(generator.normal(4, 2, subjects)),
                generator.normal(60, 10, subjects),
                generator.integers(2, size=subjects).astype(float),
                generator.integers(2, size=subjects).astype(float),
            ],
            axis=1,
        )
        clinical[generator.random(clinical.shape) < 0.1] = np.nan
        found["clinical"] = clinical
    if "words" in schema.modalities:
        found["words"] = generator.poisson(1, (subjects, 6)).astype(float)
    return found


def model_of(catalog, block, *, members=1, temperature=None, optional=(), transforms=(TABULAR, TFIDF), **changes):
    """A model; its transforms and estimators are fitted to random subjects, its weights are random."""
    names = _inputs(catalog, block)
    schema = SCHEMA.restricted_to(names)
    choices = [choose(Transform, one, catalog) for one in transforms if one["modality"] in names]
    made = [_member(catalog, block, schema, choices, seed) for seed in range(members)]
    config = StudentConfig(
        name="tests/student",
        schema=schema.to_json(),
        student=block,
        transforms=[choice.dump() for choice in choices],
        privileged=["genes"],
        optional=list(optional),
        reader=None,
        stored="float32",
        compute={},
        synthetic=True,
        cohort="Generated",
        versions={},
        **changes,
    )
    return StudentModel(config, tuple(made), None if temperature is None else _calibration(temperature))


def _calibration(temperature):
    """One that was fitted to random predictions, but for its temperature."""
    generator = np.random.default_rng(0)
    data = OutOfFold(np.arange(60) % 3, generator.dirichlet((1, 1, 1), 60), np.arange(60))
    return Calibration.fit(data, SCHEMA.classes).model_copy(update={"temperature": temperature})


def _inputs(catalog, block):
    after = SCHEMA.with_modality("clinical", ModalitySpec("vector", (6,)))
    return choose(Student, block, catalog).build(schema=after).inputs


def _member(catalog, block, schema, choices, seed):
    torch.manual_seed(seed)
    values = values_of(schema, 40, seed=seed)
    fitted, after = [], schema
    for choice in choices:
        name = choice.settings.modality
        step = choice.build(spec=after.modalities[name])
        step.fit(values[name])
        after = after.with_modality(name, step.output())
        fitted.append(step)
    network = choose(Student, block, catalog).build(schema=after).eval().requires_grad_(requires_grad=False)
    _statistics(network)
    for module in list(network.modules()):
        if isinstance(module, Estimator):
            if "survival" in module.tasks:
                module.weight.normal_()  # these subjects have no times
                continue
            target = torch.arange(60) % 3
            numbers = "classification" not in module.tasks
            module.fit(torch.randn(60, module.inputs), torch.eye(3)[target] if numbers else target, seed=seed)
    return Member(f"r{seed}-f0", network, FittedTransforms(after, fitted))


def _statistics(network):
    """Batch norms get statistics that are not those of a new layer."""
    for module in network.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
