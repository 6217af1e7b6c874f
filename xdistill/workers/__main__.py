"""What runs in a worker process: ``python -m xdistill.workers module:function``.

Tasks come in on standard input, messages go out on what was standard output; both are length-prefixed pickles
between two processes of one user on one machine. The process ends at once when its driver is gone.
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

from xdistill.workers.lent import set_lent_cores
from xdistill.workers.tasks import picklable, resolve, said
from xdistill.workers.wire import read_message, write_message


def main() -> None:
    """Serve tasks until the driver closes its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver decides what Ctrl-C means
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # it was held back until here
    incoming, out = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints goes to standard error and not between the messages
    # A process forked from here closes its standard input, and would wait for ever for the lock of one being read.
    sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115 - stays open as long as the process lives
    os.dup2(sys.stdin.fileno(), 0)
    tasks: queue.Queue[Any] = queue.Queue()
    threading.Thread(target=_listen, args=(incoming, tasks), daemon=True).start()
    gc.disable()  # imports make objects that stay, and looking through them again and again takes a quarter of the time
    function = resolve(sys.argv[1])
    gc.freeze()
    gc.enable()
    while True:
        try:
            _serve(function, tasks.get(), out)
        except BrokenPipeError:
            os._exit(0)


def _listen(stream: BinaryIO, tasks: queue.Queue[Any]) -> None:
    """Pass tasks on; when the driver is gone, however it went, there is nobody left to work for."""
    while True:
        try:
            kind, value = read_message(stream)
        except EOFError:
            os._exit(0)
        set_lent_cores(value if kind == "lent" else 0)  # nothing is lent to a new task before the driver says so
        if kind == "task":
            tasks.put(value)


def _serve(function: Callable[[Any], Iterator[Any]], payload: Any, out: BinaryIO) -> None:
    try:
        for message in said(lambda: function(payload)):
            write_message(out, message)
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - an event that cannot be pickled is the task's failure
        write_message(out, ("failed", picklable(error)))


if __name__ == "__main__":
    main()
