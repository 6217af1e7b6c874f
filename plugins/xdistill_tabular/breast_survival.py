"""The table of patients that scikit-survival ships: the data set ``breast_survival``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from xdistill.extras import require
from xdistill.interfaces import Dataset, DatasetFacts, Labels, LabelTable, SubjectRow, TaskSettings
from xdistill.tasks import Survival
from xdistill.types import ColumnSpec, ModalitySpec, Schema

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_UNKNOWN: Final = "unkown"  # as the file spells it
_GRADES: Final = ("well differentiated", "intermediate", "poorly differentiated")
_STATUS: Final = ("negative", "positive")
_CLINICAL: Final = (
    ColumnSpec("age", unit="years"),
    ColumnSpec("size", unit="cm"),
    ColumnSpec("grade", "categorical", categories=_GRADES),
    ColumnSpec("er", "categorical", categories=_STATUS),
)
_GENES: Final = 76


class BreastSurvival(Dataset):
    """Metastasis of breast cancer: 198 patients without lymph node metastasis or systemic treatment, 51 events.

    Modalities: ``genes`` (expression of the 76 genes of a prognostic signature) and ``clinical`` (age, size of the
    tumour, grade, oestrogen receptor). The target is the time to distant metastasis in days; a recipe's `task` may
    read it from the columns ``time`` and ``event``, by default it is survival by Cox's model. A grade that is not known
    is missing. Needs scikit-survival, which ships the table.
    """

    name = "breast_survival"

    class Config(TaskSettings):
        """No settings but the recipe's task."""

    config: Config

    def __init__(self, config: Config) -> None:
        self.config = config

    def schema(self) -> Schema:
        """Two vectors, and survival or the recipe's task."""
        genes = tuple(ColumnSpec(name) for name in self._genes)
        return Schema(
            {
                "genes": ModalitySpec("vector", (len(genes),), genes),
                "clinical": ModalitySpec("vector", (len(_CLINICAL),), _CLINICAL),
            },
            task=self._labels.task,
        )

    def index(self) -> Sequence[SubjectRow]:
        """Patients ``patient-001`` and so on."""
        names = [f"patient-{number:03d}" for number in range(1, len(self._labels.targets) + 1)]
        return [SubjectRow(name, name, target) for name, target in zip(names, self._labels.targets, strict=True)]

    def load(self, row: int) -> Mapping[str, NDArray[np.generic] | None]:
        """The numbers of one patient."""
        import numpy as np

        table, _ = self._loaded
        values = table.iloc[row]
        clinical = [_number(column, values[column.name]) for column in _CLINICAL]
        return {"genes": values[self._genes].to_numpy(np.float64), "clinical": np.array(clinical)}

    def facts(self) -> DatasetFacts:
        """Where the table comes from."""
        return DatasetFacts(
            title="GSE7390: distant metastasis of breast cancer, 198 patients",
            source="Desmedt et al., Strong time dependence of the 76-gene prognostic signature, Clinical Cancer "
            "Research 13, 2007; as scikit-survival ships it",
        )

    @cached_property
    def _labels(self) -> Labels:
        _, target = self._loaded
        times, events = target["t.tdm"].tolist(), target["e.tdm"].astype(int).tolist()
        if self.config.task is None:
            return Labels(Survival(unit="days"), tuple(zip(times, map(float, events), strict=True)))
        columns = {"time": list(map(repr, times)), "event": list(map(str, events))}
        return self.config.task.build().read(LabelTable(columns, "event", row="patient"))

    @property
    def _genes(self) -> list[str]:
        table, _ = self._loaded
        return [str(name) for name in table.columns[:_GENES]]

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        """The table of inputs, and times and events."""
        module = require("sksurv.datasets", extra="survival", purpose="the data set `breast_survival`")
        table, target = module.load_breast_cancer()
        return table, target


def _number(column: ColumnSpec, value: Any) -> float:
    """A value as a number, a category as its index; NaN for an unknown one."""
    if column.kind == "numeric":
        return float(value)
    return float("nan") if value == _UNKNOWN else float(column.categories.index(value))
