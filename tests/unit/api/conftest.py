"""Collections of made-up people, without any picture: their vectors are drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import vquery as vq
from vquery.schema import IDS_PER_VIDEO, embedding
from vquery.store import NewVideo

DIMENSIONS = 24
FACES = 6


class World:
    """A collection whose people look the same in all their tracks, but for a little noise."""

    def __init__(self, path: Path) -> None:
        self.db = vq.create(path)
        self._looks: dict[str, np.ndarray] = {}
        self._rng = np.random.default_rng(3)

    def look(self, person: str) -> np.ndarray:
        if person not in self._looks:
            self._looks[person] = self._rng.normal(size=DIMENSIONS)
        return self._looks[person]

    def add(
        self,
        video: str,
        tracks: list[tuple[str, float]],
        words: dict[float, str] | None = None,
        *,
        same_shot: bool = False,
        faces: int = FACES,
        kind: str = "face",
    ) -> dict[str, list[int]]:
        """Add a video of people, each from a second on; return the detections of each person.

        Each track has so many faces (or detections of another kind) in two seconds, and a shot of
        its own unless all share one; ``words`` are said at their second.
        """
        with self.db._store.writer("made") as writer:
            number = writer.register([NewVideo(video, None, kind="none")])[video]
            base = number * IDS_PER_VIDEO + 1
            rows, vectors, found = [], [], {}
            for shot, (person, start) in enumerate(tracks):
                for face in range(faces):
                    at = int((start + 2 * face / faces) * 1e6)
                    item = base + len(rows)
                    found.setdefault(person, []).append(item)
                    rows.append(
                        {
                            "detection_id": item,
                            "video": video,
                            "start_us": at,
                            "end_us": at + int(2e6 / faces),
                            **dict(
                                zip(("x1", "y1", "x2", "y2"), (0.1, 0.1, 0.3, 0.4), strict=True)
                            ),
                            "class": kind,
                            "score": 0.9,
                            "track": base + shot,
                            "shot_id": base + (0 if same_shot else shot),
                        }
                    )
                    vector = self.look(person) + 0.35 * self._rng.normal(size=DIMENSIONS)
                    vectors.append(vector / np.linalg.norm(vector))
            parts = [
                writer.write("detections", pa.Table.from_pylist(rows)),
                self._space(writer, [row["detection_id"] for row in rows], video, vectors),
            ]
            if words:
                said = [
                    {
                        "word_id": base + i,
                        "video": video,
                        "start_us": int(at * 1e6),
                        "end_us": int(at * 1e6) + 300_000,
                        "word": word,
                    }
                    for i, (at, word) in enumerate(
                        sorted(
                            (at + 0.01 * j, word)
                            for at, text in words.items()
                            for j, word in enumerate(text.split())
                        )
                    )
                ]
                parts.append(writer.write("words", pa.Table.from_pylist(said)))
            writer.commit(parts)
        return found

    def _space(self, writer, ids, video, vectors):
        shape = embedding(DIMENSIONS)
        flat = pa.array(np.concatenate(vectors).astype(np.float32))
        columns = [
            pa.array(ids, pa.int64()),
            pa.array([video] * len(ids)),
            pa.FixedSizeListArray.from_arrays(flat, DIMENSIONS),
        ]
        return writer.write("embedding.face", pa.table(columns, schema=shape))


@pytest.fixture
def world(tmp_path: Path):
    made = World(tmp_path / "world.vq")
    with made.db:
        yield made
