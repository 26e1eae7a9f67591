"""The group of all commands, and what several of them share."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Any

import click

from vquery.errors import VQueryError

INTERRUPTED = 130
BROKEN_PIPE = 141
"""As shells count for a program that a closed pipe ends."""

COLLECTION = click.argument("collection", type=click.Path(path_type=Path))
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program to read.")
CONCEPTS = click.option(
    "--concepts",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Python file that defines concepts; it is run. May be given again.",
)


class _Commands(click.Group):
    """Turns errors that are not ours to explain with a traceback into one line."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()  # a pipe that was closed is to be noticed here
        except VQueryError as error:
            _end("\n".join([str(error), *getattr(error, "__notes__", ())]), 1)
        except KeyboardInterrupt:
            _end("interrupted; what was finished is kept", INTERRUPTED)
        except OSError as error:
            if error.errno != errno.EPIPE:
                _end(str(error), 1)
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(BROKEN_PIPE) from None
        else:
            return result


def _end(message: str, code: int) -> None:
    click.echo(f"vquery: {message}", err=True)
    raise SystemExit(code) from None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="vquery-video", prog_name="vquery")
def main() -> None:
    """Query video with Python and turn a few labels into a training set."""
