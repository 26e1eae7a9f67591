from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from vquery.schema import IDS_PER_VIDEO

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vquery.index.report import IndexReport
    from vquery.store.store import Store

    Index = Callable[..., IndexReport]
    Film = Callable[..., Path]


def csv(rows: list[dict[str, Any]]) -> str:
    header = list(rows[0])
    return "\n".join([",".join(header), *(",".join(str(r[n]) for n in header) for r in rows), ""])


def boxes(times: list[float], **more: Any) -> list[dict[str, Any]]:
    box = {"x1": 0.25, "y1": 0.25, "x2": 0.5, "y2": 0.75, "score": 0.9}
    return [{"time": time, **box, **more} for time in times]


def detections(store: Store) -> list[dict[str, Any]]:
    with store.snapshot() as snapshot:
        found: list[dict[str, Any]] = snapshot.read("detections").to_pylist()
    return found


def test_rounded_times_get_the_frame_the_shot_a_crop_and_a_track(
    index: Index, store: Store, videos: Path, make_film: Film
) -> None:
    make_film(videos / "a.avi", frames=60, cuts=(30,))
    times = [round(frame / 25, 1) for frame in range(0, 60, 5)]
    (videos / "a.boxes.csv").write_text(csv(boxes(times)))
    report = index()
    rows = detections(store)
    assert report.counts["detections"] == 12
    assert [row["frame"] for row in rows] == list(range(0, 60, 5))
    assert [row["start_us"] for row in rows] == [frame * 40_000 for frame in range(0, 60, 5)]
    assert [row["end_us"] for row in rows] == [frame * 40_000 for frame in range(5, 65, 5)]
    assert [row["shot_id"] - IDS_PER_VIDEO for row in rows] == [1] * 6 + [2] * 6
    assert [row["track"] - IDS_PER_VIDEO for row in rows] == [1] * 6 + [2] * 6
    assert {row["source"] for row in rows} == {"a.boxes.csv"}
    assert {row["class"] for row in rows} == {"object"}
    with store.snapshot() as snapshot:
        ids, _ = snapshot.vectors("embedding.face_wide")
        assert ids.tolist() == [row["detection_id"] for row in rows]
        assert all(snapshot.picture("picture.detection", int(one)) for one in ids)


def test_the_crop_shows_what_is_in_the_box(
    index: Index, store: Store, videos: Path, make_film: Film
) -> None:
    from vquery.media.pictures import decode_jpeg

    make_film(videos / "a.avi", frames=60)
    at = {"x1": 40 / 96, "y1": 20 / 64, "x2": 53 / 96, "y2": 33 / 64}  # the square of frame 40
    (videos / "a.csv").write_text(csv([{"frame": 40, **at}]))
    index()
    with store.snapshot() as snapshot:
        jpeg = snapshot.picture("picture.detection", IDS_PER_VIDEO + 1)
    assert jpeg is not None
    picture = decode_jpeg(jpeg)
    assert picture.shape == (13, 13, 3)
    assert picture.mean() > 235


def test_tracks_of_the_file_are_kept_apart_and_numbered_anew(
    index: Index, store: Store, videos: Path, make_film: Film
) -> None:
    make_film(videos / "a.avi")
    rows = boxes([0.0, 0.04], track=70) + boxes([0.0, 0.04], track=5)
    (videos / "a.csv").write_text(csv(rows))
    (videos / "a.more.csv").write_text(csv(boxes([0.0], track=70) + boxes([0.04], track="")))
    index()
    tracks = {
        source: [
            r["track"] and r["track"] - IDS_PER_VIDEO
            for r in detections(store)
            if r["source"] == source
        ]
        for source in ("a.csv", "a.more.csv")
    }
    assert tracks == {"a.csv": [1, 2, 1, 2], "a.more.csv": [3, None]}


def test_a_later_file_gets_ids_after_those_there_are(
    index: Index, store: Store, videos: Path, make_film: Film
) -> None:
    make_film(videos / "a.avi")
    (videos / "a.csv").write_text(csv(boxes([0.0, 0.04])))
    index()
    before = detections(store)
    (videos / "a.0.csv").write_text(csv(boxes([0.0, 0.08])))
    report = index()
    assert (report.indexed, report.counts) == (1, {"detections": 2})
    after = detections(store)
    assert [row for row in after if row["source"] == "a.csv"] == before
    assert sorted(r["detection_id"] - IDS_PER_VIDEO for r in after) == [1, 2, 3, 4]
    new = [r for r in after if r["source"] == "a.0.csv"]
    assert [(r["detection_id"] - IDS_PER_VIDEO, r["track"] - IDS_PER_VIDEO) for r in new] == [
        (3, 2),
        (4, 2),
    ]
    with store.snapshot() as snapshot:
        assert len(snapshot.vectors("embedding.face")[0]) == 4


def test_a_changed_file_is_refused(
    index: Index, videos: Path, store: Store, make_film: Film
) -> None:
    make_film(videos / "sub" / "a.avi")
    (videos / "sub" / "a.csv").write_text(csv(boxes([0.0])))
    index()
    before = detections(store)
    (videos / "sub" / "a.csv").write_text(csv(boxes([0.0, 0.04])))
    report = index()
    assert list(report.failed) == ["sub/a.csv"]
    assert "changed since it was indexed, and labels may refer" in report.failed["sub/a.csv"]
    assert detections(store) == before


