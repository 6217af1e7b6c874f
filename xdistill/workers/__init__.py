"""Worker processes that outlive no driver: a pool over plain subprocesses.

`multiprocessing` is not used, because its spawned children import the caller's main script anew: a notebook or
a script without an ``if __name__ == "__main__"`` guard could then not call xdistill at all.
"""

from xdistill.workers.environment import RANK_VARIABLE, worker_environment
from xdistill.workers.lent import lent_cores
from xdistill.workers.pool import Message, Team, run_tasks
from xdistill.workers.tasks import resolve, said

__all__ = ["RANK_VARIABLE", "Message", "Team", "lent_cores", "resolve", "run_tasks", "said", "worker_environment"]
