"""Data sets: where subjects come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from xdistill.errors import UserError
from xdistill.interfaces.component import Choice, Component, Settings
from xdistill.interfaces.labels import TaskReader
from xdistill.tasks import Target
from xdistill.types import Schema

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from xdistill.interfaces.reader import GridSummary, SubjectReader


@dataclass(frozen=True)
class SubjectRow:
    """One subject of the index.

    Attributes:
        subject: unique id.
        patient: subjects of one patient are never split between training and test.
        target: as the schema's task has it; for classification, the index of the class. None: the subject has no
            label; it is never scored, and distillation alone trains the student on it.
    """

    subject: str
    patient: str
    target: Target | None


@dataclass(frozen=True)
class TableReading:
    """How tables were read, as far as it was detected.

    Attributes:
        notes: for people, one line each.
        columns: the same for the cohort's key, JSON-ready; empty if every cell was taken as it is.
    """

    notes: tuple[str, ...] = ()
    columns: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DatasetFacts:
    """What a reader of a table made from this cohort has to know.

    Attributes:
        title: one line.
        synthetic: True when no subject is real.
        source: licence, citation; plain text.
        bounds: best possible macro one-versus-one AUC by the name of what is seen, such as ``image``;
            only for cohorts whose truth is known.
        grids: by image modality, the grids of the source files, for data sets that read files. A model keeps those of
            its inputs, for `xdistill evaluate` to compare a new cohort with.
        reading: how tables were read, as far as it was detected.
        remarks: what was noticed while the files were read and did not stop it; one sentence each, without the ids of
            subjects. The command line shows them as warnings.
    """

    title: str
    synthetic: bool = False
    source: str = ""
    bounds: Mapping[str, float] = field(default_factory=dict)
    grids: Mapping[str, GridSummary] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    reading: TableReading = TableReading()


class TaskSettings(Settings):
    """Base of the Config of data sets that read labels as any task.

    The recipe's ``task`` is put into the field ``task``. The data set then passes its columns of labels to the reader:
    ``config.task.build().read(LabelTable(...))`` gives the task of its schema and the targets of its index. A data set
    with another Config states its task itself, and a recipe that asks for another one is rejected.
    """

    task: Choice[TaskReader] | None = Field(
        default=None, description="set by the recipe's `task`; null: the data set's own classes"
    )

    @model_serializer(mode="wrap")
    def _dump(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out the task where there is none, so that cohorts keep the keys that they had before there were any."""
        plain: dict[str, Any] = handler(self)
        return {name: value for name, value in plain.items() if name != "task" or value is not None}


class Dataset(Component, ABC):
    """A cohort that can be read subject by subject.

    Construction and `index` are cheap: they look at tables, not at volumes. Values are read by `load_many`,
    in parallel worker processes that each build the data set from its settings.

    Attributes:
        version: counts up when the same settings give other bytes; part of the cache's key.
    """

    version: ClassVar[str] = "1"

    @abstractmethod
    def schema(self) -> Schema:
        """Modalities with the shapes they have after preprocessing, and the task (or its class names).

        Raises:
            DataError: when the source cannot be used.
        """

    @abstractmethod
    def index(self) -> Sequence[SubjectRow]:
        """All subjects, in a fixed order.

        Raises:
            DataError: naming file, line or subject, for example for duplicates and unknown labels.
        """

    @abstractmethod
    def load(self, row: int) -> Mapping[str, NDArray[np.generic] | None]:
        """The values of one subject by modality, float arrays of the schema's shape.

        NaN is allowed in vectors, where it means missing; categorical columns hold indices. None for a
        modality that this subject does not have.

        Raises:
            DataError: naming the subject and the file.
        """

    def official_test(self) -> Sequence[str] | None:
        """Subjects of the test part, where the data come with an official split; None where they do not.

        All other subjects are the training part. A recipe asks for it with ``crossval: {official: true}``.
        """
        return None

    def kept_columns(self) -> Mapping[str, Sequence[str]]:
        """Columns of the source that stay next to the values, such as site, date or split: one text per subject.

        Recipes split by them (``crossval: {by: site}``); no network reads them. An empty text is a missing value.
        """
        return {}

    @classmethod
    def generated(cls, settings: Settings, *, train: int, test: int, seed: int) -> Settings | None:
        """The settings of another cohort from the same source, where subjects are generated; None where they are not.

        The subjects of different seeds are independent of each other. The cohort has an official split: ``test``
        subjects are its test part, the other ``train`` subjects are what is trained on.

        Args:
            settings: what both cohorts have in common.
            train: number of training subjects.
            test: number of test subjects.
            seed: of the cohort.
        """
        del settings, train, test, seed
        return None

    def load_many(self, rows: Sequence[int]) -> Iterator[Mapping[str, NDArray[np.generic] | None]]:
        """The values of several subjects, in the order of ``rows``; override when that can be faster."""
        for row in rows:
            yield self.load(row)

    def vectors(self) -> Mapping[str, NDArray[np.float64]] | None:
        """The vector modalities of all subjects, ``(subjects, columns)``, NaN for what is missing.

        None, the default: they are not at hand before the cohort is built. They are looked at for columns that predict
        the label alone.
        """
        return None

    def presence(self) -> Mapping[str, Sequence[bool] | NDArray[np.bool_]]:
        """Which subjects have each modality, as far as it is known before values are read: one entry per subject.

        The default knows that of `vectors`: a subject without any item lacks the vector.
        """
        import numpy as np

        return {name: np.logical_not(np.isnan(values).all(axis=1)) for name, values in (self.vectors() or {}).items()}

    def reading(self) -> TableReading:
        """How tables were read, as far as it was detected; reported before training, and kept in the cohort."""
        return TableReading()

    def sources(self) -> Sequence[Path]:
        """Files whose content decides the values; their hashes are part of the cache's key."""
        return ()

    @classmethod
    def cache_settings(cls, settings: Settings) -> Mapping[str, Any]:
        """The settings that are part of the cache's key, JSON-ready.

        The default leaves out the location of the sources (values that are a `Path`, and the field ``path``), since the
        key holds their content: a cohort that was moved keeps its cache. It is asked only for data sets that name
        their `sources`; override it when other settings do not matter to the values either.
        """
        placed = {name for name, value in settings if name == "path" or isinstance(value, Path)}
        return settings.model_dump(mode="json", exclude=placed)

    def reader_settings(self, modalities: Sequence[str]) -> Mapping[str, Any] | None:
        """What `reader` needs to read these modalities of new subjects: JSON-ready, without paths and subjects.

        It is stored with a trained student. None, the default: new subjects are passed as arrays, or as columns of a
        table.
        """
        del modalities
        return None

    @classmethod
    def reader(cls, settings: Mapping[str, Any], schema: Schema) -> SubjectReader:
        """A reader of new subjects, from what `reader_settings` returned.

        Args:
            settings: as they were stored.
            schema: the modalities that the student reads.

        Raises:
            UserError: if the settings are not those of this data set.
        """
        del settings, schema
        raise UserError(f"the data set `{cls.name}` reads no new subjects; pass them as arrays")

    @abstractmethod
    def facts(self) -> DatasetFacts:
        """What a reader has to know; may compute for a few seconds, and is kept in the cache."""
