"""A student that has learned where the bright spot is, trained in a moment."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from explain.toy_students import SIDE, images, model_of, spots
from xdistill.models import Member, StudentModel
from xdistill.types import Batch


@pytest.fixture(scope="session")
def trained() -> StudentModel:
    """A student of 2-D images after a few steps of gradient descent."""
    branch = {"use": "mri_only", "inputs": ["xray"], "width": 0.0625, "features": 8}
    model = model_of(
        {"use": "multibranch", "branches": {"xray": branch}},
        images("xray", shape=(SIDE, SIDE)),
        classes=("dark", "bright"),
    )
    network = model.members[0].network.requires_grad_(requires_grad=True).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    for step in range(60):
        image, _, target = spots(32, seed=step)
        batch = Batch({"xray": torch.from_numpy(image)}, {"xray": torch.ones(32, dtype=torch.bool)}, ("",) * 32)
        optimizer.zero_grad()
        F.cross_entropy(network(batch).logits, torch.from_numpy(target)).backward()
        optimizer.step()
    network.eval().requires_grad_(requires_grad=False)
    return StudentModel(model.config, (Member("fit", network, model.members[0].transforms),))
