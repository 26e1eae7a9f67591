from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from vquery.errors import IngestError
from vquery.index import discover as d
from vquery.index.discover import Found, discover


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def pairs(found: Found) -> dict[str, tuple[str, list[str], list[str]]]:
    return {
        one.video: (one.kind, [p.name for p in one.captions], [p.name for p in one.detections])
        for one in found.sources
    }


def test_files_belong_to_the_video_whose_stem_their_name_starts_with(tmp_path: Path) -> None:
    touch(tmp_path, "talk.mp4", "talk.srt", "talk.en.vtt", "talk.detections.csv", "talk.det.txt")
    touch(tmp_path, "news/talk.mp4", "news/talk.srt")
    found = pairs(discover(tmp_path))
    assert found == {
        "news/talk.mp4": ("video", ["talk.srt"], []),
        "talk.mp4": ("video", ["talk.en.vtt", "talk.srt"], ["talk.det.txt", "talk.detections.csv"]),
    }


def test_the_longest_stem_wins(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "a.b.mp4", "a.b.srt", "a.c.srt", "ab.srt")
    found = pairs(discover(tmp_path))
    assert found["a.b.mp4"][1] == ["a.b.srt"]
    assert found["a.mp4"][1] == ["a.c.srt"]
    assert found["ab.srt"] == ("none", ["ab.srt"], [])


def test_two_files_of_one_stem_share_their_captions_but_a_poster_gets_none(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "a.webm", "a.jpg", "a.srt")
    found = pairs(discover(tmp_path))
    assert {video: sides for video, (_, sides, _) in found.items()} == {
        "a.jpg": [],
        "a.mp4": ["a.srt"],
        "a.webm": ["a.srt"],
    }


def test_captions_alone_are_a_video_and_a_loose_table_is_left_aside(tmp_path: Path) -> None:
    touch(tmp_path, "show.srt", "x.detections.csv", "scores.csv", "notes.pdf", "seq/det/det.txt")
    found = discover(tmp_path)
    assert pairs(found) == {
        "seq/det/det.txt": ("none", [], ["det.txt"]),
        "show.srt": ("none", ["show.srt"], []),
        "x.detections.csv": ("none", [], ["x.detections.csv"]),
    }
    assert found.skipped == {d.UNKNOWN: ["notes.pdf"], d.NO_OWNER: ["scores.csv"]}


def test_json_is_told_by_its_keys(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    (tmp_path / "a.words.json").write_text(json.dumps({"words": [{"word": "hi", "start": 0}]}))
    (tmp_path / "a.coco.json").write_text(json.dumps({"images": [], "annotations": []}))
    (tmp_path / "a.results.json").write_text(json.dumps([{"image_id": 1, "bbox": [0, 0, 1, 1]}]))
    (tmp_path / "a.info.json").write_text(json.dumps({"title": "a", "uploader": "b"}))
    (tmp_path / "b.json").write_text(json.dumps({"results": {}}))
    (tmp_path / "c.json").write_text(json.dumps({"images": []}))
    found = discover(tmp_path)
    assert pairs(found) == {
        "a.mp4": ("video", ["a.words.json"], ["a.coco.json", "a.results.json"]),
        "b.json": ("none", ["b.json"], []),
    }
    assert found.skipped == {d.UNKNOWN: ["a.info.json"], d.NO_OWNER: ["c.json"]}


def test_folders_of_pictures_are_videos_if_wanted(tmp_path: Path) -> None:
    touch(tmp_path, "EP/000001.jpg", "EP/000002.jpg", "EP.srt", "EP/EP.csv", "a/b/1.png", "v.mp4")
    assert pairs(discover(tmp_path, images=True)) == {
        "EP": ("images", ["EP.srt"], ["EP.csv"]),
        "a/b": ("images", [], []),
        "v.mp4": ("video", [], []),
    }
    single = pairs(discover(tmp_path))
    assert {v: kind for v, (kind, _, _) in single.items() if kind == "image"} == {
        "EP/000001.jpg": "image",
        "EP/000002.jpg": "image",
        "a/b/1.png": "image",
    }


def test_the_folder_itself_can_be_the_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "EP/000001.jpg")
    monkeypatch.chdir(tmp_path / "EP")
    assert [one.video for one in discover(Path(), images=True).sources] == ["EP"]


def test_hidden_files_collections_and_exports_are_counted_and_not_entered(tmp_path: Path) -> None:
    touch(tmp_path, ".hidden.mp4", ".git/a.mp4", "old.vq/parts/a.jpg", "a.mp4", "out/b.jpg")
    touch(tmp_path, "page/b.jpg")
    (tmp_path / "out" / "manifest.json").write_text('{"format": "coco",\n"concept": "name"}')
    (tmp_path / "page" / "manifest.json").write_text('{"name": "a web page"}')
    found = discover(tmp_path)
    assert list(pairs(found)) == ["a.mp4", "page/b.jpg"]
    assert {reason: sorted(names) for reason, names in found.skipped.items()} == {
        d.EXPORT: ["out"],
        d.HIDDEN: [".git", ".hidden.mp4"],
        d.COLLECTION: ["old.vq"],
        d.UNKNOWN: ["page/manifest.json"],
    }


def test_links_are_followed_once(tmp_path: Path) -> None:
    touch(tmp_path, "real/a.mp4", "v/b.mp4")
    (tmp_path / "v" / "up").symlink_to(tmp_path / "v")
    (tmp_path / "v" / "real").symlink_to(tmp_path / "real")
    (tmp_path / "v" / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    found = discover(tmp_path / "v")
    assert list(pairs(found)) == ["b.mp4", "real/a.mp4"]
    assert found.skipped == {d.AGAIN: ["up"], d.NO_FILE: ["gone.mp4"]}


def test_a_name_that_is_no_unicode_is_left_aside(tmp_path: Path) -> None:
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4")).touch()
    except OSError:
        pytest.skip("this file system has only Unicode names")
    found = discover(tmp_path)
    assert found.sources == []
    assert found.skipped == {d.NOT_UNICODE: ["caf\\udce9.mp4"]}


def test_one_file_comes_with_what_lies_beside_it(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "a.srt", "a.txt", "b.mp4", "b.srt")
    assert pairs(discover(tmp_path / "a.mp4")) == {"a.mp4": ("video", ["a.srt"], [])}
    assert pairs(discover(tmp_path / "b.srt")) == {"b.srt": ("none", ["b.srt"], [])}


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="no such file or folder"):
        discover(tmp_path / "nowhere")


def test_many_files_take_linear_time(tmp_path: Path) -> None:
    touch(tmp_path, *(f"v{number}.mp4" for number in range(2000)))
    touch(tmp_path, *(f"v{number}.srt" for number in range(2000)))
    found = discover(tmp_path)
    assert all(len(one.captions) == 1 for one in found.sources)
