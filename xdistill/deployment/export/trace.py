"""Turns a module into a program with a dynamic batch."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.export import Dim, ExportedProgram

from xdistill.deployment.export.graph import StudentGraph
from xdistill.errors import ModelError

EXAMPLE = 3  # subjects: torch takes sizes of 0 and 1 for constants
_OPERATOR = re.compile(r"(?:OpOverload\(op='|torch\.ops\.)?\b((?:aten|prims|torchvision|higher_order)\.[\w.]+)")


def traced(graph: StudentGraph) -> ExportedProgram:
    """The graph as a program of PyTorch, for batches of any size.

    Raises:
        ModelError: naming what in the student cannot be exported.
    """
    dimensions = {name: {0: Dim("batch")} for name in graph.example(EXAMPLE)}
    with quiet(), torch.no_grad():
        try:
            program = torch.export.export(graph, (graph.example(EXAMPLE),), dynamic_shapes=(dimensions,), strict=False)
        except Exception as error:
            raise ModelError(
                f"the student cannot be exported: {reason(error)}. Its operations must not depend on values or on the "
                f"number of subjects"
            ) from error
    for module in program.graph_module.modules():
        if isinstance(module, torch.fx.GraphModule):
            for node in module.graph.nodes:
                node.meta.pop("stack_trace", None)  # names folders of this machine
    return program


def reason(error: BaseException) -> str:
    """The operator that an exporter failed on, or else the first line of its message."""
    causes: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in causes:
        causes.append(current)
        current = current.__cause__ or current.__context__
    for cause in reversed(causes):
        if found := _OPERATOR.search(str(cause)):
            return f"the operator `{found.group(1)}` ({_first_line(causes[-1])})"
    return _first_line(causes[-1])


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    first = lines[0].partition(" For more information")[0] if lines else type(error).__name__
    return first[:300].rstrip(".!")


@contextmanager
def quiet() -> Iterator[None]:
    """Silence exporters' messages about their internals, which users cannot act on."""
    names = ("torch.onnx", "torch.export", "torch._dynamo", "onnxscript", "onnx_ir", "torch.fx", "root")
    loggers: list[Any] = [logging.getLogger(None if name == "root" else name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
