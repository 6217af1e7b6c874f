"""The methods that CMD-Net is compared with: ways to fuse phases, ways to distil, and what needs no network.

None is anybody's official code: only abstracts of several sources could be read, and every docstring says what is its
source's and what is inferred. ``kd`` is a recipe over other plugins' parts (``recipes/baselines/kd.yaml``).
How each is read, and how they are run: ``docs/baselines.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdistill.plugin import hookimpl

if TYPE_CHECKING:
    from xdistill.interfaces import Estimator, Student, Teacher

XDISTILL_API = 1


@hookimpl
def xdistill_estimators() -> list[type[Estimator]]:
    """What is fitted at once, with scikit-learn."""
    from xdistill_baselines.linear_svm import LinearSvm
    from xdistill_baselines.logistic_regression import LogisticRegression
    from xdistill_baselines.majority import Majority

    return [LogisticRegression, LinearSvm, Majority]


@hookimpl
def xdistill_teachers() -> list[type[Teacher]]:
    """No network, as the teacher."""
    from xdistill_baselines.fitted import Fitted

    return [Fitted]


@hookimpl
def xdistill_students() -> list[type[Student]]:
    """Networks that fuse several phases, or several modalities; and no network."""
    from xdistill_baselines.cnn3d import Cnn3d
    from xdistill_baselines.concat import Concat
    from xdistill_baselines.concat_2s import Concat2S
    from xdistill_baselines.fitted import Fitted
    from xdistill_baselines.lstm import Lstm
    from xdistill_baselines.m2net import M2Net

    return [Concat, Cnn3d, Lstm, M2Net, Concat2S, Fitted]
