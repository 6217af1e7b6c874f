"""Compact bilinear pooling: products of features of several vectors, hashed into a short one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from math import sqrt

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

_SMOOTHNESS = 1e-6
"""Where the signed square root bends: its slope there would be infinite."""

_SHORTEST = 1e-6
"""Vectors shorter than this are not stretched to length one: their direction is rounding."""


def count_sketch(
    values: Float[Tensor, "batch width"], bucket: Int[Tensor, " width"], sign: Float[Tensor, " width"], *, length: int
) -> Float[Tensor, "batch length"]:
    """Add every value, with its sign, to its bucket.

    >>> count_sketch(torch.tensor([[1.0, 2.0, 5.0]]), torch.tensor([1, 0, 1]), torch.tensor([1.0, 1.0, -1.0]), length=2)
    tensor([[ 2., -4.]])
    """
    empty: Tensor = values.new_zeros(values.shape[0], length)
    return empty.index_add(1, bucket, values * sign)


def circular_convolution(sketches: Sequence[Float[Tensor, "batch length"]]) -> Float[Tensor, "batch length"]:
    """The circular convolution of all, as a product of their Fourier transforms."""
    spectra = [torch.fft.rfft(sketch, dim=1) for sketch in sketches]
    # ONNX has no product along an axis of complex numbers.
    product = reduce(torch.mul, spectra) if torch.compiler.is_exporting() else torch.stack(spectra).prod(dim=0)
    convolved: Tensor = torch.fft.irfft(product, n=sketches[0].shape[1], dim=1)
    return convolved


def signed_sqrt(
    values: Float[Tensor, "batch length"], *, smoothness: float = _SMOOTHNESS
) -> Float[Tensor, "batch length"]:
    """``sign(x) sqrt(|x|)``, smoothed so that its slope at zero is finite; off by at most ``sqrt(smoothness)``."""
    return values / ((values.abs() + smoothness).sqrt() + sqrt(smoothness))


class CompactBilinearPooling(nn.Module):
    """From one vector per modality to a short vector that represents all products of their elements.

    With two vectors x and y, each element gets a random bucket h and a random sign s. The product of x's element i
    and y's element j goes to the bucket ``(h_x(i) + h_y(j)) mod length`` with the sign ``s_x(i) s_y(j)``, which is the
    circular convolution of the vectors' count sketches (Gao et al., Compact bilinear pooling, CVPR 2016; Pham and
    Pagh, Fast and scalable polynomial kernels via explicit feature maps, KDD 2013); more vectors likewise. Then the
    signed square root, and division by the L2 norm. Buckets and signs are drawn once and saved with the weights.

    Args:
        widths: lengths of the vectors.
        length: of the result.
    """

    def __init__(self, widths: Sequence[int], *, length: int) -> None:
        super().__init__()
        self.length = length
        self.count = len(widths)
        for index, width in enumerate(widths):
            self.register_buffer(f"bucket_{index}", torch.randint(length, (width,)))
            self.register_buffer(f"sign_{index}", torch.randint(2, (width,)) * 2.0 - 1.0)

    def sketch(self, index: int, values: Float[Tensor, "batch width"]) -> Float[Tensor, "batch length"]:
        """The count sketch of the vectors of one modality."""
        bucket, sign = self.get_buffer(f"bucket_{index}"), self.get_buffer(f"sign_{index}")
        # Fourier transforms need full precision.
        return count_sketch(values.to(sign.dtype), bucket, sign, length=self.length)

    def forward(self, vectors: Sequence[Float[Tensor, "batch _"]]) -> Float[Tensor, "batch length"]:
        """Pool a batch; one vector of length one per subject."""
        pooled = circular_convolution([self.sketch(index, values) for index, values in enumerate(vectors)])
        return F.normalize(signed_sqrt(pooled), dim=1, eps=_SHORTEST)
