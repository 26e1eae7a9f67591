"""What a notebook shows of classes over time; names are text, never markup."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from vquery.supervise.time import Decoded, Transitions

HOSTILE = "<img src=x onerror=alert(1)>"


def made() -> Decoded:
    two = np.array([0.5, 0.5])
    transitions = Transitions(
        (HOSTILE, "news"), 1.0, np.array([[0.9, 0.1], [0.25, 0.75]]), two, two * 2, two * 10,
        *(np.zeros(0, np.int64), np.zeros(0), np.zeros(0)), np.full((2, 2), np.nan), 1.0, "given",
    )  # fmt: skip
    columns = {"video": ["a.mp4", "a.mp4"], "start_us": [0, 4_000_000], "end_us": [4_000_000] * 2}
    columns["end_us"][1] *= 2
    intervals = pa.table({**columns, "label": [HOSTILE, "news"], "probability": [0.9, 0.8]})
    path = np.array([0, 1])
    return Decoded((HOSTILE, "news"), np.eye(2), path, intervals, transitions, (HOSTILE,))


def test_decoded_intervals_are_drawn_on_lanes() -> None:
    said = made()._repr_html_()
    assert "2 intervals in 1 video" in said
    assert "<svg" in said
    assert "0:04.000" in said
    assert "<img" not in said
    assert said.count("&lt;img src=x") >= 3  # a bar, a row, a note


def test_transitions_are_a_table_by_class() -> None:
    said = made().transitions._repr_html_()
    assert "<th>class</th>" in said
    assert '<td class="vq-number">0.25</td><td class="vq-number">0.75</td>' in said
    assert "<img" not in said
    assert f"to {HOSTILE}".replace("<", "&lt;").replace(">", "&gt;") in said
