"""Requests of eight clients to `xdistill serve`, against the bare model that predicts one patient after the other.

Both read the same NIfTI files; the clients send them through HTTP on 127.0.0.1, each in a thread of its own.
A request that is not answered with 200 ends the script.

    python benchmarks/perf/serve.py [--quick] [--requests 500]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import torch
from common import Row, interleaved, ratios, table

import xdistill
from xdistill.data.export import export_cohort
from xdistill.models import StudentModel
from xdistill.models.stream import predict_stream
from xdistill.models.tables import read_table
from xdistill.serving.limits import Limits
from xdistill.serving.run import address, bound, make_server, names_of
from xdistill.serving.service import Service

CLIENTS, REQUESTS = 8, 500


def rows(quick: bool, requests: int = REQUESTS) -> list[Row]:
    from predict import SMALL, _cohort

    torch.set_num_threads(1)
    requests = min(requests, 64) if quick else requests
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        xdistill.fit("mvi_hcc", home / "model", overrides=SMALL, runs=home / "runs", crossval=False)
        files = export_cohort(_cohort(), home / "new", modalities=["hbp", "pre"], labels=False, limit=requests)
        model = xdistill.load_model(home / "model")
        subjects = read_table(model, files)
        bodies = [{name: (files.parent / one.row[name]).read_bytes() for name in ("hbp", "pre")} for one in subjects]
        bodies = [bodies[number % len(bodies)] for number in range(requests)]
        subjects = [subjects[number % len(subjects)] for number in range(requests)]
        with running(model) as url:
            pairs = interleaved(
                lambda: ask(url, bodies),
                lambda: list(predict_stream(model, subjects, batch_size=1)),
                rounds=2 if quick else 5,
            )
    best = min(ours for ours, _ in pairs)
    note = f"{requests} requests, best {requests / best:.0f} a second"
    return [Row(f"serve, {CLIENTS} clients", "bare model, one by one", ratios(pairs), note=note)]


def ask(url: str, bodies: list[dict[str, bytes]]) -> None:
    def client(part: list[dict[str, bytes]]) -> None:
        with httpx.Client(base_url=url, timeout=300, trust_env=False) as session:
            for contents in part:
                files = {name: (f"{name}.nii.gz", content) for name, content in contents.items()}
                session.post("/predict", files=files).raise_for_status()

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(client, [bodies[number::CLIENTS] for number in range(CLIENTS)]))


@contextmanager
def running(model: StudentModel) -> Iterator[str]:
    service = Service(model, Limits())
    service.start()
    listener = bound("127.0.0.1", 0)
    server = make_server(service, names_of("127.0.0.1"))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    while not server.started:
        time.sleep(0.02)
    try:
        yield address("127.0.0.1", listener.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join()
        service.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="64 requests, two rounds")
    parser.add_argument("--requests", type=int, default=REQUESTS)
    chosen = parser.parse_args(sys.argv[1:])
    print(table(rows(chosen.quick, chosen.requests)))


if __name__ == "__main__":
    main()
