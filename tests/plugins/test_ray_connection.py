"""Ray where it is not as it should be: one message each, and never a wait without end."""

import socket
import subprocess
import sys
import sysconfig

import pytest

from ray_cluster import needs_ray
from waiting import LONG
from xdistill.errors import RunError, UserError
from xdistill_ray.executor import RayExecutor

pytestmark = needs_ray


def check(address):
    RayExecutor(RayExecutor.Config(address=address, patience=3.0)).check()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("nonsense", "there is no Ray cluster at 'nonsense'"),
        ("no-such-host.invalid:6379", "no Ray cluster answers at no-such-host.invalid:6379: .* Start the command on"),
        ("127.0.0.1:9", "no Ray cluster answers at .*:9.*: .*Connection refused.* Start the command on a machine of"),
        ("10.0.0.1:none", "10.0.0.1:none"),
    ],
)
def test_an_address_where_nothing_is(address, message):
    with pytest.raises(RunError, match=message):
        check(address)


def test_the_client_of_ray_is_refused():
    with pytest.raises(UserError, match=r"ray://head:10001: Ray's client is not supported; start the command on"):
        check("ray://head:10001")


def test_what_answers_is_no_ray():
    """A server that says nothing is given up after `patience`, and the process can end, whatever still waits in it."""
    program = (
        "import sys\n"
        "from xdistill_ray.connection import connect\n"
        "from xdistill.errors import UserError\n"
        "try:\n"
        "    connect(sys.argv[1], patience=2.0)\n"
        "except UserError as error:\n"
        "    sys.exit(f'refused: {error}')\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        words = [sys.executable, "-c", program, address]
        done = subprocess.run(words, capture_output=True, text=True, timeout=LONG, check=False)
    assert done.stderr.startswith(f"refused: the Ray cluster at {address} did not accept this process within 2 seconds")
    assert (done.returncode, done.stdout) == (1, "")


def test_a_worker_without_xdistill(tmp_path):
    """What is sent to a worker needs nothing of ours to say so."""
    import ray.cloudpickle

    from xdistill_ray.task import driver, make_task

    sent = ray.cloudpickle.dumps((make_task(), driver()))
    program = (
        "import sys, ray.cloudpickle as pickle\n"
        "task, driver = pickle.loads(sys.stdin.buffer.read())\n"
        "print(list(task('xdistill.testing.helpers.jobs:count', {}, driver)))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", program],  # -S: no links to packages that lie elsewhere, such as this one
        input=sent,
        cwd=tmp_path,
        env={"PYTHONPATH": sysconfig.get_paths()["purelib"]},
        capture_output=True,
        check=True,
    )
    text = done.stdout.decode()
    assert text.startswith("[('unfit', \"the Ray worker on ")
    assert "cannot import xdistill (No module named 'xdistill" in text
    assert f"the driver has {driver()['xdistill']}; install xdistill[ray]==" in text


def test_a_worker_with_another_xdistill():
    from xdistill_ray.task import driver, make_task

    older = {**driver(), "xdistill": "0.0.1"}
    ((kind, text),) = make_task()("xdistill.testing.helpers.jobs:count", {}, older)
    assert kind == "unfit"
    assert f"has xdistill {driver()['xdistill']}, but the driver has 0.0.1; install the same version" in text
