"""The examples run as a reader would run them."""

from __future__ import annotations

from pathlib import Path

import pytest

import vquery as vq

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_every_example_has_a_test() -> None:
    tested = {"real_clips", "torch_dataset"}
    assert {path.stem for path in EXAMPLES.glob("*.py")} == tested


@pytest.mark.data
@pytest.mark.slow
def test_real_clips_find_where_one_gives_way_to_the_other(real_clips: Path) -> None:
    with vq.open(real_clips / "clips.vq") as db:
        changes = db["lacamoire_to_miranda"].collect().to_pylist()
        named = db.faces.filter(vq.face.name.not_null()).collect()
        videos = db.videos.num_rows

    # Lacamoire leaves the picture before the cut at frame 82 (2.736 s), where Miranda comes.
    assert [change["video"] for change in changes] == ["short_hamilton_clip.mp4"]
    assert changes[0]["start_us"] < 2_735_000 < changes[0]["end_us"]
    assert videos == 27
    assert set(named["video"].to_pylist()) == {"short_hamilton_clip.mp4"}
    assert (real_clips / "training" / "manifest.json").is_file()
