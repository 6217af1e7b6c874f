"""Worker processes that end with their driver: a pool over plain subprocesses.

`multiprocessing` and what builds on it are not used, because their spawned children import the caller's main script: a
notebook, or a script without an ``if __name__ == "__main__"`` guard, could then not call xdistill at all. Nor do they
stream events of a task that still runs, or outlive the death of one worker.
"""

from xdistill.workers.cores import cores
from xdistill.workers.environment import RANK_VARIABLE, worker_environment
from xdistill.workers.pool import Message, Team, run_tasks
from xdistill.workers.tasks import resolve, run_task

__all__ = ["RANK_VARIABLE", "Message", "Team", "cores", "resolve", "run_task", "run_tasks", "worker_environment"]
