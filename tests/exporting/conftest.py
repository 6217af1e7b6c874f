from __future__ import annotations

import pytest


@pytest.fixture
def student(catalog):
    """A model with random weights, from a block or its name."""
    from exporting.students import BLOCKS, model_of

    return lambda block="mlp", **options: model_of(
        catalog, BLOCKS[block] if isinstance(block, str) else block, **options
    )
