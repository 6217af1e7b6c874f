"""Rounds an ONNX file to 8-bit integers with onnxruntime's quantization."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from xdistill.deployment.export.formats import require
from xdistill.deployment.export.trace import quiet, reason
from xdistill.errors import ModelError

INT8_TOLERANCE = 0.1  # of a probability; docs/deploy.md has what is measured
METHOD = "static"


def quantize(path: Path, batches: Iterable[Mapping[str, NDArray[Any]]]) -> None:
    """Replace the file by one whose convolutions and matrix products compute with 8-bit integers.

    Scales are static: those of activations come from what the batches produce. docs/deploy.md says why.

    Args:
        path: the ONNX file.
        batches: inputs that the scales are taken from.

    Raises:
        ModelError: if there is nothing in it to round, or onnxruntime cannot do it.
    """
    quantization = require("onnxruntime.quantization")
    shape_inference = require("onnxruntime.quantization.shape_inference")
    prepared, rounded = path.with_name("prepared.onnx"), path.with_name("int8.onnx")
    with quiet():
        try:
            shape_inference.quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
            if METHOD == "dynamic":
                quantization.quantize_dynamic(str(prepared), str(rounded), per_channel=True)
            else:
                quantization.quantize_static(
                    str(prepared),
                    str(rounded),
                    _reader(quantization, batches),
                    quant_format=quantization.QuantFormat.QDQ,
                    per_channel=True,
                    activation_type=quantization.QuantType.QUInt8,
                    weight_type=quantization.QuantType.QInt8,
                )
        except Exception as error:
            raise ModelError(f"the student cannot be written with 8-bit integers: {reason(error)}") from error
    rounded.replace(path)


def _reader(quantization: Any, batches: Iterable[Mapping[str, NDArray[Any]]]) -> Any:
    class Batches(quantization.CalibrationDataReader):  # type: ignore[misc]  # the base is known at run time alone
        def __init__(self, given: Iterator[Mapping[str, NDArray[Any]]]) -> None:
            self.given = given

        def get_next(self) -> dict[str, NDArray[Any]] | None:
            found = next(self.given, None)
            return None if found is None else dict(found)

    return Batches(iter(batches))
