from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from vquery.errors import IngestError, LockedError, StoreError
from vquery.schema import BOX, DRAWN_FROM, IDS_PER_VIDEO
from vquery.store.drawn import BOX_ROWS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vquery.index.report import IndexReport
    from vquery.store.store import Store

    Index = Callable[..., IndexReport]
    Film = Callable[..., Path]

SRT = "1\n00:00:00,000 --> 00:00:01,000\nhello there\n"
CSV = "time,x1,y1,x2,y2,score\n0.0,0.1,0.1,0.3,0.4,0.9\n0.04,0.1,0.1,0.3,0.4,0.8\n"


def test_a_video_comes_with_frames_shots_thumbnails_captions_and_detections(
    index: Index, store: Store, videos: Path, make_film: Film
) -> None:
    make_film(videos / "a.avi", frames=60, cuts=(30,))
    (videos / "a.srt").write_text(SRT)
    (videos / "a.csv").write_text(CSV)
    report = index()
    assert (report.videos, report.indexed, report.unchanged, report.failed) == (1, 1, 0, {})
    assert report.counts == {"frames": 60, "shots": 2, "detections": 2, "cues": 1, "words": 2}
    with store.snapshot() as snapshot:
        assert snapshot.videos().to_pylist()[0] | {"uri": "", "sha256": ""} == {
            "video": "a.avi",
            "video_id": 1,
            "uri": "",
            "kind": "video",
            "sha256": "",
            "fps_num": 25,
            "fps_den": 1,
            "n_frames": 60,
            "width": 96,
            "height": 64,
            "duration_us": 2_400_000,
        }
        shots = snapshot.read("shots")
        assert shots["first_frame"].to_pylist() == [0, 30]
        assert shots["shot_id"].to_pylist() == [IDS_PER_VIDEO + 1, IDS_PER_VIDEO + 2]
        assert snapshot.read("transitions")["kind"].to_pylist() == ["cut"]
        numbers = snapshot.vectors("embedding.frame")[0] - IDS_PER_VIDEO - 1
        assert numbers.tolist() == list(range(0, 60, 5))
        assert snapshot.picture("picture.frame", IDS_PER_VIDEO + 1) is not None
        ids, vectors = snapshot.vectors("embedding.face")
        assert ids.tolist() == snapshot.read("detections")["detection_id"].to_pylist()
        assert snapshot.picture("picture.detection", int(ids[1])) is not None
        assert abs((vectors**2).sum(1) - 1).max() < 1e-5
        assert snapshot.read("words")["word"].to_pylist() == ["hello", "there"]
        run = snapshot.runs().to_pylist()[-1]
        assert run["command"] == "index"
        assert len(run["input_sha256"]) == 64


def test_nothing_is_done_twice(index: Index, store: Store, videos: Path, make_film: Film) -> None:
    make_film(videos / "a.avi")
    make_film(videos / "b.avi", seed=1)
    (videos / "a.srt").write_text(SRT)
    (videos / "alone.srt").write_text(SRT)
    first = index()
    assert (first.indexed, first.unchanged) == (3, 0)
    before = store.contents()
    again = index()
    assert (again.videos, again.indexed, again.unchanged, again.counts) == (3, 0, 3, {})
    assert {name: table.num_rows for name, table in store.contents().items()} == {
        name: table.num_rows for name, table in before.items()
    }


def test_ids_follow_the_names_and_new_videos_come_after(
    index: Index, store: Store, videos: Path, make_film: Film
) -> None:
    for seed, name in enumerate(("b/z.avi", "a.avi")):
        make_film(videos / name, seed=seed)
    index()
    make_film(videos / "0.avi", seed=2)
    index()
    with store.snapshot() as snapshot:
        ids = {row["video"]: row["video_id"] for row in snapshot.videos().to_pylist()}
    assert ids == {"a.avi": 1, "b/z.avi": 2, "0.avi": 3}


def test_workers_give_what_one_process_gives(
    index: Index, store: Store, videos: Path, make_film: Film, tmp_path: Path
) -> None:
    from vquery.index.jobs import Settings
    from vquery.index.pipeline import index_folder
    from vquery.store.store import Store

    for number in range(3):
        make_film(videos / f"{number}.avi", frames=40, cuts=(20,), seed=number)
        (videos / f"{number}.csv").write_text(CSV)
    told: list[tuple[str, int]] = []

    class Bar:
        def planned(self, videos: int, frames: int | None) -> None:
            told.append(("planned", videos))
            assert frames == 120

        def advanced(self, video: str, done: int, announced: int | None) -> None:
            told.append((video, done))

        def finished(self, outcome: object) -> None:
            told.append(("finished", 1))

    index(workers=1)
    other = Store.create(tmp_path / "other.vq")
    report = index_folder(other, videos, Settings(faces="none"), workers=2, progress=Bar())
    assert report.indexed == 3
    assert told[0] == ("planned", 3)
    assert told.count(("finished", 1)) == 3
    assert same(store, other)


