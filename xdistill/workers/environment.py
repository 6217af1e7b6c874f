"""The environment of a worker process."""

from __future__ import annotations

RANK_VARIABLE = "XDISTILL_WORKER_RANK"


def worker_environment(rank: int, threads: int) -> dict[str, str]:
    """Threads for the numeric libraries, and the number of this worker, by which it finds its accelerator."""
    return {
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # without it some CUDA sums differ from run to run
        # glibc would hand the memory of every step back to the system and ask for it again in the next.
        "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),
        "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1),
        "MALLOC_TOP_PAD_": str(64 * 2**20),
        RANK_VARIABLE: str(rank),
    }
