"""Writes the two kinds of file, and runs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.export import ExportedProgram

from xdistill import extras
from xdistill.deployment.export.metadata import KEY
from xdistill.deployment.export.plan import OUTPUT
from xdistill.deployment.export.trace import quiet, reason
from xdistill.errors import ModelError

Run = Callable[[Mapping[str, NDArray[Any]]], NDArray[Any]]
"""Runs a file: from its inputs by name to predictions ``(batch, columns)``."""

EXTRA_FILE = f"{KEY}.json"
require = partial(extras.require, extra="export", purpose="export to ONNX")


def write_onnx(program: ExportedProgram, names: Sequence[str], metadata: str, path: Path) -> None:
    """Write an ONNX file with weights inside.

    Args:
        program: what it computes.
        names: of its inputs.
        metadata: JSON document for ``metadata_props``.
        path: to write.

    Raises:
        ModelError: naming the operator that ONNX does not have.
    """
    onnx = require("onnx")
    require("onnxscript")
    with quiet():
        try:
            converted = torch.onnx.export(
                program, dynamo=True, input_names=list(names), output_names=[OUTPUT], verbose=False
            )
        except Exception as error:
            raise ModelError(
                f"the student cannot be written as ONNX: {reason(error)}. Use `--format pt2`, or another student"
            ) from error
        assert converted is not None  # noqa: S101 - with dynamo=True it is a program
        proto = converted.model_proto
    _strip(proto)
    onnx.helper.set_model_props(proto, {KEY: metadata})
    try:
        path.write_bytes(proto.SerializeToString())
    except ValueError as error:  # protobuf holds 2 GB at most
        raise ModelError("the student is too large for one ONNX file (2 GB); use `--format pt2`") from error


def _strip(proto: Any) -> None:
    """Drop the exporter's notes: they name folders of this machine, and are larger than a small model."""
    graphs = [proto.graph, *proto.functions]
    for graph in graphs:
        for part in (graph, *graph.node, *graph.value_info):
            part.ClearField("metadata_props")
            part.ClearField("doc_string")
        graphs += [attribute.g for node in graph.node for attribute in node.attribute if attribute.HasField("g")]
    for part in (*proto.graph.input, *proto.graph.output, *proto.graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")


def onnx_runner(path: Path, *, threads: int = 0) -> Run:
    """Runs an ONNX file in onnxruntime, on the CPU.

    Args:
        path: of the file.
        threads: of the processor; 0: as many as onnxruntime chooses.

    Raises:
        ModelError: if onnxruntime cannot run it.
    """
    runtime = require("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    try:
        session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError(f"onnxruntime {runtime.__version__} cannot run the student: {reason(error)}") from error

    def run(values: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        found: NDArray[Any] = session.run([OUTPUT], dict(values))[0]
        return found

    return run


def write_program(program: ExportedProgram, metadata: str, path: Path) -> None:
    """Write a program of PyTorch (pt2)."""
    with quiet():
        torch.export.save(program, path, extra_files={EXTRA_FILE: metadata})


def program_runner(path: Path) -> Run:
    """Runs a program of PyTorch.

    Raises:
        ModelError: if torch cannot load it.
    """
    with quiet():
        try:
            module = torch.export.load(path).module()
        except Exception as error:
            raise ModelError(f"torch {torch.__version__} cannot load the program: {reason(error)}") from error

    def run(values: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        with torch.no_grad():
            found = module({name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in values.items()})
        result: NDArray[Any] = found.numpy()
        return result

    return run
