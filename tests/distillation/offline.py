"""Small recipes in which a teacher is trained first and then frozen, and one fold of them in this process."""

from __future__ import annotations

import torch

from crossval.missing_runs import fold_run
from tiny import tiny

TEACH = {"name": "teach", "train": ["teacher"], "epochs": 1, "objective": [{"use": "focal", "on": "teacher"}]}
LEARN = {"name": "learn", "train": ["student"], "epochs": 1, "objective": [{"use": "focal"}, {"use": "class_kl"}]}


def of_one_phase(role):
    """A network of the tiny recipe with one branch alone, which takes half the time."""
    network = {name: value for name, value in tiny()[role].items() if name != "fusion"}
    return {**network, "branches": {"hbp": network["branches"]["hbp"]}}


ONE_PHASE = {role: of_one_phase(role) for role in ("teacher", "student")}


def offline(teach=TEACH, learn=LEARN, **changes):
    """The teacher first, then the student, both of one phase."""
    return tiny(**{**ONE_PHASE, "stages": [{**TEACH, **teach}, {**LEARN, **learn}], **changes})


def wider(role, width=0.0625):
    """A network of this recipe with a broader encoder."""
    network = ONE_PHASE[role]
    return {**network, "branches": {name: {**part, "width": width} for name, part in network["branches"].items()}}


def finished(recipe, folder, cache, catalog):
    """A first fold that has run to its end, and its events."""
    fold = fold_run(recipe, folder, cache, catalog)
    return fold, list(fold.events())


def weights(fold):
    return {
        f"{role}.{name}": value.clone()
        for role, network in fold.context.networks.items()
        for name, value in network.state_dict().items()
    }


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(value, second[name]) for name, value in first.items())
