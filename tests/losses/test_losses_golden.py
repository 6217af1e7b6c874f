"""Values that widely used public implementations give, to a millionth."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from xdistill.types import Output

GOLDEN = json.loads((Path(__file__).parent / "golden.json").read_text(encoding="utf-8"))["values"]


def counted(*lengths):
    """Indices from 0 along each axis, in double precision."""
    return torch.meshgrid(*(torch.arange(float(length), dtype=torch.float64) for length in lengths), indexing="ij")


def outputs():
    i, j = counted(8, 5)
    logits = 2 * torch.sin(1.3 * i + 0.7 * j + 0.1), 3 * torch.cos(0.9 * i - 0.4 * j + 0.2)
    i, d = counted(8, 12)
    vectors = (
        torch.sin(0.37 * i * d + 0.5 * i + 0.11 * d),
        torch.cos(0.29 * i * d - 0.3 * i + 0.23 * d),
    )
    n, c, h, w = counted(8, 4, 4, 4)
    maps = (
        torch.sin(0.5 * n + 0.7 * c + 0.9 * h + 1.1 * w + 0.3 * c * h),
        torch.cos(0.4 * n - 0.6 * c + 0.8 * h - 1.0 * w + 0.2 * c * w),
    )
    return [
        Output(logits[role], {"vector": vectors[role], "map": maps[role], "half of the map": maps[role] / 2})
        for role in (0, 1)
    ]


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden["name"])
def test_golden_values(golden, value_of):
    target = [(3 * place + 1) % 5 for place in range(8)]
    value = value_of(golden["loss"], *outputs(), target=target)
    assert value == pytest.approx(golden["value"], rel=1e-6)


@pytest.mark.parametrize("golden", [one for one in GOLDEN if "taps" in one["loss"]], ids=lambda golden: golden["name"])
def test_a_tap_counts_as_often_as_it_is_named(golden, value_of):
    taps = golden["loss"]["taps"]
    if len(taps) == 1:
        value = value_of({**golden["loss"], "taps": taps * 2}, *outputs())
        assert value == pytest.approx(2 * golden["value"], rel=1e-6)
