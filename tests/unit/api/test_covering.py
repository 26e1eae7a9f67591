"""Which spans lie under rows, against looking at every pair."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from vquery.api import covering
from vquery.api.covering import cover


def drawn(rng, n, longest):
    start = rng.integers(0, 100, n)
    return pa.table(
        {
            "video": rng.choice(["a", "b", "c"], n).tolist(),
            "start_us": start,
            "end_us": start + rng.integers(0, longest, n),
        }
    )


def by_pairs(spans, rows):
    at, share = [], []
    for row in rows.to_pylist():
        low, high = row["start_us"], max(row["end_us"], row["start_us"] + 1)
        shared = [
            max(0, min(high, max(s["end_us"], s["start_us"] + 1)) - max(low, s["start_us"]))
            * (s["video"] == row["video"])
            for s in spans.to_pylist()
        ]
        most = max(shared, default=0)
        starts = spans["start_us"].to_pylist()
        best = [i for i, one in enumerate(shared) if one == most and most]
        at.append(min(best, key=lambda i: starts[i]) if best else -1)
        share.append(sum(shared) / (high - low))
    return at, share


@pytest.mark.parametrize("seed", range(8))
def test_it_finds_what_looking_at_every_pair_finds(seed, monkeypatch):
    rng = np.random.default_rng(seed)
    monkeypatch.setattr(covering, "PAIRS", 7 if seed % 2 else covering.PAIRS)
    spans, rows = drawn(rng, rng.integers(0, 40), 30), drawn(rng, rng.integers(0, 40), 50)
    at, share = by_pairs(spans, rows)
    found = cover(spans, rows)
    starts = np.array([*spans["start_us"].to_pylist(), -1])
    assert starts[found.at].tolist() == starts[np.array(at, int)].tolist()
    assert found.share.tolist() == pytest.approx(share)
    assert [one >= 0 for one in found.at.tolist()] == [one > 0 for one in share]
