"""The small print of a run: its recipe, what it ran on, and how to run it again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from xdistill.recipe.schema.crossval import Crossval
from xdistill.runs import Run


def recipe_text(run: Run) -> str:
    """The resolved recipe as YAML that `xdistill run` takes."""
    from xdistill.recipe.yaml.writer import write_yaml

    return write_yaml(run.record["recipe"])


def provenance(run: Run) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """Groups of ``(name, value)``: cohort, networks, run, timings, machine, versions."""
    groups = (
        ("Cohort", tuple(_cohort_facts(run))),
        ("Networks", tuple(_network_facts(run))),
        ("Run", tuple(_run_facts(run))),
        ("Timings", tuple(_timings(run.record.get("seconds") or {}))),
        ("Machine", _plain(run.record.get("machine"))),
        ("Versions", _plain(run.record.get("versions"))),
    )
    return tuple((title, facts) for title, facts in groups if facts)


def duration(seconds: float) -> str:
    """``4 min 7 s`` and the like."""
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def version_of(run: Run) -> str:
    """The xdistill that made the run; empty when the record does not say."""
    return str((run.record.get("versions") or {}).get("xdistill", ""))


def _cohort_facts(run: Run) -> Iterator[tuple[str, str]]:
    cohort = run.record["cohort"]
    for key, title in (("title", "title"), ("source", "source")):
        if cohort.get(key):
            yield title, str(cohort[key])
    if "subjects" in cohort:
        yield "subjects", f"{cohort['subjects']} of {cohort.get('patients', cohort['subjects'])} patients"
    if cohort.get("class_counts"):
        yield "classes", ", ".join(f"{name}: {count}" for name, count in cohort["class_counts"].items())
    for name, spec in (cohort.get("modalities") or {}).items():
        yield f"modality {name}", f"{spec['kind']} of shape {', '.join(map(str, spec['shape']))}"
    for key in ("fingerprint", "key"):
        if cohort.get(key):
            yield key, str(cohort[key])


def _network_facts(run: Run) -> Iterator[tuple[str, str]]:
    for role, network in (run.record.get("networks") or {}).items():
        if network:
            yield role, f"{network['parameters']:,} parameters; sees {', '.join(network['inputs']) or 'nothing'}"


def _run_facts(run: Run) -> Iterator[tuple[str, str]]:
    for key, title in (
        ("id", "id"),
        ("profile", "profile"),
        ("splits", "splits"),
        ("split_hash", "split hash"),
        ("created", "started"),
        ("finished", "finished"),
    ):
        if key == "splits":
            yield from _given_splits(run)
        elif run.record.get(key):
            yield title, str(run.record[key])


def _given_splits(run: Run) -> Iterator[tuple[str, str]]:
    """How the splits were given, and what each fold tests."""
    given = run.record.get("splits")
    if given:
        yield "splits", Crossval.model_validate(run.record["recipe"]["crossval"]).describe()
        for name, value in (given.get("folds") or {}).items():
            yield f"fold {name} tests", str(value)


def _timings(seconds: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "training" in seconds:
        yield "training", duration(float(seconds["training"]))
    for name, value in (seconds.get("folds") or {}).items():
        yield f"fold {name}", duration(float(value))


def _plain(values: Mapping[str, Any] | None) -> tuple[tuple[str, str], ...]:
    return tuple((name, str(value)) for name, value in (values or {}).items())
