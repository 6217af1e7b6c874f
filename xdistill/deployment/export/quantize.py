"""Rounds the weights of an ONNX file to 8-bit integers with onnxruntime's quantization."""

from __future__ import annotations

from pathlib import Path

from xdistill.deployment.export.formats import require
from xdistill.deployment.export.trace import quiet, reason
from xdistill.errors import ModelError

INT8_TOLERANCE = 0.05  # of a probability
# Convolutions stay in float32: those of onnxruntime over 8-bit integers are slower, and cost accuracy. Figures are in
# docs/deploy.md.
ROUNDED = ("MatMul", "Gemm", "LSTM")
_INTEGERS = (2, 3)  # ONNX's codes of uint8 and int8


def quantize(path: Path) -> None:
    """Replace the file by one whose matrix products compute with 8-bit integers.

    Weights have one scale per column; those of activations are computed from the values as they come (dynamic
    quantization), so that no subjects are needed.

    Args:
        path: the ONNX file.

    Raises:
        ModelError: if there is nothing in it to round, or onnxruntime cannot do it.
    """
    onnx = require("onnx")
    quantization = require("onnxruntime.quantization")
    shape_inference = require("onnxruntime.quantization.shape_inference")
    prepared, rounded = path.with_name("prepared.onnx"), path.with_name("int8.onnx")
    with quiet():
        try:
            shape_inference.quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
            quantization.quantize_dynamic(
                str(prepared), str(rounded), per_channel=True, op_types_to_quantize=list(ROUNDED)
            )
        except Exception as error:
            raise ModelError(f"the student cannot be written with 8-bit integers: {reason(error)}") from error
    weights = onnx.load(str(rounded)).graph.initializer
    if not any(weight.data_type in _INTEGERS and len(weight.dims) > 1 for weight in weights):
        raise ModelError(
            "the student has no matrix product with weights, so there is nothing to quantize; leave out `--int8`"
        )
    rounded.replace(path)
