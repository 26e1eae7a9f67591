"""Times of the workbench's server on a million detections and 100,000 human labels.

``python -m tests.bench.web.million FOLDER [--videos 20]`` makes the collection in FOLDER (once; it
is taken again), serves it in a process of its own and prints the table of ``million.md``.

The collection is drawn with ``numpy.random.default_rng(0)``: a million faces in videos of equal
length, each track 50 faces of 40 ms without a gap, every moment seen by a few tracks at once; one
caption every three seconds. 100,000 faces have a human label of ten names, given in 100 actions;
all others have a propagated one, of which a tenth is below the threshold. Each face has a vector of
768 numbers, those of a track around one point; the vectors take 3 GB. Nothing has pictures.

Each figure is the median, largest or first time of whole requests over one connection on the same
machine, as a client sees them; beside it the processor time that the server spent meanwhile, its
work in the background included, which says more where other programs keep the machine busy. The
first request is sent at once: what the server reads in the background it has not read by then.
"""

from __future__ import annotations

import argparse
import http.client
import json
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import numpy as np
import pyarrow as pa

import vquery as vq
from vquery.schema import IDS_PER_VIDEO
from vquery.store.register import NewVideo

DETECTIONS, LABELS, ACTIONS = 1_000_000, 100_000, 100
TRACK, FRAME_US, AT_ONCE = 50, 40_000, 4
NAMES = [f"person {number}" for number in range(10)]
DIMENSIONS = 768
ROUNDS = 20


def made(path: Path, videos: int) -> Path:
    """Make the collection, unless it is there."""
    if path.exists():
        return path
    rng = np.random.default_rng(0)
    each = DETECTIONS // videos
    with vq.create(path) as db:
        with db._store.writer("bench") as writer:
            names = [f"{number:03d}.mp4" for number in range(videos)]
            ids = writer.register([NewVideo(name, None, kind="none") for name in names])
            parts, every = [], []
            for name in names:
                rows = faces(rng, name, ids[name], each)
                every.append(rows.select(["detection_id", "video"]))
                parts += [writer.write("detections", rows)]
                parts += [writer.write("cues", cues(name, ids[name], each))]
                parts += [writer.write("embedding.face", vectors(rng, rows))]
            parts.append(writer.write("soft_labels", soft(rng, pa.concat_tables(every))))
            writer.commit(parts)
        labelled = rng.choice(pa.concat_tables(every)["detection_id"].to_numpy(), LABELS, False)
        for action, some in enumerate(np.array_split(labelled, ACTIONS)):
            db.label(some, "name", NAMES[action % len(NAMES)], by="bench")
    return path


