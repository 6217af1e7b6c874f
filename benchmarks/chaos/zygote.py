"""A process that has imported everything, and forks those that others ask it for.

It has one thread, so that what it forks inherits no lock that another thread holds.
"""

from __future__ import annotations

import gc
import os
import pickle
import selectors
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOCKET = "XDISTILL_CHAOS_SOCKET"  # where the zygote listens
STARTED = "XDISTILL_CHAOS_STARTED"  # file to which the processes of a command add their ids
STATUS = struct.Struct("i")
PAUSE = 0.02  # seconds between two looks at what has ended


@dataclass
class Forked:
    """A process that the zygote forked, with what the pool of workers uses of ``subprocess.Popen``."""

    pid: int
    channel: socket.socket
    stdin: Any = None
    stdout: Any = None
    returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit status, negative for a signal; None while it lives."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end.

        Raises:
            subprocess.TimeoutExpired: if it lives longer.
        """
        if self.returncode is None:
            with selectors.DefaultSelector() as selector:
                selector.register(self.channel, selectors.EVENT_READ)
                if not selector.select(timeout):
                    raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            with suppress(BlockingIOError):  # another thread was faster
                content = self.channel.recv(STATUS.size, socket.MSG_PEEK | socket.MSG_DONTWAIT)
                self.returncode = STATUS.unpack(content)[0] if content else -signal.SIGKILL
        return self.returncode or 0

    def kill(self) -> None:
        """Send SIGKILL, unless it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


def fork(target: str, payload: Any, streams: tuple[int, int, int], variables: Mapping[str, str]) -> Forked:
    """Ask the zygote for a process.

    Args:
        target: function of the module ``start`` that it runs; what it returns is the exit code.
        payload: of the function.
        streams: descriptors that become its standard ones.
        variables: of its environment.
    """
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    channel.connect(variables[SOCKET])
    request = pickle.dumps((target, payload, dict(variables), os.getcwd()))  # noqa: PTH109 - a plain string
    socket.send_fds(channel, [request], list(streams))
    return Forked(STATUS.unpack(channel.recv(STATUS.size))[0], channel)


def start_zygote(path: Path) -> dict[str, str]:
    """Fork the zygote from this process; it ends when this one does. Gives the variable by which it is found."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listening.bind(str(path))
    listening.listen(64)
    gc.freeze()
    ours, theirs = socket.socketpair()
    if os.fork():
        listening.close()
        theirs.close()
        globals()["_kept"] = ours  # closed when this process ends, for whatever reason
        return {SOCKET: str(path)}
    ours.close()
    try:
        _serve(listening, theirs)
    finally:
        os._exit(0)


def _serve(listening: socket.socket, parent: socket.socket) -> None:
    channels: dict[int, socket.socket] = {}
    selector = selectors.DefaultSelector()
    selector.register(listening, selectors.EVENT_READ)
    selector.register(parent, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select(PAUSE):
            if key.fileobj is parent:
                for pid in channels:
                    os.kill(pid, signal.SIGKILL)
                return
            channel, _ = listening.accept()
            message, streams, *_ = socket.recv_fds(channel, 2**20, 3)
            pid = os.fork()
            if not pid:
                _run(message, streams)
            for descriptor in streams:
                os.close(descriptor)
            channels[pid] = channel
            with suppress(OSError):
                channel.send(STATUS.pack(pid))
        _reap(channels)


def _reap(channels: dict[int, socket.socket]) -> None:
    while channels:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        with suppress(OSError), channels.pop(pid) as channel:
            channel.send(STATUS.pack(os.waitstatus_to_exitcode(status)))


def _run(message: bytes, streams: list[int]) -> None:
    code = 70
    try:
        target, payload, variables, folder = pickle.loads(message)  # noqa: S301 - of our own processes
        os.environ.clear()
        os.environ.update(variables)
        os.chdir(folder)
        _connect(streams)
        with suppress(KeyError), Path(os.environ[STARTED]).open("a") as file:
            file.write(f"{os.getpid()}\n")
        import start

        function: Callable[[Any], int] = getattr(start, target)
        code = function(payload)
    except BaseException:  # noqa: BLE001 - a fork must not return to its parent's code
        import traceback

        traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _connect(streams: list[int]) -> None:
    """Let descriptors 0 to 2 be these, and close all others, as a new process has none of them."""
    for number, descriptor in enumerate([os.dup(descriptor) for descriptor in streams]):
        os.dup2(descriptor, number)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
