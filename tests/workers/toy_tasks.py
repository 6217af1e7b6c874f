"""What the workers of these tests do; importable, so that worker processes find it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

from waiting import until


def count(payload):
    """Say the numbers below the payload."""
    yield from range(payload)


def whoami(payload):
    """Say the process and some variables of its environment."""
    time.sleep(payload)
    yield os.getpid(), os.environ.get("TOY_RANK")


def talkative(payload):
    """Print while working."""
    sys.stdout.write("a library says hello\n" * payload)
    os.write(1, b"and so does its C code\n")
    yield "said"


def fail(payload):
    """Fail after a first word; the payload says how."""
    yield "begun"
    if payload == "value":
        raise ValueError("the third volume is upside down")
    if payload == "unpicklable":
        raise Unpicklable("left", "right")
    if payload == "unreadable":
        yield Unreadable()
    if payload == "unsendable":
        yield lambda: None
    if payload == "exit":
        sys.exit("enough")


class Unpicklable(Exception):  # noqa: N818 - it is only raised here
    """Wants two arguments, and hands one to its base: pickle cannot make it anew."""

    def __init__(self, left, right):
        super().__init__(f"{left} and {right}")


def _refuse():
    raise ImportError("this cannot be read in the driver")


class Unreadable:
    """Can be written and not read."""

    def __reduce__(self):
        return _refuse, ()


def die(payload):
    """Die when the payload says so, the way the kernel kills a process that takes too much memory."""
    yield os.getpid()
    if payload == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if payload == "exit":
        os._exit(3)


def fork_children(payload):
    """Start processes of one's own, as libraries for data loading do."""
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=time.sleep, args=(0.01,)) for _ in range(payload)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    yield [child.exitcode for child in children]


def die_with_a_child_left(payload):
    """Die, and leave a child that holds everything open until the file that the payload names is there."""
    if payload is not None:
        child = os.fork()
        if child == 0:
            try:
                until(Path(payload).exists, "that the test lets this child end")
            finally:
                os._exit(0)
        yield child
        os.kill(os.getpid(), signal.SIGKILL)
    yield payload


def rest(payload):
    """Say one's process and work for long."""
    yield os.getpid()
    time.sleep(payload)


def interrupts(payload):
    """Say what Ctrl-C does here, and whether it is held back."""
    del payload
    yield signal.getsignal(signal.SIGINT), signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def mark(payload):
    """Leave a file, after a while."""
    Path(payload).touch()
    yield "marked"


def raise_it(payload):
    """Raise the error that came as the payload."""
    raise payload
    yield
