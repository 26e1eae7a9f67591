"""The command line: one verb per stage, each one call into the api.

Results go to standard output, everything else to standard error. Exit codes: 0 done, 1 failed,
2 wrong usage, 130 interrupted. Imports are inside the commands, so that ``vquery --help`` answers
at once.
"""

from vquery.cli import check, collections, ends, labels, learn, pipeline, serve
from vquery.cli.group import main

__all__ = ["check", "collections", "ends", "labels", "learn", "main", "pipeline", "serve"]