def faces(rng: np.random.Generator, video: str, number: int, n: int) -> pa.Table:
    """Draw the faces of one video."""
    base, row = number * IDS_PER_VIDEO + 1, np.arange(n)
    track, frame = row // TRACK, row % TRACK
    start = (track // AT_ONCE * TRACK + frame) * FRAME_US
    x, y = rng.random(n // TRACK + 1)[track] * 0.7, rng.random(n // TRACK + 1)[track] * 0.6
    columns = {
        "detection_id": base + row,
        "video": pa.repeat(pa.scalar(video), n),
        "start_us": start,
        "end_us": start + FRAME_US,
        "x1": x.astype(np.float32),
        "y1": y.astype(np.float32),
        "x2": (x + 0.2).astype(np.float32),
        "y2": (y + 0.3).astype(np.float32),
        "class": pa.repeat(pa.scalar("face"), n),
        "score": rng.random(n, dtype=np.float32),
        "track": base + track,
    }
    return pa.table(columns).sort_by([("start_us", "ascending"), ("detection_id", "ascending")])


def vectors(rng: np.random.Generator, rows: pa.Table) -> pa.Table:
    """Draw the vectors of faces, around one point for each track."""
    rows = rows.select(["detection_id", "video"]).sort_by("detection_id")
    ids = rows["detection_id"].to_numpy()
    tracks = rng.normal(size=(len(ids) // TRACK + 1, DIMENSIONS)).astype(np.float32)
    found = tracks[np.arange(len(ids)) // TRACK]
    found += 0.3 * rng.standard_normal(found.shape, dtype=np.float32)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    flat = pa.FixedSizeListArray.from_arrays(found.ravel(), DIMENSIONS)
    return pa.table({"item_id": ids, "video": rows["video"], "vector": flat})


def cues(video: str, number: int, n: int) -> pa.Table:
    """Draw captions."""
    length = n // AT_ONCE * FRAME_US
    start = np.arange(0, max(length, 1), 3_000_000)
    return pa.table(
        {
            "cue_id": number * IDS_PER_VIDEO + 1 + np.arange(len(start)),
            "video": pa.repeat(pa.scalar(video), len(start)),
            "start_us": start,
            "end_us": start + 2_500_000,
            "text": [f"something is said at {one // 1_000_000} seconds" for one in start.tolist()],
        }
    )


def soft(rng: np.random.Generator, rows: pa.Table) -> pa.Table:
    """Draw propagated labels."""
    n = rows.num_rows
    chance = rng.random(n, dtype=np.float32) * 0.55 + 0.45
    best = pa.array(NAMES).take(pa.array(rng.integers(0, len(NAMES), n)))
    return pa.table(
        {
            "detection_id": rows["detection_id"],
            "video": rows["video"],
            "concept": pa.repeat(pa.scalar("name"), n),
            "label": pa.array(best.to_pylist(), mask=chance < 0.5),
            "best": best,
            "probability": chance,
            "margin": chance - 0.3,
            "reached": np.ones(n, bool),
            "calibrated": np.zeros(n, bool),
            "source": pa.repeat(pa.scalar("propagated"), n),
            "why": pa.repeat(pa.scalar('[{"seed": 1000000001, "weight": 0.9}]'), n),
            "run_id": np.ones(n, np.int64),
        }
    ).sort_by([("detection_id", "ascending")])


class Page:
    """Asks as the page does, over one connection."""

    def __init__(self, address: str) -> None:
        self.address, self.host = address, urlsplit(address).netloc
        self.connection = http.client.HTTPConnection(self.host, timeout=120)
        self.token = parse_qs(urlsplit(address).query)["token"][0]

    def ask(self, method: str, path: str, data: Any = None) -> tuple[int, bytes]:
        headers = {"Host": self.host, "X-VQuery-Token": self.token}
        if data is not None:
            headers |= {"Origin": f"http://{self.host}"}
        body = None if data is None else json.dumps(data)
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        return answer.status, answer.read()

    def get(self, path: str, **query: Any) -> Any:
        status, body = self.ask("GET", f"{path}?{urlencode(query)}")
        assert status == 200, body[:300]
        return json.loads(body)

    def post(self, path: str, data: Any) -> Any:
        status, body = self.ask("POST", path, data)
        assert status == 200, body[:300]
        return json.loads(body)

    def run(self, text: str) -> dict[str, Any]:
        query = self.post("/api/queries", {"text": text})["query"]
        while (said := self.get(f"/api/queries/{query}", wait_s=10))["state"] == "running":
            pass
        assert said["state"] == "done", said
        return dict(said["result"])


@contextmanager
def served(path: Path) -> Iterator[tuple[Page, int]]:
    """Serve a collection in a process of its own; gives a page and the process."""
    command = [sys.executable, "-m", "vquery.cli", "serve", str(path), "--no-open"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        for line in server.stdout:
            if found := re.search(r"http://\S+", line):
                yield Page(found[0]), server.pid
                return
        raise RuntimeError("the server said no address")
    finally:
        server.terminate()
        server.wait(20)


class Clock:
    """Times requests on the wall and in the processor time of the server, which load spares."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.wall: list[float] = []
        self.spent: list[float] = []

    def time(self, work: Callable[[], Any]) -> None:
        """Do one request."""
        spent, began = processor_ms(self._pid), time.perf_counter()
        work()
        self.wall.append(1000 * (time.perf_counter() - began))
        self.spent.append(processor_ms(self._pid) - spent)

    def tell(self, name: str) -> None:
        """Print the median, largest and first time, and the median and first spent."""
        told = [statistics.median(self.wall), max(self.wall), self.wall[0]]
        told += [statistics.median(self.spent), self.spent[0]]
        print(f"| {name} | " + " | ".join(f"{one:.0f}" for one in told) + " |", flush=True)


def processor_ms(pid: int) -> float:
    """Milliseconds that the threads of a process have run."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # it ended meanwhile
            total += int((task / "schedstat").read_text().split()[0])
    return total / 1e6


def resident(pid: int) -> float:
    """GiB that a process holds."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 2**20
    return 0.0


def measure(page: Page, pid: int, videos: int) -> None:
    """Print the table."""
    rng = np.random.default_rng(1)
    length = DETECTIONS // videos // AT_ONCE * FRAME_US
    print("| request | median ms | largest ms | first ms | median CPU ms | first CPU ms |")
    print("|---|---|---|---|---|---|")

    def times(name: str, work: Callable[[int], Any], rounds: int = ROUNDS) -> None:
        clock = Clock(pid)
        for round_ in range(rounds):
            clock.time(partial(work, round_))
        clock.tell(name)

    times("collection", lambda _: page.get("/api/collection"))
    began = time.perf_counter()
    result = page.run("faces")
    taken = 1000 * (time.perf_counter() - began)
    print(f"| query `faces`: {result['total']:,} rows | {taken:.0f} | | | | |")
    rows = f"/api/results/{result['id']}/rows"
    last = result["total"] - 200
    for sort in ("row", "score", "margin", "conflict", "time", "label", "cluster"):
        times(
            f"page of 200, anywhere, by {sort}",
            lambda _, s=sort: page.get(rows, offset=rng.integers(last), limit=200, sort=s),
        )
    groups = f"/api/results/{result['id']}/groups"
    for by in ("video", "track", "label"):
        times(f"groups by {by}", lambda _, b=by: page.get(groups, by=b), 10)

    alone = page.run(f"faces.drop('track').limit({LABELS})")
    for text, asked, concept in (
        ("20,000 tracks, by one row chosen", result, "role"),
        ("100,000 faces without tracks, by 100,000 labels", alone, "name"),
        ("20,000 tracks, nearly all judged, by 100,000 labels", result, "name"),
    ):
        path = f"/api/results/{asked['id']}"
        order: dict[str, Any] = {"sort": "row"}

        def like(_: int, p: str = path, o: Any = order, c: str = concept, a: Any = asked) -> Any:
            body: dict[str, Any] = {"concept": c}
            if c == "role":  # of which nothing is labelled
                body["selection"] = {"result": a["id"], "ranges": [[0, 1]]}
            o["sort"] = page.post(f"{p}/alike", body)["sort"]

        times(f"more like these: {text}", like)
        times(
            "page of 200, anywhere, by likeness",
            lambda _, p=path, o=order, a=asked: page.get(
                f"{p}/rows",
                offset=rng.integers(a["total"] - 200),
                limit=200,
                sort=o["sort"],
                descending=1,
            ),
        )

    def video() -> str:
        return f"{rng.integers(videos):03d}.mp4"

    lanes = {"result": result["id"], "width": 1200}
    times(
        "timeline, whole video",
        lambda _: page.get("/api/timeline", video=video(), end_us=length, **lanes),
        max(ROUNDS, 3 * videos),
    )

    def zoomed(_: int) -> Any:
        start = int(rng.integers(length))
        span = {"start_us": start, "end_us": start + 10_000_000}
        return page.get("/api/timeline", video=video(), **span, **lanes)

    times("timeline, ten seconds", zoomed)

    def overlaid(_: int) -> Any:
        start = int(rng.integers(length))
        return page.get("/api/overlay", video=video(), start_us=start, end_us=start + 2_000_000)

    times("overlay, two seconds", overlaid)
    times(
        "next hit",
        lambda _: page.get(
            "/api/hits", result=result["id"], video=video(), after_us=int(rng.integers(length))
        ),
    )
    pick = [row["detection_id"] for row in page.get(rows, limit=40)["rows"]]
    times("why", lambda at: page.get("/api/why", concept="name", detection_id=pick[at]), 20)

    def label(at: int) -> Any:
        start = int(rng.integers(last))
        chosen = {"result": result["id"], "sort": "row", "descending": False}
        selection = {**chosen, "ranges": [[start, start + 200]]}
        body = {"selection": selection, "concept": "name", "value": NAMES[at % 10]}
        return page.post("/api/labels", body)

    times("label 200 rows", label, 10)

    seen, drawn = Clock(pid), Clock(pid)
    for round_ in range(10):
        label(round_)
        seen.time(lambda: page.get(rows, offset=rng.integers(last), limit=200, sort="row"))
        drawn.time(lambda: page.get("/api/timeline", video="000.mp4", end_us=length, **lanes))
    seen.tell("first page after a label")
    drawn.tell("first timeline after a label")
    print(f"\nThe server holds {resident(pid):.2f} GiB at the end.")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--videos", type=int, default=20)
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    path = made(chosen.folder / f"million-{chosen.videos}.vq", chosen.videos)
    with served(path) as (page, pid):
        measure(page, pid, chosen.videos)
    print(f"This client: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB.")


if __name__ == "__main__":
    main()
