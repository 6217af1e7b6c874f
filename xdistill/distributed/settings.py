"""Global settings of torch, put back after training and prediction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def torch_settings_kept() -> Iterator[None]:
    """Compute with gradients enabled; afterwards random states, threads and cuDNN flags are as they were."""
    random = torch.get_rng_state()
    started: bool = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    random_cuda = torch.cuda.get_rng_state_all() if started else None
    random_mps = torch.mps.get_rng_state() if torch.backends.mps.is_available() else None
    threads = torch.get_num_threads()
    cudnn = torch.backends.cudnn
    flags = cudnn.benchmark, cudnn.deterministic
    try:
        with torch.enable_grad():
            yield
    finally:
        torch.set_num_threads(threads)
        cudnn.benchmark, cudnn.deterministic = flags
        torch.set_rng_state(random)
        if random_cuda is not None:
            torch.cuda.set_rng_state_all(random_cuda)
        elif torch.cuda.is_available():  # not started before: it starts from the seed that the caller has set
            torch.cuda.manual_seed_all(torch.initial_seed())
        if random_mps is not None:
            torch.mps.set_rng_state(random_mps)
