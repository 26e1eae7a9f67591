"""An export is there as a whole or not at all, whatever happens to its process and its disk."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vquery.errors import ExportError
from vquery.export.folder import new_folder, write_bytes, write_json
from vquery.export.write import write_export

SCRIPT = Path(__file__).with_name("export_processes.py")


def run(job, target):
    return subprocess.run(
        [sys.executable, str(SCRIPT), job, str(target)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture
def holder(tmp_path):
    """A process in the middle of an export to ``out``."""
    ready = tmp_path / "ready"
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), "hold", str(tmp_path / "out"), str(ready)]
    )
    while not ready.exists():
        assert process.poll() is None
        time.sleep(0.01)
    yield process
    process.kill()
    process.wait(60)


def export(target, step):
    with new_folder(target) as folder:
        step(folder)


def never(folder):
    pytest.fail("nothing may be written")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_it_appears_when_the_block_ends(tmp_path):
    with new_folder(tmp_path / "new" / "out") as folder:
        write_bytes(folder / "a" / "b.txt", b"1")
        assert names(tmp_path / "new") == [".out.part"]
    assert names(tmp_path / "new") == ["out"]
    assert (tmp_path / "new" / "out" / "a" / "b.txt").read_bytes() == b"1"


@pytest.mark.parametrize("there", ["folder", "file", "link to nowhere"])
def test_a_target_that_exists_is_not_touched(tmp_path, there):
    target = tmp_path / "out"
    if there == "folder":
        target.mkdir()
    elif there == "file":
        target.write_text("mine")
    else:
        target.symlink_to(tmp_path / "nowhere")
    with pytest.raises(ExportError, match=r"out: exists already\. Remove it or choose another"):
        export(target, never)
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("error", [ValueError("bad"), KeyboardInterrupt()])
def test_a_failure_leaves_nothing_not_even_new_parents(tmp_path, error):
    def fail(folder):
        write_bytes(folder / "a" / "b.txt", b"1")
        raise error

    with pytest.raises(type(error)):
        export(tmp_path / "new" / "er" / "out", fail)
    assert names(tmp_path) == []


def test_parents_that_others_use_by_then_stay(tmp_path):
    def fail(folder):
        (tmp_path / "new" / "theirs").mkdir()
        raise ValueError("bad")

    with pytest.raises(ValueError, match="bad"):
        export(tmp_path / "new" / "er" / "out", fail)
    assert names(tmp_path / "new") == ["theirs"]


def test_a_killed_export_leaves_a_hidden_folder_that_the_next_one_clears(tmp_path, holder):
    holder.kill()
    holder.wait(60)
    assert names(tmp_path) == [".out.part", "ready"]
    with new_folder(tmp_path / "out") as folder:
        assert names(folder) == []
        write_bytes(folder / "whole.jpg", b"whole")
    assert names(tmp_path) == ["out", "ready"]
    assert names(tmp_path / "out") == ["whole.jpg"]


def test_two_exports_to_one_place_do_not_mix(tmp_path, holder):
    with pytest.raises(ExportError, match="another process is writing it"):
        export(tmp_path / "out", never)
    assert (tmp_path / ".out.part" / "images" / "half.jpg").exists(), "the other one goes on"
    assert holder.poll() is None


def test_a_file_too_large_for_the_disk(tmp_path):
    told = run("starved", tmp_path / "out").stdout
    assert told == f"ExportError: {tmp_path / 'out'}: cannot be written: File too large. " + (
        "Choose another place"
    )
    assert names(tmp_path) == []
    assert run("write", tmp_path / "out").stdout == "written"


def test_a_full_disk(tmp_path):
    done = run("full", tmp_path / "out")
    if "cannot mount" in done.stderr:
        pytest.skip("a disk of its own takes the right to mount")
    assert "cannot be written: No space left on device. Free some space" in done.stdout
    assert done.stdout.endswith("left=[]")


def test_a_read_only_disk(tmp_path):
    done = run("read_only", tmp_path / "out")
    if "cannot mount" in done.stderr:
        tmp_path.chmod(0o555)
        done = run("write", tmp_path / "out")
        tmp_path.chmod(0o755)
        assert "choose" in done.stdout.lower()
    else:
        assert "Read-only file system. The disk is read-only: choose another" in done.stdout
    assert done.stdout.startswith("ExportError")
    assert names(tmp_path) == []


def test_json_is_streamed_and_valid(tmp_path):
    write_json(
        tmp_path / "a" / "b.json",
        {"text": "Zoë \u2028", "none": None},
        lists={"empty": [], "many": ({"i": i} for i in range(3))},
        objects={"nothing": [], "pairs": ((f"k{i}", [i]) for i in range(2))},
    )
    assert json.loads((tmp_path / "a" / "b.json").read_text("utf-8")) == {
        "text": "Zoë \u2028",
        "none": None,
        "empty": [],
        "many": [{"i": 0}, {"i": 1}, {"i": 2}],
        "nothing": {},
        "pairs": {"k0": [0], "k1": [1]},
    }
    write_json(tmp_path / "c.json", {}, lists={"a": [1]})
    assert json.loads((tmp_path / "c.json").read_text()) == {"a": [1]}


def test_numbers_that_json_lacks_are_refused(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"score": float("nan")})


def test_the_first_mistake_is_said_before_anything_is_written(make, tmp_path):
    labelled = make.labelled([make.item()])
    with pytest.raises(ExportError, match="format must be one of coco, yolo, parquet, fiftyone"):
        write_export(labelled, tmp_path / "out", format="voc")
    with pytest.raises(ExportError, match="add up to 1"):
        write_export(labelled, tmp_path / "out", format="coco", split=(0.8, 0.1, 0.2))
    with pytest.raises(ExportError, match="nothing has a label of 'name'"):
        write_export(make.labelled([]), tmp_path / "out", format="coco")
    assert names(tmp_path) == []
