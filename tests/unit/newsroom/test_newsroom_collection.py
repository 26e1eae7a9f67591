"""A small collection, rendered once: files, truth, detections, captions and seeds agree."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import cv2
import pysubs2
import pytest

from vquery_newsroom import NewsroomError, Summary, render
from vquery_newsroom.recording import render_video

SECONDS, VIDEOS, SEED = 4, 2, 5
FPS = 25


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    steps: list[tuple[int, int]] = []
    summary = render(
        tmp_path_factory.mktemp("newsroom") / "out",
        seed=SEED,
        videos=VIDEOS,
        seconds=SECONDS,
        workers=1,
        progress=lambda done, total: steps.append((done, total)),
    )
    assert steps == [(1, VIDEOS), (2, VIDEOS)]
    return summary


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def box(row: dict[str, str]) -> tuple[float, float, float, float]:
    return float(row["x1"]), float(row["y1"]), float(row["x2"]), float(row["y2"])


def videos(made: Summary) -> list[Path]:
    return sorted(made.videos_dir.glob("*.webm"))


def n_frames(made: Summary) -> dict[str, int]:
    end: dict[str, float] = {}
    for shot in rows(made.truth_dir / "shots.csv"):
        end[shot["video"]] = float(shot["end"])
    return {video: round(seconds * FPS) for video, seconds in end.items()}


def test_each_video_has_captions_and_detections_beside_it(made: Summary) -> None:
    names = {path.name for path in made.videos_dir.iterdir()}
    stems = [path.stem for path in videos(made)]
    assert len(stems) == VIDEOS
    assert names == {f"{s}{e}" for s in stems for e in (".webm", ".srt", ".detections.csv")}


def test_videos_decode_in_order_with_exact_times(made: Summary) -> None:
    promised = n_frames(made)
    for path in videos(made):
        capture = cv2.VideoCapture(str(path))
        times = []
        while True:
            ok, image = capture.read()
            if not ok:
                break
            assert image.shape == (270, 480, 3)
            times.append(capture.get(cv2.CAP_PROP_POS_MSEC))
        assert times == pytest.approx([40.0 * i for i in range(promised[path.name])], abs=1e-6)
    assert made.n_frames == sum(promised.values())


def test_shots_cover_each_video_without_gaps(made: Summary) -> None:
    shots = rows(made.truth_dir / "shots.csv")
    for path in videos(made):
        mine = [shot for shot in shots if shot["video"] == path.name]
        assert mine[0]["start"] == "0.000"
        assert mine[0]["opens_with"] == "start"
        assert all(a["end"] == b["start"] for a, b in pairwise(mine))
        assert all(float(s["end"]) - float(s["start"]) >= 2 for s in mine)


def test_faces_lie_in_the_picture_and_in_the_video(made: Summary) -> None:
    promised = n_frames(made)
    faces = rows(made.truth_dir / "faces.csv")
    assert len(faces) == made.n_faces > 200
    for face in faces:
        x1, y1, x2, y2 = box(face)
        assert 0 <= x1 < x2 <= 1
        assert 0 <= y1 < y2 <= 1
        frame = float(face["time"]) * FPS
        assert frame == pytest.approx(round(frame))
        assert frame < promised[face["video"]]
        assert face["person"].lower() == (
            "" if "stranger" in face["character"] else face["character"]
        )


def test_nobody_is_twice_in_a_frame(made: Summary) -> None:
    seen = [(f["video"], f["time"], f["character"]) for f in rows(made.truth_dir / "faces.csv")]
    assert len(seen) == len(set(seen))


def test_concepts_follow_from_the_faces_and_captions(made: Summary) -> None:
    there: dict[tuple[str, str], set[str]] = defaultdict(set)
    for face in rows(made.truth_dir / "faces.csv"):
        there[face["video"], face["time"]].add(face["person"])
    both = {key for key, people in there.items() if {"Bernie", "Jake"} <= people}
    told = {
        (row["video"], f"{frame / FPS:.3f}")
        for row in rows(made.truth_dir / "concepts.csv")
        if row["concept"] == "bernie_and_jake"
        for frame in range(round(float(row["start"]) * FPS), round(float(row["end"]) * FPS))
    }
    assert both == told
    assert both
    thanks = [r for r in rows(made.truth_dir / "concepts.csv") if r["concept"] == "thanks"]
    for row in thanks:
        cues = pysubs2.load(str(made.videos_dir / row["video"].replace(".webm", ".srt")))
        found = [c for c in cues if c.start == round(float(row["start"]) * 1000)]
        assert "THANK YOU" in found[0].plaintext.replace("\n", " ")


def test_captions_load_in_order_within_the_video(made: Summary) -> None:
    promised = n_frames(made)
    for path in videos(made):
        cues = pysubs2.load(str(path.with_suffix(".srt")))
        assert len(cues) >= 2
        assert all(cue.start < cue.end for cue in cues)
        assert all(a.end <= b.start for a, b in pairwise(cues))
        assert cues[-1].end <= promised[path.name] * 40
        for cue in cues:
            assert all(len(line) <= 32 for line in cue.plaintext.split("\n"))


def test_detections_are_the_faces_with_errors_and_without_names(made: Summary) -> None:
    faces = defaultdict(list)
    for face in rows(made.truth_dir / "faces.csv"):
        faces[face["video"], face["time"]].append(box(face))
    n, on_nothing = 0, 0
    for path in videos(made):
        found = rows(made.videos_dir / f"{path.stem}.detections.csv")
        assert list(found[0]) == ["time", "x1", "y1", "x2", "y2", "score", "class"]
        for row in found:
            n += 1
            assert row["class"] == "face"
            assert round(float(row["time"]) * FPS) % 5 == 0
            x1, y1, x2, y2 = box(row)
            assert 0 <= x1 < x2 <= 1
            assert 0 <= y1 < y2 <= 1
            x, y = (x1 + x2) / 2, (y1 + y2) / 2
            here = faces[path.name, row["time"]]
            is_face = any(f[0] < x < f[2] and f[1] < y < f[3] for f in here)
            assert (float(row["score"]) >= 0.7) == is_face
            on_nothing += not is_face
    assert n == made.n_detections
    assert on_nothing == made.n_false
    assert n == made.n_sampled_faces - made.n_missed + made.n_false


def test_seeds_hit_a_truth_box_and_a_detection(made: Summary) -> None:
    seeds = rows(made.seeds)
    assert len(seeds) == made.n_seeds
    faces, by_person = rows(made.truth_dir / "faces.csv"), defaultdict(set)
    for seed in seeds:
        x, y = float(seed["x"]), float(seed["y"])
        hit = [
            face["person"]
            for face in faces
            if (face["video"], face["time"]) == (seed["video"], seed["time"])
            and float(face["x1"]) < x < float(face["x2"])
            and float(face["y1"]) < y < float(face["y2"])
        ]
        assert hit == [seed["label"]]
        detections = rows(made.videos_dir / seed["video"].replace(".webm", ".detections.csv"))
        assert any(
            float(d["x1"]) < x < float(d["x2"]) and float(d["y1"]) < y < float(d["y2"])
            for d in detections
            if d["time"] == seed["time"]
        )
        by_person[seed["label"]].add((seed["video"], seed["time"]))
    assert len(by_person["Bernie"]) == len(by_person["Jake"]) == 2


def test_the_same_seed_gives_the_same_bytes(made: Summary, tmp_path: Path) -> None:
    reel = render_video(tmp_path, 1, SEED, SECONDS)
    for again in tmp_path.iterdir():
        assert (made.videos_dir / again.name).read_bytes() == again.read_bytes()
    assert (tmp_path / reel.video).exists()


def test_a_finished_collection_is_used_again(made: Summary) -> None:
    before = made.seeds.stat().st_mtime_ns
    again = render(made.output, seed=SEED, videos=VIDEOS, seconds=SECONDS)
    assert again.reused
    assert (again.n_faces, again.names, again.duration) == (made.n_faces, made.names, made.duration)
    assert made.seeds.stat().st_mtime_ns == before


def test_other_parameters_are_refused(made: Summary) -> None:
    with pytest.raises(NewsroomError, match="other parameters"):
        render(made.output, seed=SEED + 1, videos=VIDEOS, seconds=SECONDS)


def test_a_changed_collection_is_refused(made: Summary) -> None:
    text = made.seeds.read_text(encoding="utf-8")
    made.seeds.write_text(text + "\n", encoding="utf-8")
    with pytest.raises(NewsroomError, match=r"seeds.csv is missing or was changed"):
        render(made.output, seed=SEED, videos=VIDEOS, seconds=SECONDS)
    made.seeds.write_text(text, encoding="utf-8")


def test_a_folder_of_something_else_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(NewsroomError, match="not empty"):
        render(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_broken_manifest_is_refused(tmp_path: Path) -> None:
    (tmp_path / "newsroom.json").write_text(json.dumps({"parameters": {}}), encoding="utf-8")
    with pytest.raises(NewsroomError, match="cannot be read"):
        render(tmp_path)


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("", encoding="utf-8")
    with pytest.raises(NewsroomError, match="is a file"):
        render(tmp_path / "out")


def test_the_source_tree_is_refused() -> None:
    package = Path(render.__code__.co_filename).parent
    with pytest.raises(NewsroomError, match="source tree"):
        render(package / "rendered")


@pytest.mark.parametrize("wrong", [{"videos": 0}, {"seconds": 0.0}])
def test_numbers_must_be_positive(tmp_path: Path, wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        render(tmp_path / "out", **wrong)


def test_nothing_is_left_when_rendering_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise NewsroomError("no encoder")

    monkeypatch.setattr("vquery_newsroom.collection.render_video", fail)
    with pytest.raises(NewsroomError, match="no encoder"):
        render(tmp_path / "out", workers=1)
    assert list(tmp_path.iterdir()) == []
