"""MLflow: one experiment per recipe and one MLflow run per run, in a local store or on a server."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from xdistill.errors import UserError
from xdistill.interfaces.component import Settings
from xdistill.interfaces.tracker import TrackedRun, Tracker

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

IDENTITY = "xdistill.identity"
LONGEST = 500  # characters of a parameter, by MLflow's own limit for the strictest of its stores
_NOT_ALLOWED = re.compile(r"[^\w\-. /]")


class MLflow(Tracker):
    """Writes parameters, losses and scores to MLflow (https://mlflow.org).

    An experiment has the recipe's name, an MLflow run the run's identity, so a resumed run continues its
    MLflow run. Losses are ``fold/stage/term``, scores ``scores/role/metric``.

    The default is a folder, ``mlruns``. MLflow no longer develops that kind of store and needs an opt-in to show it:
    ``MLFLOW_ALLOW_FILE_STORE=true mlflow ui``. ``store: sqlite:///mlflow.db`` needs none.
    """

    name = "mlflow"
    config: Config

    class Config(Settings):
        """Where to write."""

        store: str = Field(
            default="mlruns", description="a folder, or a tracking URI of MLflow such as `sqlite:///mlflow.db`"
        )

    def __init__(self, config: Config, *, run: TrackedRun) -> None:
        super().__init__(config, run=run)
        if "://" not in config.store:
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        try:
            from mlflow.tracking import MlflowClient
        except ImportError as error:
            raise UserError(
                "this tracker needs MLflow, which is not installed; run `pip install 'xdistill[trackers]'`"
            ) from error
        uri = config.store if "://" in config.store else Path(config.store).resolve().as_uri()
        self._client: MlflowClient = MlflowClient(tracking_uri=uri)
        self._id = self._found() or self._begun()

    def log(self, values: Mapping[str, float], *, fold: str, stage: str, step: int) -> None:
        """A point on each curve of the fold."""
        for name, value in values.items():
            self._client.log_metric(self._id, _key(f"{fold}/{stage}/{name}"), value, step=step)

    def finish(self, scores: Mapping[str, float]) -> None:
        """The scores, and the end of the run."""
        for name, value in scores.items():
            self._client.log_metric(self._id, _key(f"scores/{name}"), value)
        self._client.set_terminated(self._id)

    def _experiment(self) -> str:
        known = self._client.get_experiment_by_name(self.run.name)
        return str(known.experiment_id if known else self._client.create_experiment(self.run.name))

    def _found(self) -> str:
        """The id of the MLflow run to resume; empty if there is none."""
        runs = self._client.search_runs(
            [self._experiment()], filter_string=f"tags.`{IDENTITY}` = '{self.run.identity}'", max_results=1
        )
        return str(runs[0].info.run_id) if runs else ""

    def _begun(self) -> str:
        tags = {IDENTITY: self.run.identity, **{f"xdistill.{name}": value for name, value in self.run.facts.items()}}
        run = self._client.create_run(self._experiment(), run_name=self.run.identity, tags=tags)
        for place, value in _flat(self.run.recipe):
            self._client.log_param(run.info.run_id, _key(place), str(value)[:LONGEST])
        return str(run.info.run_id)


def _flat(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every plain value of a recipe with its dotted path."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _flat(item, f"{place}.{name}" if place else str(name))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _flat(item, f"{place}.{index}")
    elif value is not None:
        yield place, value


def _key(name: str) -> str:
    """A valid name for MLflow."""
    return _NOT_ALLOWED.sub("_", name)
