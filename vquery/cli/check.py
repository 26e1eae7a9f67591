"""Check a collection, so that a pipeline can stop where it is not good enough."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vquery.cli.group import AS_JSON, COLLECTION, CONCEPTS, main
from vquery.errors import QueryError

if TYPE_CHECKING:
    from vquery.api.proving import Bound, Proof


@main.command()
@COLLECTION
@CONCEPTS
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a page with plots, which stands alone.",
)
@click.option(
    "--fail-under",
    "under",
    multiple=True,
    metavar="METRIC=VALUE",
    help="Least value of a metric, such as logo.f1=0.8 or sound.faces=0.99, or of one in a slice, "
    "such as logo.f1/short=0.7; may be given again.",
)
@click.option(
    "--fail-over",
    "over",
    multiple=True,
    metavar="METRIC=VALUE",
    help="Greatest value, for metrics of which less is better, such as logo.log_loss=0.4.",
)
@click.option(
    "--max-violations",
    "most",
    multiple=True,
    metavar="RULE=N",
    help="Most violations of a rule, such as flicker=0, or of all=N; may be given again.",
)
@AS_JSON
def check(
    collection: Path,
    files: tuple[Path, ...],
    report: Path | None,
    under: tuple[str, ...],
    over: tuple[str, ...],
    most: tuple[str, ...],
    as_json: bool,  # noqa: FBT001
) -> None:
    """Check COLLECTION: what cannot be, in which slices, and how good its labels are.

    Nothing is changed. A file given by --concepts may define ASSERTIONS (a list about faces, or
    lists by table), SLICES, and ASSESSMENTS (names and functions of the collection that return
    what vq.assess or relation.evaluate gives); without ASSERTIONS the usual ones are checked.
    Concepts in it that people labelled are judged by these labels, shot by shot. Slices are taken
    of all that has their columns.

    Exits with 1 when a named threshold is missed, with 2 when one names what there is not.
    """
    from vquery.api.collection import Collection
    from vquery.api.console import status, tell
    from vquery.api.proving import Rules, bounds_of, prove
    from vquery.api.proving_report import text, write

    try:
        bounds = bounds_of(under, over, most)
    except QueryError as error:
        raise click.UsageError(str(error)) from error
    if report is not None and not report.parent.is_dir():  # before minutes of work, not after
        raise click.UsageError(
            f"--report {report}: there is no folder {report.parent}; make it first"
        )
    with Collection.open(collection) as db, status("checking"):
        proof = prove(db, Rules.of(files))
    missed = _missed(proof, bounds)
    if report is not None:
        report.write_text(write(proof, bounds), encoding="utf-8")
    tell(proof.to_dict(bounds) if as_json else None, lambda: text(proof, bounds), as_json=as_json)
    if missed:
        for line in missed:
            click.echo(f"vquery: {line}", err=True)
        raise SystemExit(1)


def _missed(proof: Proof, bounds: list[Bound]) -> list[str]:
    try:
        return [str(one) for one in proof.missed(bounds)]
    except QueryError as error:
        raise click.UsageError(str(error)) from error