def same(one: Store, other: Store) -> bool:
    ours, theirs = one.contents(), other.contents()
    assert ours.keys() == theirs.keys()
    for name, rows in ours.items():
        assert rows.equals(theirs[name]), name
    return True


def test_a_second_path_of_the_same_content_is_an_alias(
    index: Index, store: Store, videos: Path, make_film: Film
) -> None:
    make_film(videos / "a.avi")
    shutil.copy(videos / "a.avi", videos / "copy.avi")
    (videos / "a.srt").write_text(SRT)
    (videos / "copy.srt").write_text(SRT)
    report = index()
    assert report.aliases == {"copy.avi": "a.avi"}
    assert (report.videos, report.indexed) == (2, 1)
    assert report.skipped == {"beside a copy of another video": ["copy.srt"]}
    shutil.copy(videos / "a.avi", videos / "0.avi")
    again = index()
    assert again.aliases == {"0.avi": "a.avi", "copy.avi": "a.avi"}
    assert (again.indexed, again.unchanged) == (0, 1)
    with store.snapshot() as snapshot:
        assert snapshot.aliases() == {"0.avi": "a.avi", "copy.avi": "a.avi"}
        assert snapshot.videos()["video"].to_pylist() == ["a.avi"]


def test_of_two_copies_the_one_with_captions_is_the_video(
    index: Index, store: Store, videos: Path, make_film: Film
) -> None:
    make_film(videos / "b.avi")
    shutil.copy(videos / "b.avi", videos / "a.avi")
    (videos / "b.srt").write_text(SRT)
    report = index()
    assert (report.aliases, report.skipped) == ({"a.avi": "b.avi"}, {})
    assert report.counts["cues"] == 1


def test_changed_content_is_an_error_that_says_so_and_the_rest_goes_on(
    index: Index, store: Store, videos: Path, make_film: Film
) -> None:
    make_film(videos / "a.avi")
    shutil.copy(videos / "a.avi", videos / "copy.avi")
    index()
    make_film(videos / "a.avi", seed=5)
    make_film(videos / "copy.avi", seed=6)
    make_film(videos / "b.avi", seed=7)
    report = index()
    assert sorted(report.failed) == ["a.avi", "copy.avi"]
    assert "has changed since it was indexed" in report.failed["a.avi"]
    assert report.indexed == 1
    with store.snapshot() as snapshot:
        assert snapshot.videos()["video"].to_pylist() == ["a.avi", "b.avi"]


def test_other_settings_are_refused_and_name_the_difference(
    index: Index, videos: Path, make_film: Film
) -> None:
    make_film(videos / "a.avi")
    index()
    make_film(videos / "b.avi", seed=1)
    with pytest.raises(StoreError, match=r"every_s was 0.0 and is 0.5.*or make another"):
        index(settings={"every_s": 0.5})
    index(settings={"models": "/elsewhere"})


def test_looking_several_times_is_a_setting_of_the_collection(
    index: Index, store: Store, videos: Path, make_film: Film
) -> None:
    make_film(videos / "a.avi", frames=3)
    report = index(settings={"faces": "haar", "ensemble": True})
    assert report.detectors == {"haar:frontalface x4": 1}
    assert any("2 looks agree" in note for note in report.notes)
    make_film(videos / "b.avi", frames=3, seed=1)
    with pytest.raises(StoreError, match=r"\(ensemble was True and is False\)"):
        index(settings={"faces": "haar"})
    assert index(settings={"faces": "haar", "ensemble": True}).indexed == 1


def test_a_collection_that_knew_of_no_looks_goes_on(
    index: Index, store: Store, videos: Path, make_film: Film
) -> None:
    make_film(videos / "a.avi", frames=3)
    index()
    (unit,) = store.units("settings/")
    assert "ensemble" not in unit
    with pytest.raises(StoreError, match=r"\(ensemble was False and is True\)"):
        index(settings={"ensemble": True})


