from __future__ import annotations

from functools import cache

import pytest


@pytest.fixture
def student(catalog):
    """A model with random weights, from a block or its name."""
    from exporting.students import BLOCKS, model_of

    return lambda block="mlp", **options: model_of(
        catalog, BLOCKS[block] if isinstance(block, str) else block, **options
    )


@pytest.fixture(scope="package", autouse=True)
def one_registry():
    """PyTorch lists ONNX's operators anew for each export, which takes longer than to export a small student."""
    from torch.onnx._internal.exporter._registration import ONNXRegistry

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ONNXRegistry, "from_torchlib", staticmethod(cache(ONNXRegistry.from_torchlib)))
        yield
