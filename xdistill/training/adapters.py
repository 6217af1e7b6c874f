"""Any ``nn.Module`` as a network: named inputs in, an `Output` out, features by forward hooks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from xdistill.errors import SettingsError
from xdistill.suggest import did_you_mean
from xdistill.types import Batch, Output

_TARGETS = ("target", "targets", "label", "labels", "y")


class WrappedModule(nn.Module):
    """A module that is called with some inputs of a batch and returns an `Output`; made by `wrap`."""

    def __init__(self, module: nn.Module, inputs: Sequence[str] | Mapping[str, str], taps: Mapping[str, str]) -> None:
        super().__init__()
        self.module = module
        self.keywords = dict(inputs) if isinstance(inputs, Mapping) else None
        self.inputs = tuple(inputs.values() if isinstance(inputs, Mapping) else inputs)
        self.taps = dict(taps)
        for tap, path in self.taps.items():
            _check_path(module, tap, path)

    def forward(self, batch: Batch) -> Output:
        """The module's output.

        Raises:
            SettingsError: if the module returns something without logits, or does not call a tapped submodule.
        """
        with self._tapped() as features:
            if self.keywords is not None:
                result = self.module(**{key: batch.inputs[name] for key, name in self.keywords.items()})
            else:
                result = self.module(*(batch.inputs[name] for name in self.inputs))
        missing = [tap for tap in self.taps if tap not in features]
        if missing:
            path = self.taps[missing[0]]
            raise SettingsError(
                f"tap {missing[0]!r}: {type(self.module).__name__} has a submodule {path!r}, but its forward does not "
                f"call it; tap another one",
                field="taps",
            )
        output = as_output(result, type(self.module).__name__)
        return Output(output.logits, {**output.features, **features}, output.aux)

    @contextmanager
    def _tapped(self) -> Iterator[dict[str, Tensor]]:
        features: dict[str, Tensor] = {}

        def keep(tap: str) -> Any:
            def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
                value = output[0] if isinstance(output, (tuple, list)) and output else output
                if not isinstance(value, Tensor):
                    raise SettingsError(
                        f"tap {tap!r}: the submodule {self.taps[tap]!r} returned {type(output).__name__}; a tap must "
                        f"be a tensor, or a tuple that begins with one",
                        field="taps",
                    )
                features[tap] = value

            return hook

        handles = [self.module.get_submodule(path).register_forward_hook(keep(tap)) for tap, path in self.taps.items()]
        try:
            yield features
        finally:
            for handle in handles:
                handle.remove()


def wrap(
    module: nn.Module, *, inputs: Sequence[str] | Mapping[str, str] = ("x",), taps: Mapping[str, str] | None = None
) -> WrappedModule:
    """Make a network of any module.

    The module may return a tensor (the logits), a tuple that begins with the logits, a mapping or an object with
    ``logits`` (as models of Hugging Face do; their ``hidden_states`` become features), or an `Output`.

    Args:
        module: the module.
        inputs: names of the batch's inputs that it is called with, in this order; or, to call it with keyword
            arguments, a mapping from the arguments of its ``forward`` to these names.
        taps: features by name, each the dotted path of a submodule whose output it is.

    Raises:
        SettingsError: if the module has no such submodule.

    >>> import torch
    >>> network = wrap(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), taps={"hidden": "1"})
    >>> batch = as_batch((torch.zeros(5, 3), torch.zeros(5, dtype=torch.long)))
    >>> output = network(batch)
    >>> output.logits.shape, output.features["hidden"].shape
    (torch.Size([5, 2]), torch.Size([5, 4]))
    """
    return WrappedModule(module, inputs, taps or {})


def as_output(result: Any, name: str = "the module") -> Output:
    """What a module returned, as an `Output`; see `wrap`.

    Raises:
        SettingsError: if there are no logits in it.
    """
    if isinstance(result, Output):
        return result
    if isinstance(result, Tensor):
        return Output(result)
    if isinstance(result, Mapping) and isinstance(result.get("logits"), Tensor):
        return Output(result["logits"], _hidden(result.get("hidden_states")))
    if isinstance(getattr(result, "logits", None), Tensor):
        return Output(result.logits, _hidden(getattr(result, "hidden_states", None)))
    if isinstance(result, (tuple, list)) and result and isinstance(result[0], Tensor):
        return Output(result[0])
    keys = f" with the keys {', '.join(map(repr, result))}" if isinstance(result, Mapping) else ""
    raise SettingsError(
        f"cannot find logits in the output of {name}: it returned {type(result).__name__}{keys}. Return a tensor, a "
        f"tuple that begins with the logits, a mapping or object with `logits`, or an xdistill.types.Output"
    )


def as_batch(item: Any) -> Batch:
    """What a data loader returned, as a `Batch`.

    Understood are ``(inputs, target)``, where inputs is a tensor (called ``x``), a tuple of tensors (called ``x0``,
    ``x1``, …) or a mapping of tensors; a mapping that also holds the target as ``target``, ``label``, ``labels`` or
    ``y``; a tensor; and a `Batch`.

    Raises:
        SettingsError: for anything else.
    """
    if isinstance(item, Batch):
        return item
    if isinstance(item, Mapping):
        key = next((name for name in _TARGETS if isinstance(item.get(name), Tensor)), None)
        return _batch({name: value for name, value in item.items() if name != key}, item[key] if key else None)
    if isinstance(item, Tensor):
        return _batch({"x": item}, None)
    if isinstance(item, (tuple, list)) and len(item) == 2:  # noqa: PLR2004 - inputs and target
        inputs, target = item
        if isinstance(inputs, Tensor):
            inputs = {"x": inputs}
        elif isinstance(inputs, (tuple, list)):
            inputs = {f"x{index}": value for index, value in enumerate(inputs)}
        if isinstance(inputs, Mapping) and isinstance(target, Tensor):
            return _batch(inputs, target)
    raise SettingsError(
        f"cannot read a batch from {_described(item)}; the loader must return (inputs, target), where inputs is a "
        f"tensor, a tuple or a mapping of tensors, or one mapping with the target as `target`, `label`, `labels` or `y`"
    )


def _batch(inputs: Mapping[Any, Any], target: Tensor | None) -> Batch:
    tensors = {str(name): value for name, value in inputs.items() if isinstance(value, Tensor)}
    sizes = {name: len(value) for name, value in tensors.items()} | ({} if target is None else {"target": len(target)})
    if len(set(sizes.values())) != 1:
        listed = ", ".join(f"{name} {size}" for name, size in sizes.items()) or "no tensors"
        raise SettingsError(f"the parts of a batch have different lengths: {listed}")
    size = next(iter(sizes.values()))
    import torch

    device = next(iter(tensors.values())).device if tensors else None
    present = {name: torch.ones(size, dtype=torch.bool, device=device) for name in tensors}
    return Batch(tensors, present, tuple(str(index) for index in range(size)), target)


def _described(item: Any) -> str:
    if isinstance(item, (tuple, list)):
        return f"a {type(item).__name__} of {', '.join(type(part).__name__ for part in item) or 'nothing'}"
    return f"{type(item).__name__}"


def _hidden(states: Any) -> dict[str, Tensor]:
    """Hugging Face's hidden states as features ``hidden_states.0``, ``hidden_states.1``, …."""
    if not isinstance(states, (tuple, list)):
        return {}
    return {f"hidden_states.{index}": value for index, value in enumerate(states) if isinstance(value, Tensor)}


def _check_path(module: nn.Module, tap: str, path: str) -> None:
    paths = [name for name, _ in module.named_modules() if name]
    if path in paths:
        return
    hint = did_you_mean(path, paths, "submodules")
    raise SettingsError(f"tap {tap!r}: {type(module).__name__} has no submodule `{path}`{hint}", field="taps")
