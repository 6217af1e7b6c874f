"""The interface of a format of series."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from xdistill.interfaces.reader import Space
from xdistill.interfaces.series.found import Chosen, Found, Privacy, SeriesVolume, Written

Progress = Callable[[str, int, int], None]
"""Called with what is done, such as ``"headers"``, how many are done and how many there are."""


class SeriesFormat(ABC):
    """A format in which each file holds a part of a volume. Plugins name theirs in the group ``xdistill.series``."""

    @abstractmethod
    def find(
        self, folder: Path, privacy: Privacy, *, jobs: int | None = None, on_progress: Progress | None = None
    ) -> Found:
        """The series below a folder, from headers alone.

        Args:
            folder: searched with all its folders.
            privacy: what replaces ids and dates.
            jobs: files that are read at the same time; None: the format decides.
            on_progress: see `Progress`.

        Raises:
            DataError: for a folder that is missing or holds no file of this format.
            UserError: if a library is not installed, or the key cannot be used.
        """

    @abstractmethod
    def choose(self, found: Found, rules: Mapping[str, Any]) -> Chosen:
        """The series of each study that fit rules.

        Args:
            found: what `find` returned.
            rules: by phase, a pattern of descriptions or a mapping of conditions.

        Raises:
            UserError: for a rule that is not valid, or that fits several series of a study.
        """

    @abstractmethod
    def write(
        self,
        chosen: Chosen,
        manifest: Path,
        *,
        convert: Path | None = None,
        join: tuple[Path, str] | None = None,
        jobs: int | None = None,
        on_progress: Progress | None = None,
    ) -> Written:
        """Write the manifest of a cohort: a row per study and a column per phase. Nothing is left after an error.

        Args:
            chosen: what `choose` returned.
            manifest: the CSV file, which must not exist.
            convert: a new folder for NIfTI files, which cells then name; None: cells name the folders of series.
            join: a CSV file whose columns are added, and its column with the patients' ids, which is not.
            jobs: series that are converted at the same time; None: the format decides.
            on_progress: see `Progress`.

        Raises:
            UserError: if something exists already or cannot be written.
            DataError: for a series that cannot be read, or a path that names the patient.
        """

    @abstractmethod
    def files(self, folder: Path) -> Sequence[Path]:
        """The files of this format below a folder, sorted.

        Raises:
            DataError: if there is none.
        """

    @abstractmethod
    def read(self, folder: Path) -> SeriesVolume:
        """The only volume below a folder.

        Raises:
            DataError: naming the folder, with the reason why its series are refused.
        """

    @abstractmethod
    def space(self, folder: Path) -> Space:
        """The grid of the only volume below a folder, from headers alone.

        Raises:
            DataError: see `read`.
        """
