"""The environment of a worker process."""

from __future__ import annotations

RANK_VARIABLE = "XDISTILL_WORKER_RANK"


def worker_environment(rank: int, threads: int) -> dict[str, str]:
    """Environment variables of a worker.

    Args:
        rank: the worker's number, which selects its accelerator.
        threads: CPU threads of the numeric libraries.
    """
    return {
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # without it some CUDA sums differ from run to run
        # glibc would return the memory of every step to the system and request it again in the next.
        "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),
        "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1),
        "MALLOC_TOP_PAD_": str(64 * 2**20),
        RANK_VARIABLE: str(rank),
    }