def test_captions_may_come_later_change_and_get_company(
    index: Index, store: Store, videos: Path, make_film: Film
) -> None:
    make_film(videos / "a.avi")
    make_film(videos / "b.avi", seed=1)
    (videos / "b.srt").write_text(SRT)
    index()
    (videos / "a.srt").write_text(SRT)
    report = index()
    assert (report.indexed, report.unchanged) == (1, 1)
    assert report.counts == {"cues": 1, "words": 2}
    (videos / "a.srt").write_text(SRT.replace("hello there", "good night"))
    assert index().indexed == 1
    assert said(store) == {"a.avi": ["good night"], "b.avi": ["hello there"]}
    (videos / "a.en.vtt").write_text("WEBVTT\n\n00:02.000 --> 00:03.000\nand thanks\n")
    index()
    assert said(store) == {"a.avi": ["good night", "and thanks"], "b.avi": ["hello there"]}
    with store.snapshot() as snapshot:
        assert len(set(snapshot.read("cues")["cue_id"].to_pylist())) == 3
        words = snapshot.read("words", columns=["word", "cue_id"], videos=["a.avi"]).to_pylist()
        cues = snapshot.read("cues", columns=["cue_id", "text"]).to_pylist()
    texts = {row["cue_id"]: row["text"] for row in cues}
    assert all(row["word"] in texts[row["cue_id"]] for row in words)


def said(store: Store) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    with store.snapshot() as snapshot:
        for row in snapshot.read("cues", columns=["video", "text"]).to_pylist():
            found.setdefault(row["video"], []).append(row["text"])
    return found


def test_a_file_that_was_a_video_of_its_own_is_told_of(
    index: Index, videos: Path, make_film: Film
) -> None:
    (videos / "a.srt").write_text(SRT)
    index()
    make_film(videos / "a.avi")
    report = index()
    assert [note for note in report.notes if "a video of its own" in note]


def test_a_collection_that_is_being_written_is_refused(
    index: Index, store: Store, videos: Path, make_film: Film
) -> None:
    make_film(videos / "a.avi")
    with store.writer("other", {}), pytest.raises(LockedError, match="other"):
        index(wait_s=0.0)


def test_a_folder_with_nothing_to_index_is_an_error(index: Index, videos: Path) -> None:
    (videos / "readme.txt").write_text("nothing here")
    with pytest.raises(IngestError, match="holds no video, caption or detection file"):
        index()


def test_a_moved_folder_is_known_by_its_content(
    index: Index, store: Store, videos: Path, make_film: Film, tmp_path: Path
) -> None:
    make_film(videos / "a.avi")
    (videos / "a.csv").write_text(CSV)
    index()
    shutil.move(videos, tmp_path / "moved")
    report = index(tmp_path / "moved")
    assert (report.indexed, report.unchanged, report.failed) == (0, 1, {})


def test_a_video_left_to_its_detections_is_searched_for_faces_when_they_are_gone(
    index: Index, store: Store, videos: Path, make_film: Film
) -> None:
    make_film(videos / "a.avi", frames=10)
    (videos / "a.csv").write_text("nothing,of,use\n1,2,3\n")
    (videos / "a.srt").write_text(SRT)
    report = index(settings={"faces": "auto", "models": str(videos)})
    assert list(report.failed) == ["a.csv"]
    assert report.detectors == {}
    before = store.contents()
    (videos / "a.csv").unlink()
    report = index(settings={"faces": "auto", "models": str(videos)})
    assert report.detectors == {"haar:frontalface": 1}
    assert any("profile" in note for note in report.notes)
    after = store.contents()
    assert all(after[name].equals(before[name]) for name in ("frames", "shots", "cues", "words"))
    report = index(settings={"faces": "auto", "models": str(videos)})
    assert (report.indexed, report.unchanged) == (0, 1)


def test_a_box_that_a_person_drew_does_not_pass_for_a_face_that_was_found(
    index: Index, store: Store, videos: Path, make_film: Film
) -> None:
    make_film(videos / "a.avi", frames=10)
    (videos / "a.csv").write_text("nothing,of,use\n1,2,3\n")
    auto = {"faces": "auto", "models": str(videos)}
    assert list(index(settings=auto).failed) == ["a.csv"]
    row = {"video": "a.avi", "start_us": 0, "end_us": 40_000, **dict.fromkeys(BOX, 0.0)}
    rows = pa.Table.from_pylist([row | {"x2": 0.5, "y2": 0.5}], schema=BOX_ROWS)
    store.draw(rows, 1, who="ann")
    (videos / "a.csv").unlink()
    assert index(settings=auto).detectors == {"haar:frontalface": 1}
    (videos / "a.csv").write_text(CSV)
    index(settings=auto)
    with store.snapshot() as snapshot:
        ids = snapshot.read("detections")["detection_id"].to_pylist()
    numbers = sorted(number - IDS_PER_VIDEO for number in ids)
    assert numbers == [*range(1, len(ids)), DRAWN_FROM]
    assert len(ids) > 1