def test_mot_and_coco_lie_beside_a_video(
    index: Index, store: Store, videos: Path, make_film: Film
) -> None:
    make_film(videos / "m.avi")
    (videos / "m.det.txt").write_text(
        "1,-1,25,17,24,32,0.9,-1,-1,-1\n4,-1,25,17,24,32,0.8,-1,-1,-1\n"
    )
    make_film(videos / "c.avi", seed=1)
    coco = {
        "images": [{"id": 9, "file_name": "000003.jpg", "width": 96, "height": 64}],
        "annotations": [{"id": 1, "image_id": 9, "category_id": 4, "bbox": [24, 16, 24, 32]}],
        "categories": [{"id": 4, "name": "cat"}],
    }
    (videos / "c.json").write_text(json.dumps(coco))
    report = index()
    assert report.failed == {}
    cat, *people = detections(store)
    assert (cat["video"], cat["frame"], cat["class"]) == ("c.avi", 3, "cat")
    assert [(r["frame"], r["start_us"], r["end_us"]) for r in people] == [
        (0, 0, 120_000),
        (3, 120_000, 240_000),
    ]
    for row in (cat, *people):
        box = [row[name] for name in ("x1", "y1", "x2", "y2")]
        assert np.allclose(box, [0.25, 0.25, 0.5, 0.75])


def test_detections_without_a_video_keep_their_times(
    index: Index, store: Store, videos: Path
) -> None:
    (videos / "x.detections.csv").write_text(csv(boxes([0.0, 0.5, 1.0])))
    report = index()
    assert (report.indexed, report.counts["detections"]) == (1, 3)
    rows = detections(store)
    assert [(r["start_us"], r["end_us"]) for r in rows] == [
        (0, 500_000),
        (500_000, 1_000_000),
        (1_000_000, 1_500_000),
    ]
    assert {(r["frame"], r["shot_id"]) for r in rows} == {(None, None)}
    assert len({r["track"] for r in rows}) == 1
    with store.snapshot() as snapshot:
        assert snapshot.videos()["kind"].to_pylist() == ["none"]
    assert index().unchanged == 1


def test_frames_and_pixels_without_a_video_need_rate_and_size(
    index: Index, store: Store, videos: Path
) -> None:
    (videos / "det.txt").write_text(
        "1,-1,25,17,24,32,0.9,-1,-1,-1\n2,-1,25,17,24,32,0.8,-1,-1,-1\n"
    )
    report = index()
    assert "--fps, --size" in report.failed["det.txt"]
    report = index(rate=(25, 1))
    assert "give the size of the picture (--size WIDTHxHEIGHT)" in report.failed["det.txt"]
    report = index(rate=(25, 1), size=(96, 64))
    assert report.failed == {}
    assert [(r["start_us"], r["end_us"], r["x1"]) for r in detections(store)] == [
        (0, 40_000, 0.25),
        (40_000, 80_000, 0.25),
    ]


def test_what_is_left_out_is_counted(
    index: Index, store: Store, videos: Path, make_film: Film
) -> None:
    make_film(videos / "a.avi")
    rows = [*boxes([0.0, 99.0]), dict(boxes([0.04])[0], x2=0.25)]
    (videos / "a.csv").write_text(csv([{**row, "name": "Ada"} for row in rows]))
    report = index()
    assert len(detections(store)) == 1
    assert report.rows_skipped["detection at a time that has no frame"] == 1
    assert sum(report.rows_skipped.values()) == 2
    assert any("vquery label --from" in note for note in report.notes)


def test_a_box_wholly_off_the_picture_has_a_row_and_no_crop(
    index: Index, store: Store, videos: Path, make_film: Film
) -> None:
    make_film(videos / "a.avi")
    (videos / "a.csv").write_text(csv([{"time": 0, "x1": 1.1, "y1": 0, "x2": 1.5, "y2": 1}]))
    index()
    with store.snapshot() as snapshot:
        assert snapshot.read("picture.detection")["jpeg"].to_pylist() == [None]
        assert snapshot.vectors("embedding.face")[1].shape[0] == 1


@pytest.mark.parametrize("kind", ["avi", "jpg"])
def test_an_empty_file_of_detections_is_read_as_none(
    index: Index, store: Store, videos: Path, make_film: Film, kind: str
) -> None:
    if kind == "avi":
        make_film(videos / "a.avi")
    else:
        from vquery.media.pictures import encode_jpeg

        (videos / "a.jpg").write_bytes(encode_jpeg(np.zeros((64, 96, 3), np.uint8)))
    (videos / "a.csv").write_text("time,x1,y1,x2,y2\n")
    report = index()
    assert (report.failed, report.indexed) == ({}, 1)
    assert detections(store) == []
    assert index().unchanged == 1


def test_videos_that_bring_detections_are_not_searched_and_the_report_says_so(
    index: Index, store: Store, videos: Path, make_film: Film
) -> None:
    make_film(videos / "a.avi")
    (videos / "a.csv").write_text(csv(boxes([0.0])))
    report = index(settings={"faces": "auto"})
    assert "1 video came with detections: no faces were looked for in them" in report.notes
    assert len(detections(store)) == 1
