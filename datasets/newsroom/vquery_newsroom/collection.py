"""Renders the whole collection into a folder, or finds that it is already there."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from vquery_newsroom import truth
from vquery_newsroom.detections import EVERY
from vquery_newsroom.errors import NewsroomError
from vquery_newsroom.people import NAMES
from vquery_newsroom.picture import FPS, HEIGHT, WIDTH
from vquery_newsroom.recording import render_video, write_truth

if TYPE_CHECKING:
    from vquery_newsroom.truth import Reel

VERSION = 1  # of what is drawn: raise it when the same parameters give another collection
MANIFEST = "newsroom.json"
README = """\
This newsroom is synthetic: drawn, written and spoilt by a program (vquery_newsroom).
Nobody in it exists. Licence of everything in this folder: Apache-2.0.

videos/   WebM videos, captions (SRT) and noisy face detections without names (CSV)
truth/    what is really in them: faces, shots and concepts; never index this folder
seeds.csv two faces a person to start naming from
"""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Summary:
    """Where the collection is and what is in it."""

    output: Path
    seed: int
    videos: int
    seconds: float
    n_frames: int
    n_faces: int
    n_sampled_faces: int
    n_detections: int
    n_missed: int
    n_false: int
    n_seeds: int
    names: tuple[str, ...]
    duration: float  # seconds of all videos together
    reused: bool = False

    @property
    def videos_dir(self) -> Path:
        """The folder to index: videos with their captions and detections."""
        return self.output / "videos"

    @property
    def truth_dir(self) -> Path:
        """The folder with faces.csv, shots.csv and concepts.csv."""
        return self.output / "truth"

    @property
    def seeds(self) -> Path:
        """The table of human labels: video, time, x, y, label."""
        return self.output / "seeds.csv"


def render(
    output: Path,
    *,
    seed: int = 0,
    videos: int = 10,
    seconds: float = 20.0,
    progress: Progress | None = None,
    workers: int | None = None,
) -> Summary:
    """Render a synthetic newsroom collection into ``output``.

    Parameters
    ----------
    output
        A folder that does not exist yet, is empty, or holds a finished collection of the same
        parameters, which is then used as it is. Nothing appears in it before everything is done.
    seed
        Another seed gives other stories, framings, movements and errors of the detector; the
        cast stays.
    videos
        How many videos.
    seconds
        About how long each is; whole blocks are kept, so they differ by some seconds.
    progress
        Called with the number of finished videos and of all videos.
    workers
        Processes to spread the videos over, by default one a core; 1 renders in this process.
        Processes are spawned, so a script calls this under ``if __name__ == "__main__":``.

    Raises
    ------
    NewsroomError
        If ``output`` holds something else, lies within this package, or VP8 cannot be written.
    ValueError
        If ``videos`` or ``seconds`` is not positive.
    """
    output = Path(output).resolve()
    if videos < 1 or seconds <= 0:
        raise ValueError(
            f"videos must be at least 1 and seconds more than 0, got {videos} and {seconds}"
        )
    parameters = {"version": VERSION, "seed": seed, "videos": videos, "seconds": seconds}
    if output.is_relative_to(Path(__file__).resolve().parents[1]):
        raise NewsroomError(f"{output} lies in the source tree: choose a folder outside it")
    if output.is_dir() and any(output.iterdir()):
        return _finished(output, parameters)
    if output.exists() and not output.is_dir():
        raise NewsroomError(f"{output} is a file: expected a new or empty folder")
    output.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{output.name}-", dir=output.parent))
    try:
        summary = _render_into(draft, output, parameters, progress, workers)
        draft.chmod(0o755)
        if output.exists():
            output.rmdir()
        draft.rename(output)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return summary


def _finished(output: Path, parameters: dict[str, float]) -> Summary:
    """Return the summary of a collection that is already there."""
    manifest = output / MANIFEST
    advice = "Choose another folder or delete this one."
    if not manifest.is_file():
        raise NewsroomError(f"{output} is not empty and is not a newsroom collection. {advice}")
    try:
        found = json.loads(manifest.read_text(encoding="utf-8"))
        made_with, sizes, counts = found["parameters"], found["files"], found["summary"]
    except (ValueError, KeyError, TypeError) as error:
        raise NewsroomError(f"{manifest} cannot be read ({error}). {advice}") from error
    if made_with != parameters:
        raise NewsroomError(
            f"{output} holds a newsroom of other parameters: {made_with}, wanted {parameters}. "
            f"{advice}"
        )
    for name, size in sizes.items():
        path = output / name
        if not path.is_file() or path.stat().st_size != size:
            raise NewsroomError(
                f"{path} is missing or was changed since the newsroom was rendered. {advice}"
            )
    return Summary(**{**counts, "output": output, "names": tuple(counts["names"]), "reused": True})


def _render_into(
    draft: Path,
    output: Path,
    parameters: dict[str, float],
    progress: Progress | None,
    workers: int | None,
) -> Summary:
    seed, videos, seconds = (
        int(parameters["seed"]),
        int(parameters["videos"]),
        parameters["seconds"],
    )
    (draft / "videos").mkdir()
    (draft / "truth").mkdir()
    jobs = [(draft / "videos", index, seed, seconds) for index in range(videos)]
    reels = []
    for reel in _work(jobs, workers):
        reels.append(reel)
        if progress:
            progress(len(reels), videos)
    reels.sort(key=lambda reel: reel.video)
    chosen = truth.seeds(reels)
    write_truth(draft, reels, chosen)
    (draft / "README.txt").write_text(README, encoding="utf-8")
    faces = [face for reel in reels for face in reel.faces]
    n_frames = sum(reel.programme.n_frames for reel in reels)
    summary = Summary(
        output=output,
        seed=seed,
        videos=videos,
        seconds=seconds,
        n_frames=n_frames,
        n_faces=len(faces),
        n_sampled_faces=sum(face.frame % EVERY == 0 for face in faces),
        n_detections=sum(reel.n_detections for reel in reels),
        n_missed=sum(reel.n_missed for reel in reels),
        n_false=sum(reel.n_false for reel in reels),
        n_seeds=len(chosen),
        names=NAMES,
        duration=n_frames / FPS,
    )
    _write_manifest(draft, parameters, summary)
    return summary


def _work(jobs: list[tuple[Path, int, int, float]], workers: int | None) -> Iterator[Reel]:
    """Run the jobs, here or in other processes, in whatever order they finish."""
    n_workers = min(len(jobs), workers or os.cpu_count() or 1)
    if n_workers == 1:
        yield from (render_video(*job) for job in jobs)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        n_workers, mp_context=context, initializer=cv2.setNumThreads, initargs=(1,)
    ) as pool:
        pending = [pool.submit(render_video, *job) for job in jobs]
        try:
            for done in as_completed(pending):
                yield done.result()
        finally:
            for future in pending:
                future.cancel()


def _write_manifest(draft: Path, parameters: dict[str, float], summary: Summary) -> None:
    """Written last: its presence says that the collection is complete."""
    counts = {
        key: value for key, value in asdict(summary).items() if key not in {"output", "reused"}
    }
    sizes = {
        str(path.relative_to(draft).as_posix()): path.stat().st_size
        for path in sorted(draft.rglob("*"))
        if path.is_file()
    }
    manifest = {
        "what": "synthetic newsroom collection, Apache-2.0",
        "parameters": parameters,
        "width": WIDTH,
        "height": HEIGHT,
        "fps": FPS,
        "summary": counts,
        "files": sizes,
    }
    (draft / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
