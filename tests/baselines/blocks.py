"""Small networks of every kind, as a recipe writes them."""

from __future__ import annotations


def encoder(phase, **changes):
    return {"use": "mri_only", "inputs": [phase], "width": 0.0625, "features": 12, **changes}


def branches(*phases, **changes):
    return {phase: encoder(phase, **changes) for phase in phases or ("hbp", "pre")}


BLOCKS = {
    "concat": {"use": "concat", "branches": branches(), "hidden": [10]},
    "cnn3d": {"use": "cnn3d", "phases": ["pre", "hbp"], "encoder": encoder("stack")},
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
    "concat_2s": {"use": "concat_2s", "branches": branches(), "hidden": [10, 6]},
    "concat_2s, three phases": {"use": "concat_2s", "branches": branches("hbp", "pre", "art"), "hidden": [10, 6]},
}
