"""YOLO: a reader that follows the format's rules finds the same boxes, classes and pictures."""

import codecs
import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vquery.export.write import write_export
from vquery.export.yolo import data_yaml

ESCAPE = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-f]{4}|U[0-9a-f]{8})')


def read_yaml(text):
    """Read the subset of YAML 1.2 that data.yaml keeps to: plain paths, double-quoted names.

    Keys without value open a mapping; a comment starts at " #"; in double quotes only the
    escapes of YAML count, and every character must be printable.
    """
    assert all(character == "\n" or character.isprintable() for character in text)
    found, inside = {}, None
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if line.startswith("  "):
            found[inside][int(key)] = unquoted(value.strip())
        elif value:
            found[key] = value.partition(" #")[0].strip()
        else:
            inside = key
            found[key] = {}
    return found


def unquoted(text):
    assert text[0] == text[-1] == '"'
    inner = text[1:-1]
    assert '"' not in ESCAPE.sub("", inner)
    assert "\\" not in ESCAPE.sub("", inner)
    return ESCAPE.sub(lambda match: codecs.decode(match[0], "unicode_escape"), inner)


labels = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(st.lists(labels, min_size=1, max_size=5, unique=True))
@example(['it\'s: a "test" # no', "- x", "{a}", "null", "Zoë 😀", "a\nb", "\\", "", "\u2028\x85"])
def test_data_yaml_survives_any_label(names):
    found = read_yaml(data_yaml(names, ["train", "val", "test"]))
    assert found == {
        "train": "images/train",
        "val": "images/val",
        "test": "images/test",
        "names": dict(enumerate(names)),
    }


def test_without_videos_for_val_a_stand_in_is_named_as_such():
    text = data_yaml(["a"], ["train"])
    assert "not held out" in text
    assert read_yaml(text)["val"] == "images/train"
    assert "val" not in read_yaml(data_yaml(["a"], ["test"]))


def read_yolo(folder, split):
    """Find boxes as YOLO's readers do: from the pictures to the labels, classes by data.yaml."""
    about = read_yaml((folder / "data.yaml").read_text("utf-8"))
    assert "path" not in about, "readers then take the folder of data.yaml"
    found = {}
    for image in sorted((folder / about[split]).rglob("*.jpg")):
        head, _, tail = str(image).rpartition("/images/")
        label_file = Path(f"{head}/labels/{tail}").with_suffix(".txt")
        for line in label_file.read_text().splitlines():
            number, *box = line.split(" ")
            assert all(0 <= float(value) <= 1 for value in box)
            key = image.parent.name, int(image.stem)
            found.setdefault(key, []).append((about["names"][int(number)], *map(float, box)))
    return found


def test_pictures_and_labels_lie_where_readers_look(make, tmp_path):
    path = make.clip(tmp_path / "a.avi", 6)
    items = [
        make.item("images/a.avi", 4, "Zoë", (0, 0.5, 0.5, 1)),
        make.item("images/a.avi", 4, "Ada", (-1, 0, 0.25, 2), detection_id=9),
        make.item("images/a.avi", 2, "Ada"),
    ]
    videos = {"images/a.avi": make.video("images/a.avi", path=path)}
    written = write_export(
        make.labelled(items, videos), tmp_path / "out", format="yolo", split=(1, 0, 0)
    )
    assert read_yolo(tmp_path / "out", "train") == {
        ("images__a.avi", 2): [("Ada", 0.5, 0.5, 0.5, 0.5)],
        ("images__a.avi", 4): [("Zoë", 0.25, 0.75, 0.5, 0.5), ("Ada", 0.125, 0.5, 0.25, 1)],
    }
    assert read_yolo(tmp_path / "out", "val").keys() == read_yolo(tmp_path / "out", "train").keys()
    assert written.pictures == 2


corners = st.lists(st.floats(-0.5, 1.5, width=32), min_size=4, max_size=4)


@given(corners)
def test_boxes_are_exact_to_a_hundredth_of_a_pixel(make, place):
    x1, x2 = sorted(place[:2])
    y1, y2 = sorted(place[2:])
    inside = np.clip((x1, y1, x2, y2), 0, 1)
    size = np.array([make.width, make.height] * 2)
    pixels = inside * size
    items = [make.item(box=(x1, y1, x2, y2)), make.item(frame=1)]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        written = write_export(
            make.labelled(items), out, format="yolo", split=(1, 0, 0), pictures=False
        )
        file = out / "labels" / "train" / "a.avi" / "000000.txt"
        text = file.read_text() if file.exists() else None
    if (pixels[2:] - pixels[:2]).min() < 1:
        assert text is None
        assert written.skipped == {"box of less than a pixel inside the picture": 1}
        return
    _, cx, cy, width, height = map(float, text.split())
    found = np.array([cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2]) * size
    np.testing.assert_allclose(found, pixels, rtol=0, atol=0.01)


def test_a_split_without_items_is_not_named(make, tmp_path):
    items = [make.item("a.avi"), make.item("b.avi")]
    out = tmp_path / "out"
    write_export(make.labelled(items), out, format="yolo", split=(0.5, 0.5, 0), pictures=False)
    assert set(read_yaml((out / "data.yaml").read_text())) == {"train", "val", "names"}
    assert [path.name for path in sorted((out / "labels").iterdir())] == ["train", "val"]


@pytest.mark.parametrize("word", ["yes", "1.0", "~", "2026-01-01", "0o7"])
def test_labels_stay_text(word):
    assert f'0: "{word}"' in data_yaml([word], ["train"])
