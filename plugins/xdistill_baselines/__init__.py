"""The methods that CMD-Net is compared with: networks that fuse phases, and estimators without a network.

None is the official code: for several sources only the abstract was available, and every docstring states what is from
the source and what is inferred. The distillation baselines ``kd`` and ``sp`` are recipes over other plugins' parts.
How each source is read, and how the baselines are run: ``docs/baselines.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdistill.plugin import hookimpl

if TYPE_CHECKING:
    from xdistill.interfaces import Estimator, Student, Teacher

XDISTILL_API = 1


@hookimpl
def xdistill_estimators() -> list[type[Estimator]]:
    """Estimators that scikit-learn and scikit-survival fit."""
    from xdistill_baselines.linear_svm import LinearSvm
    from xdistill_baselines.logistic_regression import LogisticRegression
    from xdistill_baselines.majority import Majority
    from xdistill_baselines.ridge import CoxRegression, Ridge

    return [LogisticRegression, LinearSvm, Majority, Ridge, CoxRegression]


@hookimpl
def xdistill_teachers() -> list[type[Teacher]]:
    """An estimator without a network, as the teacher."""
    from xdistill_baselines.fitted import Fitted

    return [Fitted]


@hookimpl
def xdistill_students() -> list[type[Student]]:
    """Networks that fuse several phases or modalities; and an estimator without a network."""
    from xdistill_baselines.cnn3d import Cnn3d
    from xdistill_baselines.concat import Concat
    from xdistill_baselines.concat_2s import Concat2S
    from xdistill_baselines.fitted import Fitted
    from xdistill_baselines.lstm import Lstm
    from xdistill_baselines.m2net import M2Net

    return [Concat, Cnn3d, Lstm, M2Net, Concat2S, Fitted]
