"""Few, constant, silent, contradicting and many functions: always a probability, never NaN."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vquery.errors import LabelError, QueryError, SchemaError
from vquery.supervise.models import LabelModel
from vquery.supervise.votes import LabelMatrix

METHODS = ("auto", "dawid-skene", "triplets", "majority")
votes_of_3 = st.integers(-1, 2)
ODD = {
    "no items": np.empty((0, 3), int),
    "no functions": np.empty((4, 0), int),
    "one function": np.array([[0], [1], [-1]]),
    "two functions": np.array([[0, 1], [1, 1], [-1, 0]]),
    "all silent": np.full((5, 4), -1),
    "one silent": np.array([[0, 1, -1, 0], [1, 1, -1, 1], [0, 0, -1, 1]]),
    "constant": np.array([[1, 0, 1, 0], [1, 1, 1, 1], [1, 0, 0, 1]]),
    "all constant": np.ones((6, 4), int),
    "all conflict": np.array([[0, 1, 0, 1], [1, 0, 1, 0]] * 20),
    "only one class": np.array([[1, -1, 1], [1, 1, -1], [-1, -1, -1]] * 5),
    "one item": np.array([[0, 1, 1]]),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ODD)
def test_odd_votes_give_probabilities(name, method):
    votes = ODD[name]
    model = LabelModel(classes=[0, 1], method=method).fit(votes)
    share = model.predict_proba(votes)
    assert share.shape == (len(votes), 2)
    assert np.allclose(share.sum(1), 1)
    assert (share >= 0).all()
    assert np.isfinite(model.log_likelihoods(votes)).all()
    assert np.isfinite(model.confusion_).all()
    assert np.allclose(model.confusion_.sum(2), 1)
    silent = (votes < 0).all(1)
    assert np.allclose(share[silent], model.balance_)
    assert (model.log_likelihoods(votes)[silent] == 0).all()
    str(model.summary())
    model.summary().html()


def test_five_hundred_functions():
    rng = np.random.default_rng(0)
    truth = rng.random(400) < 0.4
    votes = np.where(rng.random((400, 500)) < 0.6, truth[:, None], ~truth[:, None]).astype(int)
    votes[rng.random(votes.shape) < 0.2] = -1
    model = LabelModel(method="dawid-skene").fit(votes)
    share = model.predict_proba(votes)
    assert np.isfinite(share).all()
    assert (share.argmax(1) == truth).mean() > 0.99
    assert LabelModel().fit(votes).predict_proba(votes).shape == (400, 2)


def test_items_without_votes_get_a_balance_that_is_given():
    model = LabelModel(classes=["no", "yes"], abstain="", balance={"yes": 0.1, "no": 0.9})
    votes = [["yes", ""], ["", ""]]
    assert model.fit(votes).predict_proba(votes)[1].tolist() == pytest.approx([0.9, 0.1])
    assert model.predict(votes).tolist() == ["yes", None]
    assert model.predict(votes, ties="prior").tolist() == ["yes", "no"]
    assert model.predict(votes, ties="abstain").tolist() == ["yes", ""]


def test_classes_are_found_in_texts_with_none():
    model = LabelModel(abstain=None).fit([["b", None, "a"], ["b", "b", None]])
    assert model.classes_ == ("a", "b")
    assert model.predict([["b", "b", None]]).tolist() == ["b"]


def test_ties_are_said():
    model = LabelModel(classes=[0, 1], method="majority").fit([[0, 1], [1, 1]])
    assert model.predict([[0, 1]]).tolist() == [None]
    assert model.predict([[0, 1]], ties=1).tolist() == [1]
    assert model.predict([[0, 1]], ties="prior").tolist() == [0]
    with pytest.raises(QueryError, match=r"ties must be None, 'prior', 'abstain' or one of"):
        model.predict([[0, 1]], ties="random")


@pytest.mark.parametrize(
    ("settings", "votes", "says"),
    [
        ({}, [[0, np.nan]], "row 0, function 1: expected a class"),
        ({"classes": [0, 1]}, [[0, 2]], "row 0, function 1"),
        ({"classes": [0, 1]}, [[0, -2]], "row 0, function 1"),
        ({}, [[-1, -1]], "name them"),
        ({"classes": [0, 1], "balance": [0.5, 0.6]}, [[0, 1]], "sum to 1"),
        ({"classes": [0, 1], "balance": [1.0, 0.0]}, [[0, 1]], "above 0"),
        ({"balance": {0: 1.0}}, [[0, 1]], "name each of the classes"),
        ({"precision": {"lf9": 0.9}}, [[0, 1]], "'lf9', which is no function"),
        ({"precision": {"lf0": 1.5}}, [[0, 1]], "between 0 and 1"),
        ({"pairs": [("lf0", "lf0")]}, [[0, 1]], "no function twice"),
        ({"method": "triplets"}, [[0, 1, 2]], "two classes"),
    ],
)
def test_what_is_wrong_is_named(settings, votes, says):
    with pytest.raises(LabelError, match=says):
        LabelModel(**settings).fit(votes)


def test_misuse_is_named():
    for wrong in ({"method": "best"}, {"temper": 0}, {"temper": 2}, {"precision": 0.9}):
        with pytest.raises(QueryError):
            LabelModel(**wrong).fit([[0, 1]])
    with pytest.raises(QueryError, match="not fitted"):
        LabelModel().predict_proba([[0, 1]])
    with pytest.raises(QueryError, match="no parameter 'seed'"):
        LabelModel().set_params(seed=1)
    model = LabelModel().fit([[0, 1], [1, 1]])
    with pytest.raises(SchemaError, match="fitted on"):
        model.predict_proba([[0, 1, 1]])
    with pytest.raises(LabelError, match="one group an item"):
        model.predict_proba([[0, 1]], groups=["a", "b"])
    with pytest.raises(LabelError, match="for all votes"):
        model.partial_fit([[0, 1]], groups=["a"])


def test_functions_and_classes_are_found_by_name():
    rng = np.random.default_rng(1)
    coded = rng.integers(-1, 2, (40, 3))
    votes = LabelMatrix.from_dense(coded, classes=[0, 1], functions=["a", "b", "c"])
    model = LabelModel(method="dawid-skene").fit(votes)
    turned = LabelMatrix.from_dense(
        np.where(coded < 0, -1, 1 - coded)[:, ::-1], classes=[0, 1], functions=["c", "b", "a"]
    )
    turned = LabelMatrix(turned.votes, (1, 0), turned.functions)
    assert np.allclose(model.predict_proba(turned), model.predict_proba(votes))
    with pytest.raises(SchemaError, match="fit a new model"):
        model.predict_proba(LabelMatrix.from_dense(coded, classes=[0, 1]))


def test_scikit_learn_can_copy_it():
    from sklearn.base import clone

    model = LabelModel(classes=[0, 1], balance=[0.3, 0.7])
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert repr(copy) == "LabelModel(classes=[0, 1], balance=[0.3, 0.7])"
    assert copy.set_params(method="majority").method == "majority"


@settings(max_examples=40, deadline=None)
@given(
    hnp.arrays(np.int16, hnp.array_shapes(min_dims=2, max_dims=2, max_side=30), elements=votes_of_3)
)
def test_any_votes_give_probabilities_no_worse_than_counting(votes):
    votes = np.tile(votes, (10, 1))  # enough items of each class for the model to be tried
    model = LabelModel(classes=[0, 1, 2]).fit(votes)
    share = model.predict_proba(votes)
    assert np.allclose(share.sum(1), 1)
    assert set(model.predict(votes).tolist()) <= {None, 0, 1, 2}
    scores = model.summary().left_out
    if scores:
        assert scores["model"] >= scores["vote"]
