"""``xdistill bench submit`` and ``xdistill bench verify``: records that can be kept in a git repository."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from xdistill.cli.bench.fresh import check_scores
from xdistill.cli.options import CacheOption, DisableOption, PluginOption, QuietOption, RunsOption, chosen_plugins

if TYPE_CHECKING:
    from xdistill.bench.load import Benchmark
    from xdistill.bench.records.submit import Submitted
    from xdistill.bench.records.verify import Verdict

SUBMIT_EXAMPLES = (
    "xdistill bench submit RUN --to benchmarks/records/mvi_hcc --as kd",
    "xdistill bench submit benchmarks/mvi_hcc.yaml",
    "xdistill bench submit my_benchmark.yaml --plugin ./my_dataset.py",
    "xdistill bench submit RUN --to DIR --as kd --sign ~/.ssh/id_ed25519",
)
VERIFY_EXAMPLES = (
    "xdistill bench verify",
    "xdistill bench verify benchmarks/mvi_hcc.yaml",
    'xdistill bench verify benchmarks/mvi_hcc.yaml --replay 2 --by "A. Lab"',
)
SCHEMA_EXAMPLES = ("xdistill bench schema record > record.schema.json",)


def submit(
    source: Annotated[
        Path,
        typer.Argument(metavar="RUN|FILE", help="A run folder, or a benchmark file for all of its finished runs."),
    ],
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", metavar="DIR", help="Folder of the records; default: records/<name> next to the benchmark."
        ),
    ] = None,
    entry: Annotated[str | None, typer.Option("--as", metavar="ENTRY", help="The entry whose run it is.")] = None,
    seed: Annotated[int | None, typer.Option(help="The expected seed of the run.")] = None,
    benchmark: Annotated[
        Path | None, typer.Option("--benchmark", metavar="FILE", help="The benchmark file; default: found by --to.")
    ] = None,
    keep_subjects: Annotated[
        bool, typer.Option("--keep-subjects", help="Keep the subjects' ids; otherwise they become ranks.")
    ] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the record of another run.")] = False,
    sign: Annotated[
        Path | None, typer.Option("--sign", metavar="KEY", help="Sign the records with this OpenSSH key.")
    ] = None,
    runs: RunsOption = Path("runs"),
    plugin: PluginOption = None,
    disable_plugin: DisableOption = None,
) -> None:
    """Add finished runs to the records of a benchmark: predictions, resolved recipe, hashes, versions.

    Only the run's folder is needed, never the cohort, so the run may have been made elsewhere. Records name no subject
    and no folder.
    """
    from xdistill.cli.console import echo
    from xdistill.recipe.bundled import has_ending

    with chosen_plugins(plugin, disable_plugin):
        if has_ending(source.name) and not source.is_dir():
            done = _submit_all(source, to, entry, seed, runs, keep_subjects, replace)
        else:
            done = [_submit_one(source, to, entry, seed, benchmark, keep_subjects, replace)]
    if sign is not None:
        from xdistill.bench.records.attest import sign as sign_record

        for record in done:
            sign_record(record.folder, sign)
    for record in done:
        state = "written" if record.changed else "there already"
        echo(f"{record.folder}: {record.entry}, seed {record.seed}, run {record.run}: {state}")


def verify(
    places: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE|DIR]...", help="Benchmark files or folders of records; default: benchmarks."),
    ] = None,
    benchmark: Annotated[
        Path | None, typer.Option("--benchmark", metavar="FILE", help="The benchmark file of a folder of records.")
    ] = None,
    replay: Annotated[
        int | None,
        typer.Option(
            "--replay", min=1, metavar="N", help="Train N folds (or cohorts) of each record again, and compare."
        ),
    ] = None,
    entry: Annotated[
        list[str] | None,
        typer.Option("--entry", metavar="NAME", help="Replay the records of this entry alone; may be repeated."),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="NAME", help="Write next to the records that you replayed them, for tables."),
    ] = None,
    cache: CacheOption = None,
    quiet: QuietOption = False,
) -> None:
    """Compute everything in the records again from their predictions; exit code 2 if something differs.

    Scores, hashes, folds, subjects, targets and probabilities are checked, and what controls have to show. A
    LEADERBOARD.md next to the records or the benchmark file must be what they generate. With --replay, folds that are
    chosen at random are trained again: on the same versions the predictions must be the same, on others nearly so.

    Of a benchmark with `fresh_test`, the recipe and the cohort of each score are checked. With --replay, every entry is
    trained again on N cohorts, and the differences are printed: they have no predictions to compute scores from.
    """
    from xdistill.cli.console import echo, print_error, print_warning

    if by is not None and replay is None:
        raise typer.BadParameter("--by needs --replay")
    meant = [pair for place in places or [Path("benchmarks")] for pair in _meant(place, benchmark)]
    found = []
    for one, folder in meant:
        if one.file.fresh_test is not None:
            if by is not None:
                print_warning(f"{folder}: scores of generated cohorts keep no note of replays; --by is ignored here")
            found.append(check_scores(one, folder, replay=replay or 0, only=entry or [], quiet=quiet))
            continue
        verdict = _verdict(one, folder)
        verdict = _replayed(one, verdict, replay, entry, by, cache, quiet) if replay else verdict
        found.append((verdict, "" if verdict.problems else _summary(verdict)))
    for verdict, summary in found:
        for problem in verdict.problems:
            print_error(problem)
        for remark in verdict.remarks:
            print_warning(f"{verdict.folder}: {remark}")
        if not verdict.problems:
            echo(summary)
    if any(verdict.problems for verdict, _ in found):
        raise typer.Exit(2)


def schema(
    kind: Annotated[Literal["record", "run"], typer.Argument(help="Whose record.json: a benchmark's, or a run's.")],
) -> None:
    """Print the JSON Schema of a record.json, with which other programs can check one.

    What it cannot say, such as that the student's inputs are those of the recipe, `bench verify` checks.
    """
    from xdistill.bench.records.json_schema import json_schema
    from xdistill.cli.console import print_json

    print_json(json_schema(kind))


def _submit_one(
    folder: Path,
    to: Path | None,
    entry: str | None,
    seed: int | None,
    file: Path | None,
    keep: bool,
    replace: bool,
) -> Submitted:
    from xdistill.bench.find import benchmark_of
    from xdistill.bench.load import load_benchmark
    from xdistill.bench.records.submit import submit as submit_run
    from xdistill.errors import UserError
    from xdistill.plugin import load_catalog
    from xdistill.runs import load_run

    if entry is None:
        raise UserError("name the benchmark entry of this run, as in --as kd")
    if to is None and file is None:
        raise UserError("name the folder of the record, as in --to benchmarks/records/mvi_hcc")
    run = load_run(folder)
    benchmark = load_benchmark(file) if file is not None else benchmark_of(to or Path())
    return submit_run(run, benchmark, entry, catalog=load_catalog(), to=to, seed=seed, keep_ids=keep, replace=replace)


def _submit_all(
    file: Path, to: Path | None, entry: str | None, seed: int | None, runs: Path, keep: bool, replace: bool
) -> list[Submitted]:
    from xdistill.bench.load import load_benchmark
    from xdistill.bench.records.submit import submit as submit_run
    from xdistill.bench.run_index import known_runs
    from xdistill.errors import UserError
    from xdistill.plugin import load_catalog
    from xdistill.runs import load_run

    benchmark, catalog = load_benchmark(file), load_catalog()
    if entry is not None:
        benchmark.entry(entry)
    chosen = [
        known for known in known_runs(benchmark, runs) if entry in {None, known.entry} and seed in {None, known.seed}
    ]
    if not chosen:
        raise UserError(f"{runs}: there is no finished run of the benchmark {benchmark.name!r}")
    return [
        submit_run(load_run(known.path), benchmark, known.entry, catalog=catalog, to=to, keep_ids=keep, replace=replace)
        for known in chosen
    ]


def _meant(place: Path, file: Path | None) -> list[tuple[Benchmark, Path]]:
    """The benchmarks, with the folders of their records, that an argument of `verify` means."""
    from xdistill.bench.find import benchmark_of, benchmarks_in
    from xdistill.bench.load import load_benchmark
    from xdistill.bench.records.splits_file import FILE

    if file is not None:
        return [(load_benchmark(file), place)]
    if not place.is_dir():
        benchmark = load_benchmark(place)
        return [(benchmark, benchmark.records)]
    if (place / FILE).is_file() or place.absolute().parent.name == "records":
        return [(benchmark_of(place), place)]
    return [(benchmark, benchmark.records) for benchmark in benchmarks_in(place)]


def _verdict(benchmark: Benchmark, folder: Path) -> Verdict:
    from xdistill.bench.check import check

    return check(benchmark, folder)


def _replayed(
    benchmark: Benchmark,
    verdict: Verdict,
    count: int,
    entries: list[str] | None,
    by: str | None,
    cache: Path | None,
    quiet: bool,
) -> Verdict:
    """The verdict after records were replayed; those that do not follow from their predictions are not."""
    from dataclasses import replace as changed

    from xdistill.bench.records.attest import add_replay
    from xdistill.bench.records.record import folder_name
    from xdistill.bench.replay import replay
    from xdistill.cli.console import echo
    from xdistill.plugin import load_catalog

    for name in entries or ():
        benchmark.entry(name)
    problems = list(verdict.problems)
    for record in verdict.records:
        if problems or (entries and record.entry not in entries):
            continue
        found = replay(benchmark, record, count=count, catalog=load_catalog(), cache=cache)
        if found.problem:
            problems.append(f"{verdict.folder}: {found.problem}")
            continue
        if by is not None:
            place = verdict.folder / folder_name(record.entry, record.seed, len(benchmark.file.seeds))
            add_replay(place, found.said_by(by))
        if not quiet:
            same = "the same predictions" if found.identical else f"predictions within {found.largest:.2g}"
            same += found.remark
            echo(f"{record.entry}, seed {record.seed}: {', '.join(found.folds)} trained again: {same}")
    return changed(verdict, problems=tuple(problems))


def _summary(verdict: Verdict) -> str:
    count = len(verdict.records)
    splits = verdict.records[0].splits
    return (
        f"{verdict.folder}: {count} record{'s' if count > 1 else ''}, {len(splits.folds)} folds, {len(splits.targets)} "
        f"subjects: all figures follow from the predictions; versions, machines and times are as stated"
    )
