"""Parquet of crops: ``SPLIT.parquet`` with JPEG bytes, label, probability and provenance.

The column ``image`` is a struct of bytes and path and the file says so in the metadata that
Hugging Face datasets read, so that ``load_dataset("parquet", …)`` gives pictures and classes.
``label`` is the number of the class, ``label_name`` its name; the other columns are those of
`ITEM`. Boxes are as they were detected, also where they stick out of the picture.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vquery.export.dense import INTERPOLATED
from vquery.export.items import ITEM

if TYPE_CHECKING:
    from pathlib import Path

    from vquery.export.items import Labelled
    from vquery.export.report import Written

ROW_GROUP = 512
"""Rows read at once: small, so that training can jump about in the file."""
IMAGE = pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])
HF_TYPES = {pa.int64(): "int64", pa.float32(): "float32", pa.string(): "string"}
COLUMNS = [field for field in ITEM if field.name != "label"] + [pa.field("split", pa.string())]
COMPRESSION = {
    **dict.fromkeys(["image.path", "label", "label_name", *(f.name for f in COLUMNS)], "zstd"),
    "image.bytes": "none",  # JPEG does not get smaller
}
NO_CROP = "detection without a crop"
BETWEEN = "interpolated box, which has no crop"


def write_parquet(labelled: Labelled, folder: Path, written: Written) -> None:
    """Write one file per split that has crops; an item without a crop is counted and left out."""
    file_schema = _schema(labelled.classes)
    for split, items in labelled.splits():
        path = folder / f"{split}.parquet"
        with ExitStack() as stack:
            file = None
            for start in range(0, items.num_rows, ROW_GROUP):
                some, crops = _with_crops(labelled, items.slice(start, ROW_GROUP), written)
                if not some.num_rows:
                    continue
                if file is None:
                    file = stack.enter_context(
                        pq.ParquetWriter(path, file_schema, compression=COMPRESSION)
                    )
                file.write_table(_rows(some, crops, labelled.classes, file_schema))
                written.add(split, some)


def _schema(classes: list[str]) -> pa.Schema:
    features: dict[str, Any] = {
        "image": {"_type": "Image"},
        "label": {"names": classes, "_type": "ClassLabel"},
        "label_name": {"dtype": "string", "_type": "Value"},
        **{field.name: {"dtype": HF_TYPES[field.type], "_type": "Value"} for field in COLUMNS},
    }
    return pa.schema(
        [
            pa.field("image", IMAGE),
            pa.field("label", pa.int64()),
            pa.field("label_name", pa.string()),
            *COLUMNS,
        ],
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )


def _with_crops(
    labelled: Labelled, items: pa.Table, written: Written
) -> tuple[pa.Table, list[bytes]]:
    ids = items["detection_id"].to_pylist()
    crops = [None if one is None else labelled.crop(one) for one in ids]
    between = pc.sum(pc.equal(items["label_source"], INTERPOLATED)).as_py() or 0
    written.skip(BETWEEN, between)
    written.skip(NO_CROP, crops.count(None) - between)
    kept = pa.array([crop is not None for crop in crops], pa.bool_())
    return items.filter(kept), [crop for crop in crops if crop is not None]


def _rows(
    items: pa.Table, crops: list[bytes], classes: list[str], file_schema: pa.Schema
) -> pa.Table:
    paths = [f"{one}.jpg" for one in items["detection_id"].to_pylist()]
    columns = {
        **{name: items[name] for name in items.column_names},
        "image": pa.StructArray.from_arrays(
            [pa.array(crops, pa.binary()), pa.array(paths, pa.string())], fields=list(IMAGE)
        ),
        "label": pc.index_in(items["label"], value_set=pa.array(classes)).cast(pa.int64()),
        "label_name": items["label"],
    }
    return pa.table([columns[name] for name in file_schema.names], schema=file_schema)
