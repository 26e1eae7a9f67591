"""Parquet: pyarrow reads it, pictures decode, and Hugging Face's metadata says what is what."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vquery.errors import ExportError
from vquery.export.parquet import BETWEEN, NO_CROP, ROW_GROUP
from vquery.export.write import write_export
from vquery.media.pictures import decode_jpeg, encode_jpeg

ALL = (1, 0, 0)


def crop(make, number):
    return encode_jpeg(make.picture(number % 256, width=64, height=64))


def test_rows_carry_crop_label_and_provenance(make, tmp_path):
    items = [
        make.item(frame=0, label="Zoë", detection_id=11, box=(-0.25, 0, 0.5, 1)),
        make.item(frame=1, label="Ada", detection_id=12, label_source="human", run_id=None),
    ]
    crops = {11: crop(make, 170), 12: crop(make, 85)}
    written = write_export(
        make.labelled(items, crops=crops), tmp_path / "out", format="parquet", split=ALL
    )
    rows = pq.read_table(tmp_path / "out" / "train.parquet")
    assert rows["label_name"].to_pylist() == ["Zoë", "Ada"]
    assert rows["label"].to_pylist() == [1, 0]
    assert rows["split"].to_pylist() == ["train", "train"]
    assert rows["label_source"].to_pylist() == ["propagated", "human"]
    assert rows["run_id"].to_pylist() == [2, None]
    assert rows["x1"].to_pylist() == [-0.25, 0.25], "boxes stay as they were detected"
    assert rows["probability"].to_pylist() == pytest.approx([0.8, 0.8])
    for image, number in zip(rows["image"].to_pylist(), (170, 85), strict=True):
        assert decode_jpeg(image["bytes"]).shape == (64, 64, 3)
        assert make.number_of(image["bytes"]) == number
        assert image["path"].endswith(".jpg")
    assert written.pictures == 0
    assert written.manifest["splits"]["train"]["classes"] == {"Ada": 1, "Zoë": 1}


def test_the_metadata_names_every_column_and_its_type(make, tmp_path):
    labelled = make.labelled([make.item(label='a "b"')], crops={1: crop(make, 1)})
    write_export(labelled, tmp_path / "out", format="parquet", split=ALL)
    schema = pq.read_schema(tmp_path / "out" / "train.parquet")
    features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    assert list(features) == schema.names
    assert features["image"] == {"_type": "Image"}
    assert features["label"] == {"names": ['a "b"'], "_type": "ClassLabel"}
    assert schema.field("image").type == pa.struct({"bytes": pa.binary(), "path": pa.string()})
    types = {"int64": pa.int64(), "float32": pa.float32(), "string": pa.string()}
    for name, feature in features.items():
        if feature["_type"] == "Value":
            assert schema.field(name).type == types[feature["dtype"]], name


def test_row_groups_are_small_and_pictures_are_not_compressed_again(make, tmp_path):
    count = 2 * ROW_GROUP + 3
    items = [make.item(frame=i, detection_id=i + 1) for i in range(count)]
    noise = encode_jpeg(np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8))
    labelled = make.labelled(items, crops=dict.fromkeys(range(1, count + 1), noise))
    write_export(labelled, tmp_path / "out", format="parquet", split=ALL)
    about = pq.read_metadata(tmp_path / "out" / "train.parquet")
    sizes = [about.row_group(i).num_rows for i in range(about.num_row_groups)]
    assert sizes == [ROW_GROUP, ROW_GROUP, 3]
    assert max(sizes) <= 1000
    assert about.row_group(0).column(0).path_in_schema == "image.bytes"
    assert about.row_group(0).column(0).compression == "UNCOMPRESSED"


def test_what_has_no_crop_is_counted_and_left_out(make, tmp_path):
    items = [
        make.item(frame=0, detection_id=1),
        make.item(frame=1, detection_id=2),
        make.item(frame=2, detection_id=None, label_source="interpolated"),
        make.item("b.avi", frame=0, detection_id=3),
    ]
    labelled = make.labelled(items, crops={1: crop(make, 1)})
    written = write_export(labelled, tmp_path / "out", format="parquet", split=(0.7, 0.3, 0))
    assert written.by_split == {"train": 1}
    assert written.skipped == {NO_CROP: 2, BETWEEN: 1}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "manifest.json",
        "train.parquet",
    ]
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["left_out"] == {NO_CROP: 2, BETWEEN: 1}
    assert [video["video"] for video in manifest["videos"]] == ["a.avi"]


def test_without_any_crop_there_is_no_export(make, tmp_path):
    with pytest.raises(ExportError, match="none of the labels of 'name' can be written"):
        write_export(make.labelled([make.item()]), tmp_path / "out", format="parquet")
    assert list(tmp_path.iterdir()) == []
