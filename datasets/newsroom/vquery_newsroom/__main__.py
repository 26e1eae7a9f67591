"""``python -m vquery_newsroom FOLDER``: render the collection."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from vquery_newsroom.collection import render
from vquery_newsroom.errors import NewsroomError


def _progress(done: int, total: int) -> None:
    sys.stderr.write(f"\r{done} of {total} videos" + ("\n" if done == total else ""))
    sys.stderr.flush()


def main(arguments: list[str] | None = None) -> int:
    """Render a collection and say where it is; 0 when done, 1 when it cannot be."""
    parser = argparse.ArgumentParser(
        prog="vquery_newsroom", description="Render a synthetic newsroom collection."
    )
    parser.add_argument("output", type=Path, help="a new or empty folder")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--videos", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each video, about")
    parser.add_argument("--workers", type=int, help="processes, by default one a core")
    given = parser.parse_args(arguments)
    show = _progress if sys.stderr.isatty() else None
    try:
        made = render(
            given.output,
            seed=given.seed,
            videos=given.videos,
            seconds=given.seconds,
            progress=show,
            workers=given.workers,
        )
    except (NewsroomError, ValueError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    state = "already there" if made.reused else "rendered"
    sys.stdout.write(
        f"{made.output}: {state}, {made.videos} synthetic videos, {made.duration:.0f} s, "
        f"{made.n_detections} detections ({made.n_missed} of {made.n_sampled_faces} faces missed, "
        f"{made.n_false} false), {made.n_seeds} seeds\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
