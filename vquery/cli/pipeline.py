"""Commands that bring a collection up to date as one file says."""

from __future__ import annotations

from pathlib import Path

import click

from vquery.cli.group import AS_JSON, main


@main.command()
@click.argument("file", type=click.Path(path_type=Path), default=Path("vquery.toml"))
@click.option("--explain", is_flag=True, help="Say what would run and why; nothing is written.")
@click.option("--tune", is_flag=True, help="Search the values that are left open first.")
@AS_JSON
def run(file: Path, explain: bool, tune: bool, as_json: bool) -> None:  # noqa: FBT001
    """Bring everything that FILE (by default vquery.toml) declares up to date.

    Only what changed runs, and what depends on it: files, functions, settings, what people said.
    A value may be left open, as in threshold = {range = [0.2, 0.8]} or {choices = [5, 9]}: its
    default is taken (else the middle) until --tune searches it on videos that people labelled.

    Exits with 1 when a threshold of the section `check` is missed.
    """
    from vquery.api.console import say, tell
    from vquery.pipeline.pipeline import Pipeline

    pipeline = Pipeline.load(file)
    if explain and tune:
        raise click.UsageError("--explain and --tune do not go together")
    if explain:
        due = pipeline.explain()
        tell(due.to_dict(), lambda: str(due), as_json=as_json)
        return
    if tune:
        pipeline.run(progress=say)  # what is to be searched on must be there
        click.echo(str(pipeline.tune(progress=say)), err=True)
    report = pipeline.run(progress=say)
    tell(report.to_dict(), lambda: str(report), as_json=as_json)
    if report.missed:
        for line in report.missed:
            click.echo(f"vquery: {line}", err=True)
        raise SystemExit(1)
