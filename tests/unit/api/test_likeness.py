"""Rows that look alike stand together; without vectors, those of a track do."""

from __future__ import annotations

from types import SimpleNamespace

import pyarrow as pa

from vquery.api.likeness import likeness


def test_likeness_without_vectors_keeps_tracks_together():
    snapshot = SimpleNamespace(tables=list)
    table = pa.table({"video": ["a"] * 4, "track": [2, None, 2, 1], "detection_id": [1, 2, 3, 4]})
    cluster, place = likeness(snapshot, table)
    assert cluster.to_pylist() == [1, 2, 1, 3]
    assert place.to_pylist() == [0, 1, 0, 2]
