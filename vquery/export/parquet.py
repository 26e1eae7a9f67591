"""Parquet of crops: ``SPLIT.parquet`` with JPEG bytes, label, probability and provenance.

The column ``image`` is a struct of bytes and path and the file says so in the metadata that
Hugging Face datasets read, so that ``load_dataset("parquet", …)`` gives pictures and classes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vquery.export.items import ITEM, SPLITS

if TYPE_CHECKING:
    from pathlib import Path

    from vquery.export.items import Labelled
    from vquery.export.report import Written

ROW_GROUP = 512
IMAGE = pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])
HF_TYPES = {pa.int64(): "int64", pa.float32(): "float32", pa.string(): "string"}


def write_parquet(labelled: Labelled, folder: Path, written: Written) -> None:
    """Write one file per split that has items; an item without a crop is counted and left out."""
    columns = [field for field in ITEM if field.name != "label"]
    schema = pa.schema(
        [
            pa.field("image", IMAGE),
            pa.field("label", pa.int64()),
            pa.field("label_name", pa.string()),
            *columns,
        ]
    ).with_metadata({"huggingface": json.dumps(_features(labelled, columns))})
    numbers = pa.array(labelled.classes, pa.string())
    for split in SPLITS:
        items = labelled.of_split(split)
        if items.num_rows:
            with pq.ParquetWriter(folder / f"{split}.parquet", schema, compression="zstd") as file:
                for start in range(0, items.num_rows, ROW_GROUP):
                    some = items.slice(start, ROW_GROUP)
                    file.write_table(_rows(labelled, some, numbers, schema, written, split))


def _rows(
    labelled: Labelled,
    items: pa.Table,
    classes: pa.Array,
    schema: pa.Schema,
    written: Written,
    split: str,
) -> pa.Table:
    crops = [labelled.crop(item) for item in items["detection_id"].to_pylist()]
    kept = [i for i, crop in enumerate(crops) if crop is not None]
    for _ in range(len(crops) - len(kept)):
        written.skip("detection without a crop")
    items = items.take(kept)
    paths = [f"{item}.jpg" for item in items["detection_id"].to_pylist()]
    bytes_ = pa.array([crops[i] for i in kept], pa.binary())
    image = pa.StructArray.from_arrays([bytes_, pa.array(paths, pa.string())], fields=list(IMAGE))
    written.count(split, len(kept))
    label = pc.index_in(items["label"], value_set=classes).cast(pa.int64())
    rows = items.rename_columns(["label_name" if n == "label" else n for n in items.column_names])
    rows = rows.append_column("image", image).append_column("label", label)
    return rows.select(schema.names).cast(schema)


def _features(labelled: Labelled, columns: list[pa.Field]) -> dict[str, Any]:
    features: dict[str, Any] = {
        "image": {"_type": "Image"},
        "label": {"names": labelled.classes, "_type": "ClassLabel"},
        "label_name": {"dtype": "string", "_type": "Value"},
    }
    for column in columns:
        features[column.name] = {"dtype": HF_TYPES[column.type], "_type": "Value"}
    return {"info": {"features": features}}
