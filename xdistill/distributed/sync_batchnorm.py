"""Batch norm over the whole batch when several processes compute a share each; torch's own needs a GPU."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, distributed
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.overrides import TorchFunctionMode

_SIGNATURE = signature(functional.batch_norm)


class SyncBatchNorm(TorchFunctionMode):
    """While it is entered, batch norm in train mode takes its statistics from the shares of all processes.

    It stands in for the function and not for modules: whatever calls it, and however weights are named, is served.
    torch's own `SyncBatchNorm` replaces modules and does nothing on a processor.

    Args:
        counted: whether this process's share is part of the batch; else it only takes part in the exchange.
    """

    def __init__(self, *, counted: bool) -> None:
        super().__init__()
        self.counted = counted

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Called for every function of torch."""
        if function is not functional.batch_norm:
            return function(*args, **(kwargs or {}))
        given = _SIGNATURE.bind(*args, **(kwargs or {}))
        given.apply_defaults()
        return _batch_norm(given.arguments, counted=self.counted)


def _batch_norm(given: Mapping[str, Any], *, counted: bool) -> Tensor:
    """What `torch.nn.functional.batch_norm` returns for these arguments, with the statistics of all processes."""
    if not given["training"]:
        result: Tensor = functional.batch_norm(**given)
        return result
    images: Float[Tensor, "batch channels ..."] = given["input"]
    moments = _moments(images.detach(), eps=given["eps"], counted=counted)
    running_mean, running_var, momentum = given["running_mean"], given["running_var"], given["momentum"]
    if running_mean is not None and running_var is not None:
        unbiased = moments.variance * (moments.count / (moments.count - 1))
        running_mean.lerp_(moments.mean.to(running_mean.dtype), momentum)
        running_var.lerp_(unbiased.to(running_var.dtype), momentum)
    weight, bias = given["weight"], given["bias"]
    normalised: Tensor = _Normalised.apply(  # type: ignore[no-untyped-call]
        images,
        torch.ones_like(moments.mean, dtype=moments.kind) if weight is None else weight,
        torch.zeros_like(moments.mean, dtype=moments.kind) if bias is None else bias,
        moments,
    )
    return normalised


@dataclass(frozen=True)
class _Moments:
    """What a batch is normalised with.

    Attributes:
        mean: of each channel over all processes, in 64 bits.
        variance: the same, biased.
        count: values per channel.
        kind: type of the arithmetic with images.
        eps: added to the variance.
        counted: whether this process's images are part of it.
    """

    mean: Float[Tensor, " channels"]
    variance: Float[Tensor, " channels"]
    count: Float[Tensor, ""]
    kind: torch.dtype
    eps: float
    counted: bool


def _moments(images: Tensor, *, eps: float, counted: bool) -> _Moments:
    """The moments of all processes' images.

    Variances are put together from those of the shares (Chan et al., Updating formulae and a pairwise algorithm for
    computing sample variances, 1979), which loses no digits where the mean is large.

    Raises:
        ValueError: for one value per channel.
    """
    own = images.numel() // images.shape[1]
    if own == 1:  # a share has several subjects unless the batch is one subject
        raise ValueError("batch norm cannot learn from one value per channel; use a larger batch or larger images")
    variance, mean = torch.var_mean(images.float(), [0, *range(2, images.dim())], correction=0)
    message = torch.cat(
        [mean.new_tensor([own if counted else 0], dtype=torch.float64), mean.double(), variance.double()]
    )
    messages = [torch.empty_like(message) for _ in range(distributed.get_world_size())]
    distributed.all_gather(messages, message)
    table = torch.stack(messages)
    channels = len(mean)
    counts, means, variances = table[:, :1], table[:, 1 : channels + 1], table[:, channels + 1 :]
    count = counts.sum()
    whole = (counts * means).sum(dim=0) / count
    return _Moments(
        mean=whole,
        variance=(counts * (variances + (means - whole) ** 2)).sum(dim=0) / count,
        count=count,
        kind=torch.promote_types(images.dtype, torch.float32),
        eps=eps,
        counted=counted,
    )


class _Normalised(torch.autograd.Function):
    """Images normalised with the statistics of all processes; the gradient takes account of their part in them."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor, bias: Tensor, moments: _Moments) -> Tensor:
        ctx.save_for_backward(images, weight)
        ctx.moments = moments
        mean, variance = moments.mean.to(moments.kind), moments.variance.to(moments.kind)
        return functional.batch_norm(images, mean, variance, weight, bias, training=False, eps=moments.eps)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        """Ioffe and Szegedy, Batch normalization, 2015, with the sums over the batch taken over all processes.

        The gradients of weight and bias are those of the own share, as of all other weights.
        """
        images, weight = ctx.saved_tensors
        moments: _Moments = ctx.moments
        mean, variance = moments.mean.to(moments.kind), moments.variance.to(moments.kind)
        train = False  # else it would take the statistics of these images alone
        _, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(
            gradient, images, weight, mean, variance, None, None, train, moments.eps, [False, True, True]
        )
        sums = torch.stack([of_weight, of_bias]).double()
        distributed.all_reduce(sums)
        if not moments.counted:
            return torch.zeros_like(images), of_weight, of_bias, None
        inverse = torch.rsqrt(moments.variance + moments.eps)
        factor = weight.double() * inverse
        slope = -factor * inverse * sums[0] / moments.count
        like = (1, -1, *(1,) * (images.dim() - 2))
        factor, slope, average, centre = (
            value.to(moments.kind).reshape(like) for value in (factor, slope, sums[1] / moments.count, mean)
        )
        of_images = (gradient - average) * factor + (images - centre) * slope
        return of_images.to(images.dtype), of_weight, of_bias, None
