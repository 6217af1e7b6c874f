"""What runs in a worker process: ``python -m xdistill.workers module:function``.

Tasks arrive on standard input, messages leave on what was standard output; both are pickles between two processes of
one user on one machine. The process ends as soon as its driver has ended.
"""

from __future__ import annotations

import gc
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from xdistill.workers.tasks import picklable, resolve, run_task
from xdistill.workers.wire import read_message, write_message


def main() -> None:
    """Serve tasks until the driver closes its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver handles Ctrl-C
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # blocked until here by the driver
    incoming, out = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # output of libraries must not mix with the messages
    # A process forked from here closes its standard input; if that were being read, it would wait for its lock forever.
    sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115 - stays open as long as the process lives
    os.dup2(sys.stdin.fileno(), 0)
    tasks: queue.Queue[Any] = queue.Queue()
    threading.Thread(target=_listen, args=(incoming, tasks), daemon=True).start()
    gc.disable()  # collecting garbage while importing finds none and takes a quarter of the time
    function = resolve(sys.argv[1])
    gc.freeze()
    gc.enable()
    while True:
        try:
            _serve(function, tasks.get(), out)
        except BrokenPipeError:
            os._exit(0)


def _listen(stream: BinaryIO, tasks: queue.Queue[Any]) -> None:
    """Queue tasks; end this process when the driver has ended, for whatever reason."""
    while True:
        try:
            tasks.put(read_message(stream))
        except EOFError:
            os._exit(0)


def _serve(function: Callable[[Any], Iterator[Any]], payload: Any, out: BinaryIO) -> None:
    try:
        for message in run_task(lambda: function(payload)):
            write_message(out, message)
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - an event that cannot be pickled is the task's failure
        write_message(out, ("failed", picklable(error)))


if __name__ == "__main__":
    main()
