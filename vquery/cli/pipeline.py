"""Commands that bring a collection up to date as one file says."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vquery.cli.group import AS_JSON, main

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vquery.pipeline.loop import Ask


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


@main.command()
@click.argument("file", type=click.Path(path_type=Path), default=Path("vquery.toml"))
@click.option("--concept", help="What is asked about; default: that of the only task.")
@click.option(
    "--from",
    "labels",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File of labels that answers, such as `vquery label --from` takes.",
)
@click.option("--ask", is_flag=True, help="Ask a person, who answers in the workbench or a file.")
@click.option(
    "--test",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File of labels to measure by; their tracks are never suggested.",
)
@click.option(
    "--strategy",
    type=click.Choice(
        ["mixed", "coverage", "margin", "density", "disagreement", "fewshot", "random"]
    ),
    help="What is worth a label, as for `vquery suggest`; default: mixed.",
)
@click.option("-n", "batch", type=click.IntRange(1), help="Suggestions a round; default: 20.")
@click.option("--rounds", type=click.IntRange(1), help="How many in all; default: 5.")
@click.option("--fresh", is_flag=True, help="Begin anew; labels stay, the rounds are let go.")
@AS_JSON
def loop(file: Path, ask: bool, fresh: bool, as_json: bool, **options: Any) -> None:  # noqa: FBT001
    """Suggest, label, bring up to date and measure what FILE (vquery.toml) declares, in rounds.

    Each round is kept in the collection, in loops/CONCEPT: rounds.csv, and curve.svg, which shows
    quality over the number of human labels. Interrupted, the same command goes on.
    """
    from vquery.api.console import say, tell
    from vquery.pipeline.loop import Loop
    from vquery.pipeline.pipeline import Pipeline

    pipeline = Pipeline.load(file)
    if ask:
        with _workbench(pipeline.path) as asking:
            found = Loop(pipeline, ask=asking, **options).run(say, fresh=fresh)
    else:
        found = Loop(pipeline, **options).run(say, fresh=fresh)
    tell(found.table.to_pylist(), lambda: str(found), as_json=as_json)


@contextmanager
def _workbench(collection: Path) -> Iterator[Ask]:
    """Open the workbench as long as people are asked, if it is installed."""
    import subprocess
    import sys

    command = [sys.executable, "-m", "vquery.cli", "serve", str(collection), "--no-open"]
    served: list[subprocess.Popen[str]] = []

    def ask(rows: Any, path: Path) -> None:
        if not served:
            made = subprocess.Popen(
                [*command, "--port", "0"],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            served.append(made)
            address = made.stdout.readline().strip() if made.stdout is not None else ""
            if address:
                click.echo(f"the workbench: {address}", err=True)
        click.echo(
            f"{len(rows)} faces are worth a label: say what they are in the workbench, or in place "
            f"of the ? in {path}",
            err=True,
        )
        click.prompt("Enter goes on", default="", show_default=False, err=True)

    try:
        yield ask
    finally:
        for one in served:
            one.terminate()
            one.wait()
