"""Two processes come to the numbers of one."""

import pytest
import torch

from distributed.computing import computed
from xdistill.distributed import launch
from xdistill.distributed.fabric import make_fabric
from xdistill.distributed.launch import run_distributed
from xdistill.distributed.sharding import ShardedForward, shares
from xdistill.recipe.schema.compute import Compute

SIZES = (8, 5, 3)  # even shares, uneven ones, and one process without any


@pytest.mark.parametrize(
    ("subjects", "processes", "expected"),
    [
        (8, 2, [4, 4]),
        (7, 3, [2, 2, 3]),
        (5, 4, [2, 3, 0, 0]),
        (3, 2, [3, 0]),
        (1, 2, [1, 0]),
        (16, 3, [5, 5, 6]),
    ],
)
def test_nobody_computes_one_subject_alone(subjects, processes, expected):
    assert shares(subjects, processes) == expected


def test_each_process_draws_its_own_and_leaves_the_common_numbers_alone(monkeypatch):
    def drawn(rank, step):
        monkeypatch.setattr(torch.distributed, "get_rank", lambda: rank)
        monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
        compute = ShardedForward(torch.device("cpu"), seed=3)
        compute.begin(step)
        values = []
        for _ in ("teacher", "student"):
            with compute._own_random_numbers():
                values.append(float(torch.rand(())))
        return values

    torch.manual_seed(1)
    expected = float(torch.rand(()))
    torch.manual_seed(1)
    values = [*drawn(0, 0), *drawn(1, 0), *drawn(0, 1)]
    assert len(set(values)) == 6
    assert drawn(1, 0) == values[2:4]  # as after an interruption
    assert float(torch.rand(())) == expected


@pytest.fixture(scope="module")
def together():
    """What two processes come to, by the size of the batch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch, "_teams", {})
        payload = {"recipe": {"compute": {"devices": 2, "threads": 1}}, "repeat": 0, "fold": 0, "sizes": SIZES}
        yield dict(zip(SIZES, run_distributed(payload, "distributed.toy_ranks:computed"), strict=True))
        for team in launch._teams.values():
            team.close()


@pytest.mark.parametrize("subjects", SIZES)
def test_the_same_step_as_in_one_process(together, subjects):
    total, gradients, buffers = computed(make_fabric(Compute(accelerator="cpu")), subjects)
    other_total, other_gradients, other_buffers = together[subjects]
    assert other_total == pytest.approx(total, rel=1e-5)
    assert set(other_gradients) == set(gradients)  # weights that the objective does not reach have none
    assert not [name for name in gradients if "unused" in name]
    for name, value in gradients.items():
        torch.testing.assert_close(
            other_gradients[name], value, rtol=1e-4, atol=1e-5, msg=lambda text, name=name: name + text
        )
    for name, value in buffers.items():
        torch.testing.assert_close(other_buffers[name], value, rtol=1e-6, atol=1e-6)
