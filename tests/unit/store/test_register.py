"""Names, ids, aliases, changed content."""

from __future__ import annotations

import pytest

from vquery.errors import StoreError
from vquery.schema import VIDEO
from vquery.store import NewVideo
from vquery.store.register import PROBED


def register(store, *videos):
    with store.writer("index") as writer:
        found = writer.register(videos)
        writer.commit([], videos=[{"video": video} for video in found])
    return found


def test_ids_are_dense_from_one_in_sorted_order(store):
    found = register(store, NewVideo("b", "2"), NewVideo("a/z", "1"), NewVideo("c", "3"))
    assert dict(found) == {"a/z": 1, "b": 2, "c": 3}
    assert found == {"a/z": 1, "b": 2, "c": 3}
    assert found.new == ("a/z", "b", "c")
    again = register(store, NewVideo("a/a", "0"), NewVideo("b", "2"))
    assert dict(again) == {"a/a": 4, "b": 2}
    assert again.new == ("a/a",)
    assert store.snapshot().videos()["video"].to_pylist() == ["a/a", "a/z", "b", "c"]


def test_a_second_path_with_the_same_content_is_an_alias(store):
    found = register(store, NewVideo("b", "1"), NewVideo("a", "1"), NewVideo("c", "1"))
    assert dict(found) == {"a": 1}
    assert found.aliases == {"b": "a", "c": "a"}
    later = register(store, NewVideo("0", "1"), NewVideo("d", "2"))
    assert dict(later) == {"a": 1, "d": 2}
    assert later.aliases == {"0": "a"}
    with store.snapshot() as snapshot:
        assert snapshot.aliases() == {"0": "a", "b": "a", "c": "a"}
        assert snapshot.read("videos", videos=["c"])["video"].to_pylist() == ["a"]


@pytest.mark.parametrize("path", ["a", "b"])  # a video and an alias
def test_changed_content_is_an_error_that_says_what_to_do(store, path):
    register(store, NewVideo("a", "1"), NewVideo("b", "1"))
    with pytest.raises(StoreError, match=rf"{path}: the file has changed.*another name"):
        register(store, NewVideo("0", "9"), NewVideo(path, "2"))
    assert store.snapshot().videos()["video"].to_pylist() == ["a"], "nothing was registered"


def test_one_path_given_twice_with_different_content(store):
    with pytest.raises(StoreError, match="has changed"):
        register(store, NewVideo("a", "1"), NewVideo("a", "2"))
    assert dict(register(store, NewVideo("a", "1"), NewVideo("a", "1"))) == {"a": 1}


def test_registered_videos_show_once_something_is_committed(store, made):
    with store.writer("index") as writer:
        writer.register(made.new_videos(2))
        writer.commit([writer.write("shots", _shot("v001.mp4"))])
    assert store.snapshot().videos()["video"].to_pylist() == ["v001.mp4"]


def _shot(video):
    import pyarrow as pa

    return pa.table({"video": [video], "start_us": [0], "end_us": [5], "shot_id": [1]})


def test_a_video_without_media_may_get_its_file_later(store):
    register(store, NewVideo("a", None, "none"))
    register(store, NewVideo("a", None, "none"))
    assert dict(register(store, NewVideo("a", "1", "video", "/films/a"))) == {"a": 1}
    row = store.snapshot().videos().to_pylist()[0]
    assert (row["kind"], row["sha256"], row["uri"]) == ("video", "1", "/films/a")
    assert dict(register(store, NewVideo("a", None, "none"))) == {"a": 1}
    register(store, NewVideo("b", None, "none"))
    with pytest.raises(StoreError, match="has the content of 'a'"):
        register(store, NewVideo("b", "1"))


def test_what_cannot_be_registered(store):
    for video, told in [
        (NewVideo("", "1"), "must not be empty"),
        (NewVideo("a", None), "sha256 of the file must be given"),
        (NewVideo("a", "1", "film"), "kind must be one of"),
    ]:
        with pytest.raises(StoreError, match=told):
            register(store, video)


def test_a_commit_fills_in_columns_of_the_video_table():
    assert set(PROBED) < set(VIDEO.names)
