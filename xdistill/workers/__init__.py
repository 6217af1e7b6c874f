"""Worker processes that outlive no driver: a pool over plain subprocesses.

`multiprocessing` is not used, because its spawned children import the caller's main script anew: a notebook or
a script without an ``if __name__ == "__main__"`` guard could then not call xdistill at all.
"""

from xdistill.workers.pool import Message, run_tasks

__all__ = ["Message", "run_tasks"]
