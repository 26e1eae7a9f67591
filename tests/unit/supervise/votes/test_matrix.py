"""The label matrix: what goes in, what comes out, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vquery.errors import LabelError, SchemaError
from vquery.supervise.votes import ABSTAIN, LabelMatrix

ITEMS = pa.table(
    {"item": [7, 8], "video": ["a"] * 2, "start_us": [0, 10**6], "end_us": [10**6] * 2}
)
DENSE = arrays(
    np.int64, st.tuples(st.integers(0, 6), st.integers(0, 4)), elements=st.integers(-1, 2)
)


@given(DENSE)
def test_dense_arrays_come_back_in_any_values(dense):
    votes = LabelMatrix.from_dense(dense, classes=[0, 1, 2])
    assert votes.dense().tolist() == dense.tolist()
    named = votes.dense(classes=["a", "b", "c"], abstain=None)
    again = LabelMatrix.from_dense(named, classes=["a", "b", "c"], abstain=None)
    assert again.votes.tolist() == votes.votes.tolist()


@given(DENSE)
def test_rows_of_votes_come_back(dense):
    made = LabelMatrix.from_dense(dense, classes=[0, 1, 2])
    table = made.to_arrow()
    assert table.num_rows == (dense != ABSTAIN).sum()
    items = pa.table({"item": np.arange(len(dense))})
    back = LabelMatrix.from_arrow(table, classes=[0, 1, 2], functions=made.functions, items=items)
    assert back.votes.tolist() == made.votes.tolist()


def test_rows_of_votes_carry_their_time():
    made = LabelMatrix.from_dense(
        [["x", ""], ["", "y"]], classes=["x", "y"], abstain="", items=ITEMS
    )
    back = LabelMatrix.from_arrow(made.to_arrow())
    assert back.items.to_pylist() == ITEMS.to_pylist()
    assert back.seconds.tolist() == made.seconds.tolist() == [1.0, 0.0]
    assert (back.classes, back.functions) == (("x", "y"), ("lf0", "lf1"))
    assert made.to_pandas().to_dict("list") == {"lf0": ["x", None], "lf1": [None, "y"]}


def test_flyingsquid_takes_two_classes_alone():
    two = LabelMatrix.from_dense([[1, -1], [0, 1]], classes=[0, 1])
    assert two.dense(classes=[-1, 1], abstain=0).tolist() == [[1, 0], [-1, 1]]
    three = LabelMatrix.from_dense([[2]], classes=[0, 1, 2])
    with pytest.raises(LabelError, match=r"one value for each of the 3 classes .* got \[-1, 1\]"):
        three.dense(classes=[-1, 1], abstain=0)


@pytest.mark.parametrize(
    ("dense", "classes", "told"),
    [
        ([[0, 1], [2, 0]], [0, 1], r"row 1, function 0 \(lf0\): expected one of .* got 2 \(1 such"),
        ([[0.0, np.nan]], [0, 1], r"row 0, function 1 \(lf1\): .* got nan"),
        ([["yes", "maybe"]], ["no", "yes"], r"function 1 \(lf1\): .* got maybe"),
        ([[None]], [0, 1], "got None"),
        ([[0]], [0, 0], "must be different"),
        ([[0]], [-1, 0], "other than abstain=-1"),
        ([[0]], [], "must be different values"),
        ([[0]], range(40_000), "at most 32767 classes"),
    ],
)
def test_what_is_no_class_is_refused_with_its_place(dense, classes, told):
    with pytest.raises(LabelError, match=told):
        LabelMatrix.from_dense(dense, classes=classes)


def test_shapes_and_names_are_checked():
    with pytest.raises(SchemaError, match=r"shape \(items, functions\), got \(2,\)"):
        LabelMatrix.from_dense([0, 1], classes=[0, 1])
    with pytest.raises(SchemaError, match="2 different names, got f, f"):
        LabelMatrix.from_dense([[0, 1]], classes=[0, 1], functions=["f", "f"])
    with pytest.raises(SchemaError, match="items must have 1 rows"):
        LabelMatrix.from_dense([[0, 1]], classes=[0, 1], items=ITEMS)
    with pytest.raises(LabelError, match="row 0, function 0: expected -1 to 1, got 5"):
        LabelMatrix(np.array([[5]], np.int16), (0, 1), ("f",))


def test_take_and_select_keep_what_belongs_together():
    made = LabelMatrix.from_dense([[0, 1], [-1, 0]], classes=[0, 1], items=ITEMS)
    part = made.take(np.array([False, True])).select(["lf1"])
    assert part.votes.tolist() == [[0]]
    assert part.items["item"].to_pylist() == [8]
    assert part.seconds.tolist() == [0.0]
    for wrong, told in (([2], "no item 2"), ([True], "2 truth values"), ([0.5], "float64")):
        with pytest.raises(LabelError, match=told):
            made.take(wrong)
    with pytest.raises(LabelError, match=r"no function 'lf9'.* Functions: lf0, lf1"):
        made.select(["lf9"])
    assert made.select([]).summary().table.num_rows == 0
    assert made.take([]).summary().table["coverage"].to_pylist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"vote": ["z", "y"]}, r"row 1: vote 'z' is none of those given \(x, y\)"),
        ({"item": [1, 1], "function": ["f", "f"]}, "row 2: function 'f' votes on item 1 again"),
        ({"item": [1, 9]}, r"row 2: item 9 is none of those given \(1, 2\)"),
    ],
)
def test_votes_that_cannot_be_are_refused(change, told):
    rows = {"item": [1, 2], "function": ["f", "g"], "vote": ["x", "y"]} | change
    items = pa.table({"item": [1, 2]})
    with pytest.raises((LabelError, SchemaError), match=told):
        LabelMatrix.from_arrow(pa.table(rows), classes=["x", "y"], items=items)


def test_a_table_without_functions_is_refused():
    with pytest.raises(SchemaError, match="needs columns item, function, vote; missing: function"):
        LabelMatrix.from_arrow(pa.table({"item": [1], "vote": ["x"]}))


def test_items_may_be_a_data_frame():
    items = pd.DataFrame({"item": [7, 9], "video": ["b", "a"], "start_us": 0, "end_us": [1, 2]})
    votes = LabelMatrix.from_dense([[1], [0]], classes=[0, 1], items=items)
    assert votes.items["item"].to_pylist() == [7, 9]
    assert LabelMatrix.from_arrow(votes.to_arrow(), items=items).votes.tolist() == [[1], [0]]


def test_items_without_a_time_can_be_shown():
    items = pa.table({"item": [1], "video": ["a"], "start_us": [5]})
    votes = LabelMatrix.from_dense([[1]], classes=[0, 1], items=items)
    assert "Residual" in votes._repr_html_()
    assert "second" not in str(votes.summary())
    assert "time" not in str(votes.summary())


@pytest.mark.parametrize(
    ("start", "end"), [([10, 10], [20, 0]), ([10, None], [20, 20]), ([10, 10], [20, None])]
)
def test_times_that_cannot_be_are_named(start, end):
    items = pa.table({"item": [1, 2], "video": ["a", "a"], "start_us": start, "end_us": end})
    with pytest.raises(SchemaError, match="items, row 1: start_us and end_us must be given"):
        LabelMatrix.from_dense([[1], [0]], classes=[0, 1], items=items)


@pytest.mark.parametrize("votes", [[[1, 0]], np.array([[1.0, 0.5]]), np.array([1, 0])])
def test_what_are_no_codes_is_refused(votes):
    with pytest.raises(SchemaError, match="votes must be codes, int16 of shape"):
        LabelMatrix(votes, (0, 1), ("a", "b"))


@pytest.mark.parametrize(
    ("options", "kind", "said"),
    [
        ({"classes": [[0], [1]]}, LabelError, "classes must be single values"),
        ({"classes": [0, 1], "functions": ["a"]}, SchemaError, "functions must be 2 names"),
    ],
)
def test_what_cannot_name_votes_is_refused(options, kind, said):
    with pytest.raises(kind, match=said):
        LabelMatrix.from_dense([[1, 0]], **options)


def test_rows_have_one_length_and_functions_whole_numbers():
    with pytest.raises(SchemaError, match="rows of one length"):
        LabelMatrix.from_dense([[1, 0], [1]], classes=[0, 1])
    with pytest.raises(LabelError, match=r"no function 0\.5"):
        LabelMatrix.from_dense([[1, 0]], classes=[0, 1]).select([0.5])
    with pytest.raises(LabelError, match="classes must be different"):
        LabelMatrix(np.array([[1]], np.int16), (0, 0), ("a",))


@pytest.mark.parametrize(
    ("items", "said"),
    [
        (pa.table({"item": [7, 7]}), "item 7 occurs twice"),
        (pa.table({"item": [7, None]}), "one has none"),
        (pa.table({"row": [7]}), "must have a column item"),
        (5, "items: from_arrow"),
    ],
)
def test_items_of_a_table_of_votes_are_told_apart(items, said):
    votes = pa.table({"item": [7], "function": ["f"], "vote": ["a"]})
    with pytest.raises(SchemaError, match=said):
        LabelMatrix.from_arrow(votes, items=items)


def test_classes_of_a_table_of_votes_are_told_apart_by_their_texts():
    votes = pa.table({"item": [7], "function": ["f"], "vote": ["1"]})
    with pytest.raises(LabelError, match="two are '1'"):
        LabelMatrix.from_arrow(votes, classes=[1, "1"])
    with pytest.raises(SchemaError, match="votes: from_arrow"):
        LabelMatrix.from_arrow(5)
