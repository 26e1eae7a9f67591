"""The examples run as a reader would run them."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

import vquery as vq

EXAMPLES = Path(__file__).parents[1] / "examples"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_example_has_a_test() -> None:
    tested = {"real_clips", "torch_dataset"}
    assert {path.stem for path in EXAMPLES.glob("*.py")} == tested


@pytest.mark.data
@pytest.mark.slow
def test_real_clips_find_where_one_gives_way_to_the_other(data: Path, tmp_path: Path) -> None:
    changes = load("real_clips").main(data / "videos", tmp_path / "out", data / "models")

    # Lacamoire leaves the picture before the cut at frame 82 (2.736 s), where Miranda comes.
    assert changes.num_rows >= 1
    first = changes.to_pylist()[0]
    assert first["video"] == "short_hamilton_clip.mp4"
    assert first["start_us"] < 2_735_000 < first["end_us"]
    assert (tmp_path / "out" / "training" / "manifest.json").is_file()
    with vq.open(tmp_path / "out" / "clips.vq") as db:
        assert db.videos.num_rows == 27
        named = db.faces.filter(vq.face.name.is_not_null()).collect()
        assert set(named["video"].to_pylist()) == {"short_hamilton_clip.mp4"}
