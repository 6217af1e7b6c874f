"""The connection of this process to a Ray cluster.

It is made once and kept until the process ends, since connecting takes seconds and a benchmark has many runs.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from importlib.util import find_spec
from typing import Any

from xdistill.errors import RunError, UserError

LOOPBACK = "127.0.0.1"
OBJECT_STORE = 80 * 2**20  # bytes, near the least that Ray accepts: jobs send small events and leave files
_CLOSED = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is reported to anybody
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # under `uv run`, Ray would install packages on the workers
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # the way of later versions, which Ray asks for in a warning
}
_QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}


def connect(address: str | None, *, patience: float) -> Any:
    """Connect to a cluster, or start a Ray of its own on this machine.

    Args:
        address: ``host:port``, ``auto``, or None for ``RAY_ADDRESS`` and else this machine.
        patience: seconds after which to give up.

    Returns:
        The module ``ray``.

    Raises:
        UserError: when ray is not installed, or the process is connected to another cluster already.
        RunError: when nothing answers, or the cluster does not accept this process.
    """
    if find_spec("ray") is None:
        raise UserError("the executor `ray` needs Ray, which is not installed; run `pip install 'xdistill[ray]'`")
    wanted = address or os.environ.get("RAY_ADDRESS") or "local"
    os.environ.update(_CLOSED)
    if wanted == "local":
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # in Ray's words: listen on the loopback device alone
    import ray

    if ray.is_initialized():
        _check_same(ray, address)
        return ray
    if "://" in wanted:
        raise UserError(
            f"{wanted}: Ray's client is not supported; start the command on a machine of the cluster, and name its "
            f"head as host:port, or auto"
        )
    if wanted == "local":
        _start(ray)
    else:
        where = _resolved(wanted)
        _check_answers(where, min(patience, 10.0), address=wanted)
        _join(ray, where, patience)
    _keep_quiet()
    return ray


def _start(ray: Any) -> None:
    """Start a Ray on this machine that ends with this process, reachable from this machine alone.

    In this very thread: the system ends Ray's processes when the thread that started them ends.
    """
    try:
        ray.init(
            "local",
            include_dashboard=False,
            object_store_memory=OBJECT_STORE,
            _node_ip_address=LOOPBACK,
            **_QUIET,
        )
    except Exception as error:
        raise RunError(f"Ray cannot be started on this machine: {_line(error)}") from error


def _join(ray: Any, where: str, patience: float) -> None:
    """Join a cluster; in a thread, since Ray can wait for ever."""
    raised: list[Exception] = []

    def join() -> None:
        try:
            ray.init(where, **_QUIET)
        except Exception as error:  # noqa: BLE001 - reported to the user, whatever it is
            raised.append(error)

    thread = threading.Thread(target=join, daemon=True, name="ray.init")
    thread.start()
    thread.join(patience)
    if thread.is_alive():
        raise RunError(f"the Ray cluster at {where} did not accept this process within {patience:g} seconds. {_REMEDY}")
    if raised:
        raise _explained(raised[0], where) from raised[0]


def _keep_quiet() -> None:
    """Let Ray not print what befell its nodes: it would stand on standard output, among results."""
    from ray._private import worker

    worker._worker_logs_enabled = False  # noqa: SLF001 - the switch of Ray's own debugger; there is no public one


def _resolved(address: str) -> str:
    """The ``host:port`` that Ray takes an address for: ``auto`` is looked up, and a loopback address changed."""
    from ray._private.services import canonicalize_bootstrap_address  # what ray.init calls; it has no public name

    try:
        where: str | None = canonicalize_bootstrap_address(address)
    except (ConnectionError, ValueError, OSError) as error:
        raise RunError(f"there is no Ray cluster at {address!r}: {_line(error)}. {_REMEDY}") from error
    if where is None:
        raise RunError(f"there is no Ray cluster at {address!r}. {_REMEDY}")
    return where


def _check_answers(where: str, seconds: float, *, address: str) -> None:
    host, _, port = where.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=seconds).close()
    except (OSError, ValueError, OverflowError) as error:
        meant = "" if where == address else f", which Ray takes {address} for"
        raise RunError(f"no Ray cluster answers at {where}{meant}: {error}. {_REMEDY}") from error


def _check_same(ray: Any, address: str | None) -> None:
    """Whether the cluster that this process is connected to is the one that is meant."""
    there = ray.get_runtime_context().gcs_address
    if address not in {None, "auto", "local", there} and _resolved(str(address)) != there:
        raise UserError(
            f"this process is connected to the Ray cluster at {there}, not to {address}; leave out the address, "
            f"or call ray.shutdown() first"
        )


def _explained(error: Exception, where: str) -> RunError:
    if "authentication token" in f"{error} {error.__cause__}".lower():
        return RunError(
            f"the Ray cluster at {where} requires a token that this process does not have; export RAY_AUTH_MODE=token, "
            f"and copy ~/.ray/auth_token from a machine of the cluster"
        )
    if "ersion mismatch" in str(error):
        return RunError(
            f"the Ray cluster at {where} rejects this process, because versions differ: {_line(error)}; install "
            f"the same versions of Python and Ray on all machines"
        )
    return RunError(f"cannot join the Ray cluster at {where}: {_line(error)}. {_REMEDY}")


def _line(error: BaseException) -> str:
    """What an error and its cause say, in one line."""
    said = [_untraced(str(each)) for each in (error, error.__cause__) if each is not None]
    return ": ".join(" ".join(text.split()) for text in said).rstrip(". ") or type(error).__name__


def _untraced(text: str) -> str:
    """What Ray says, without a traceback that it may quote: of that only the last line, which names the error."""
    before, traceback, quoted = text.partition("Traceback (most recent call last):")
    return f"{before} {quoted.strip().splitlines()[-1]}" if traceback and quoted.strip() else before


_REMEDY = (
    "Start the command on a machine of the cluster; `ray start --head` starts one, and `ray status` says whether it is "
    "there"
)
