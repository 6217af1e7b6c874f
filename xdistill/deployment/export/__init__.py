"""A student as one file that other programs run: ONNX, or a program of PyTorch (pt2)."""

from xdistill.deployment.export.write import Exported, export_model

__all__ = ["Exported", "export_model"]
