"""Plugins made up in memory."""

from __future__ import annotations

from types import ModuleType

from xdistill.interfaces import DistillationLoss, Encoder, Metric, Settings
from xdistill.plugin import hookimpl
from xdistill.plugin.catalog import Plugin


def plugin(name="toy", *, distribution="xdistill-toy", version="1.2", api=None, **hooks):
    """A plugin whose hooks return the given lists; a function is taken as the hook itself."""
    module = ModuleType(f"plugin_{name}")
    for hook, offered in hooks.items():
        setattr(module, hook, offered if callable(offered) else hook_that_returns(hook, offered))
    if api is not None:
        module.XDISTILL_API = api
    return Plugin(name, module, distribution, version)


def hook_that_returns(hook, offered):
    def implementation():
        return offered

    implementation.__name__ = hook
    return hookimpl(implementation)


class Share(Metric):
    """Share of subjects of the first class.

    And more about it.
    """

    name = "share"

    def __call__(self, target, *_):
        return float((target == 0).mean())


class Other(Metric):
    name = "other"

    class Config(Settings):
        level: int = 3
        weights: dict[str, float] = {}

    def __call__(self, *_):
        return float(self.config.level)


class Flat(Encoder):
    name = "flat"

    class Config(Encoder.Config):
        width: int = 4

    def forward(self, inputs, present):
        raise NotImplementedError


class Nearness(DistillationLoss):
    name = "nearness"

    def forward(self, student, teacher, _batch):
        return (student.logits - teacher.logits).square().mean()
