"""The command that opens a collection in the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from vquery.cli.group import COLLECTION, CONCEPTS, main

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@main.command()
@COLLECTION
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to serve at.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    show_default=True,
    help="Port; 0 takes a free one.",
)
@click.option("--open/--no-open", "browser", default=True, help="Whether to open the page.")
@CONCEPTS
@click.option("--by", metavar="PERSON", help="Who labels; default: your login name.")
def serve(
    collection: Path,
    host: str,
    port: int,
    browser: bool,  # noqa: FBT001
    files: Sequence[Path],
    by: str | None,
) -> None:
    """Open COLLECTION in the browser, to query, see and label it.

    The address is printed; ^C ends it. Only this machine can reach it unless --host says so, and
    only who has the whole address, with its token, is let in.
    """
    from vquery.web import starting

    starting.serve(
        collection,
        host=host,
        port=port,
        browser=browser,
        files=files,
        by=by,
        say=click.echo,
        warn=lambda text: click.echo(text, err=True),
    )
