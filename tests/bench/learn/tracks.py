"""Quality against labels where faces have tracks: ``python -m tests.bench.learn.tracks DATA WORK [DRAWS]``.

As `db.suggest` and `db.propagate` see a collection: a track is asked about once and named once, and
two people of one moment are never one. Tracks of one half of the groups (clips, shots of a person)
are labelled some at a time, at random or as suggested; balanced accuracy over the faces of the
other half, where a face without a name is wrong. The newsroom is drawn by a program; the change of
"mixed" was designed on it, and not on the others. WORK holds indexes, made where they are not
there.
"""  # noqa: E501 - a command is not cut

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

import vquery as vq
from tests.bench.learn import sets
from tests.bench.learn.loop import DRAWS, interval
from vquery.api.demo import MATCH_WITHIN_US, _us
from vquery.api.propagation import graphs, suggesting
from vquery.api.propagation.graphs import Built
from vquery.api.propagation.options import Options
from vquery.api.propagation.solving import Solved, solve_rows
from vquery.metrics.boxes import true_values
from vquery.store.snapshot import Snapshot
from vquery.store.store import Store
from vquery_newsroom import render

WAYS = ("random", "margin", "coverage", "mixed")
NOBODY = pa.table({"detection_id": pa.array([], pa.int64()), "label": pa.array([], pa.string())})
VIDEOS, SEED = 24, 5


@dataclass(frozen=True)
class Faces:
    """Detections (ascending) of a collection, whom they show, and groups that stay on one side."""

    name: str
    snapshot: Snapshot
    ids: np.ndarray
    who: np.ndarray
    group: np.ndarray
    batch: int
    counts: tuple[int, ...]

    def built(self, ids: np.ndarray) -> Built:
        return graphs.build(self.snapshot, ids, Options(), lambda _: None)

    @cached_property
    def whole(self) -> Built:
        return self.built(self.ids)

    def named(self, ids: np.ndarray) -> list[str]:
        return [str(one) for one in self.who[np.searchsorted(self.ids, ids)]]

    def half(self, draw: int) -> np.ndarray:
        """Faces that may be asked about; everybody is on both sides."""
        rng, names = np.random.default_rng(draw), np.unique(self.group)
        for _ in range(sets.TRIES):
            side = np.isin(self.group, rng.permutation(names)[: len(names) // 2])
            if set(self.who[side]) == set(self.who[~side]):
                return side
        raise ValueError(f"{self.name}: no split has everybody on both sides")


def solved(built: Built, ids: np.ndarray, names: list[str]) -> Solved:
    given = dict(zip(np.searchsorted(built.ids, ids).tolist(), names, strict=True))
    return solve_rows(built, given, NOBODY, 0, Options())


def ask(data: Faces, side: np.ndarray, way: str, draw: int) -> np.ndarray:
    """Choose faces, one a track, a batch after the other, knowing who those before are."""
    pool = data.built(data.ids[side])
    faces, rng = pool.faces(), np.random.default_rng([draw, 1])
    nodes = np.zeros(0, np.int64)
    while len(nodes) < data.counts[-1]:
        if way == "random":
            left = np.setdiff1d(np.arange(len(faces)), nodes)
            more = rng.permutation(left)[: data.batch]
        else:
            now = solved(pool, faces[nodes], data.named(faces[nodes]))
            more = suggesting._nodes(now, data.batch, way, "name", data.snapshot).nodes
        if not len(more):
            break
        nodes = np.r_[nodes, more]
    return faces[nodes]


def curve(data: Faces, way: str, draw: int) -> tuple[list[float], int, int]:
    """Balanced accuracy after each number of labels; people in the second; labels."""
    side = data.half(draw)
    asked = ask(data, side, way, draw)
    truth, found = data.who[~side], []
    for count in data.counts:
        names = solved(data.whole, asked[:count], data.named(asked[:count])).names
        hit = np.array(names.best, object)[~side] == truth
        found.append(float(np.mean([hit[truth == one].mean() for one in np.unique(truth)])))
    return found, len(set(data.named(asked[: data.counts[1]]))), len(asked)


def tell(data: Faces, draws: int) -> None:
    people, groups = len(set(data.who)), len(set(data.group))
    tracks = data.whole.tracks.graph.n
    print(f"\n## {data.name} ({len(data.ids)} faces, {tracks} tracks, {people} people, "
          f"{groups} groups; {draws} draws)\n")  # fmt: skip
    print(
        "| labels |", " | ".join(map(str, data.counts)), f"| people in {data.counts[1]} | given |"
    )
    print("|---|" + "---|" * (len(data.counts) + 2))
    usual = np.zeros(0)
    for way in WAYS:
        each = [curve(data, way, draw) for draw in range(draws)]
        curves = np.array([one[0] for one in each])
        usual = curves if way == "random" else usual
        cells = []
        for column, gain in enumerate((curves - usual).T):
            low, high = interval(gain)
            more = "" if way == "random" else f" ({gain.mean():+.3f}: {low:+.3f} to {high:+.3f})"
            cells.append(f"{curves[:, column].mean():.3f}{more}")
        cells += [
            f"{np.mean([one[1] for one in each]):.1f}",
            f"{np.mean([one[2] for one in each]):.0f}",
        ]
        print(f"| {way} | " + " | ".join(cells) + " |", flush=True)


def of(data: sets.Set, snapshot: Snapshot, batch: int, counts: tuple[int, ...]) -> Faces:
    order = data.rows[np.argsort(data.pictures.ids[data.rows])]
    ids, who = np.asarray(data.pictures.ids)[order], data.truth[order]
    return Faces(data.name, snapshot, ids, who, data.group[order], batch, counts)


def newsroom(work: Path) -> Faces:
    drawn = render(work / "newsroom", seed=SEED, videos=VIDEOS, seconds=20)
    if not (work / "news.vq").exists():
        with vq.create(work / "news.vq") as db:
            db.index(drawn.videos_dir)
    truth = pacsv.read_csv(drawn.truth_dir / "faces.csv")
    truth = truth.append_column("start_us", _us(truth["time"]))
    with vq.open(work / "news.vq") as db:
        rows = db.faces.collect().sort_by("detection_id")
    found = true_values(rows, truth, "character", at_least=0.4, within_us=MATCH_WITHIN_US)
    who = np.array(found, object)
    real = np.array([one is not None for one in who])
    ids, video = rows["detection_id"].to_numpy()[real], np.array(rows["video"].to_pylist())[real]
    snapshot = Store.open(work / "news.vq").snapshot()
    return Faces("A newsroom", snapshot, ids, who[real], video, 4, (2, 4, 8, 12, 20, 40))


def main(folder: Path, work: Path, draws: int) -> None:
    signs, stage = sets.faces(folder, work / "clips.vq")
    with Store.open(work / "clips.vq").snapshot() as snapshot:
        tell(of(signs, snapshot, 4, (2, 4, 6)), draws)
        tell(of(stage, snapshot, 2, (1, 2, 3)), draws)
    tell(newsroom(work), draws)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else DRAWS)
