"""What all metrics are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

MetricFunction: TypeAlias = Callable[[NDArray[Any], NDArray[np.float64], Sequence[str]], float]
"""Called with the targets of a fold, its predictions, and `Task.names`."""
