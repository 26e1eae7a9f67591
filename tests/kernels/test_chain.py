"""Chains and spells: compiled against numpy, and numpy against all paths written out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vquery_kernels.chain import Spell, posterior, reference, spell_path, spell_posterior

pytest.importorskip("numba")

from vquery_kernels.chain import cpu

SEEDS = st.integers(0, 10**6)


def drawn(seed):
    """A few sequences with nodes of several lengths, and spells for them."""
    rng = np.random.default_rng(seed)
    n, k = int(rng.integers(1, 15)), int(rng.integers(1, 4))
    inner = np.flatnonzero(rng.random(n - 1) < 0.15) + 1 if n > 1 else []
    bounds = np.array([0, *inner, n], np.int64)
    ticks = rng.integers(1, 7, n)
    evidence = rng.normal(size=(n, k)) * rng.choice([0.1, 3.0])
    matrices = rng.dirichlet(np.ones(k), (2, k)) + 0.01
    matrices /= matrices.sum(-1, keepdims=True)
    chain = (bounds, ticks, evidence, rng.integers(0, 2, n), matrices, rng.dirichlet(np.ones(k)))
    stay = rng.uniform(0.3, 0.95, k)
    spell = Spell(
        rng.choice([0.0, 1, 2.5, 6], k),
        np.log(rng.dirichlet(np.ones(k)) + 0.01),
        np.log(stay),
        np.log(rng.uniform(0.05, 0.5, (k, k))),
    )
    length = rng.choice([1.0, 0.4, 2, 3.5], n)
    return chain, (bounds, length, evidence, *spell)


@given(SEEDS)
def test_compiled(seed):
    chain, spells = drawn(seed)
    pairs = (
        (cpu.posterior(*chain), reference.posterior(*chain)),
        (cpu.spell_posterior(*spells), reference.spell_posterior(*spells)),
    )
    for found, expected in pairs:
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)
    code, score = cpu.spell_path(*spells)
    other, expected = reference.spell_path(*spells)
    np.testing.assert_allclose(score, expected, rtol=1e-9)
    np.testing.assert_array_equal(code, other)


@given(SEEDS)
def test_without_durations_spells_are_a_chain(seed):
    rng = np.random.default_rng(seed)
    n, k = 9, int(rng.integers(2, 4))
    move = rng.dirichlet(np.ones(k), k) * 0.9 + 0.1 / k
    balance = np.linalg.matrix_power(move, 200)[0]
    evidence = rng.normal(size=(n, k))
    spell = Spell(np.zeros(k), np.log(balance), np.log(np.diag(move)), np.log(move))
    one = posterior([0, n], np.ones(n, int), evidence, np.zeros(n, int), [move], balance)
    other = spell_posterior([0, n], np.ones(n), evidence, spell)
    np.testing.assert_allclose(one.probability, other.probability, atol=1e-9)
    np.testing.assert_allclose(one.log_likelihood, other.log_likelihood)
    # all paths, written out
    paths = np.array(list(itertools.product(range(k), repeat=5)))
    score = np.log(balance)[paths[:, 0]] + evidence[np.arange(5), paths].sum(1)
    score += np.log(move)[paths[:, :-1], paths[:, 1:]].sum(1)
    found = spell_path([0, 5], np.ones(5), evidence[:5], spell)
    np.testing.assert_array_equal(found.code, paths[score.argmax()])
    assert found.score[0] == pytest.approx(score.max())
    sums = spell_posterior([0, 5], np.ones(5), evidence[:5], spell)
    assert sums.log_likelihood[0] == pytest.approx(np.logaddexp.reduce(score))


def test_long_nodes_cost_no_precision():
    """A million ticks of one opinion: the same as the end of any long run."""
    move = np.array([[0.99, 0.01], [0.02, 0.98]])
    given = [[0.0, -0.5], [-0.3, 0.0], [0.0, 0.0]]
    long = posterior([0, 3], [10**6, 5, 10**6], given, [0] * 3, [move], [2 / 3, 1 / 3])
    short = posterior([0, 3], [10**4, 5, 10**4], given, [0] * 3, [move], [2 / 3, 1 / 3])
    np.testing.assert_allclose(long.probability[1], short.probability[1], rtol=1e-6)
    assert long.probability[2, 1] == pytest.approx(1 / 3, abs=1e-4)
    assert np.isfinite(long.log_likelihood).all()


def test_spells_keep_their_least_duration_inside_a_sequence():
    rng = np.random.default_rng(0)
    evidence = rng.normal(size=(500, 2)) * 3
    spell = Spell(
        np.array([4.0, 7.0]), *np.log([[0.5] * 2, [0.8] * 2]), np.log(np.full((2, 2), 0.2))
    )
    code = spell_path([0, 500], np.ones(500), evidence, spell).code
    borders = np.flatnonzero(np.diff(code)) + 1
    lengths, kinds = np.diff(borders), code[borders[:-1]]
    assert lengths[kinds == 0].min() == 4
    assert lengths[kinds == 1].min() == 7


def test_misuse():
    spell = Spell(np.zeros(1), np.zeros(1), np.zeros(1), np.zeros((1, 1)))
    with pytest.raises(ValueError, match="bounds must ascend from 0"):
        spell_path([0, 1], [1, 1], [[0.0], [0]], spell)
    with pytest.raises(ValueError, match="row 1 is"):
        spell_path([0, 2], [1, 1], [[0.0], [np.nan]], spell)
    with pytest.raises(ValueError, match="elements above 0"):
        spell_path([0, 2], [1, 0], [[0.0], [1]], spell)
    with pytest.raises(ValueError, match="ticks must be at least 1"):
        posterior([0, 1], [0], [[0.0]], [0], [[[1.0]]], [1.0])
    assert spell_path([0], [], np.empty((0, 1)), spell).code.size == 0
