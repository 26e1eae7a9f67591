"""Rows sorted by what they hold, against Arrow's own stable sort."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from vquery.web import sorting
from vquery.web.orders import Order
from vquery.web.results import Result, Results
from vquery.web.sorting import sorted_rows
from vquery.web.wire import Refused

N = 500


def with_gaps(rng, values, kind):
    return pa.array(values, kind, mask=rng.random(N) < 0.1)


def columns(rng):
    numbers = np.round(rng.normal(size=N), 1).astype(np.float32)
    numbers[rng.integers(0, N, 30)] = rng.choice([np.inf, -np.inf, 0.0, -0.0], 30)
    words = rng.choice(["Ann", "ä", "", "Bob", "bob", "漢"], N)
    return {
        "floats": with_gaps(rng, numbers, pa.float32()),
        "doubles": with_gaps(rng, numbers.astype(float), pa.float64()),
        "whole": with_gaps(rng, rng.integers(-5, 5, N), pa.int64()),
        "flags": with_gaps(rng, rng.random(N) < 0.5, pa.bool_()),
        "words": with_gaps(rng, words, pa.string()),
        "coded": with_gaps(rng, words, pa.string()).dictionary_encode(),
        "nothing": pa.nulls(N, pa.string()),
    }


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("name", columns(np.random.default_rng(0)))
def test_it_is_the_stable_order_with_gaps_last(name, descending, monkeypatch):
    column = columns(np.random.default_rng(3))[name]
    plain = column.dictionary_decode() if name == "coded" else column
    way = "descending" if descending else "ascending"
    want = pc.sort_indices(pa.table([plain], names=["0"]), sort_keys=[("0", way)]).to_pylist()
    assert sorted_rows(column, descending=descending).tolist() == want
    assert sorted_rows(pa.chunked_array([column]), descending=descending).tolist() == want
    monkeypatch.setattr(sorting, "MOST_VALUES", 2)
    assert sorted_rows(plain, descending=descending).tolist() == want


@pytest.mark.parametrize("descending", [False, True])
def test_what_is_no_number_comes_before_what_is_not_there(descending):
    column = pa.array([None, float("nan"), 1.0, float("inf")], pa.float32(), from_pandas=False)
    order = [2, 3, 1, 0] if not descending else [3, 2, 1, 0]
    assert sorted_rows(column, descending=descending).tolist() == order


def test_nothing_has_an_order():
    assert sorted_rows(pa.array([], pa.float32()), descending=True).tolist() == []


def test_orders_count_for_how_much_is_held():
    table = pa.table({"video": ["a"] * N, "start_us": range(N), "end_us": range(N)})
    plain = Result(table, "1").nbytes
    held = Results(size=2 * plain + 7 * N)
    first, second = held.add(table, "1"), held.add(table, "2")
    second.orders["time"] = Order(np.arange(N, dtype=np.int32), np.arange(N, dtype=np.int32))
    assert second.nbytes == plain + 8 * N
    held.keep(second)
    assert held.get(second.id) is second
    with pytest.raises(Refused):
        held.get(first.id)
