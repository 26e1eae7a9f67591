"""Looks, the rule for pseudo labels, batches of a fixed share, and rounds that stop."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vquery.errors import LearnError, SchemaError
from vquery.learn.augment import Compose, TimeJitter
from vquery.learn.core.pictures import Pictures
from vquery.learn.distil import Looks, Plan, choose, distil, shares_of
from vquery.learn.distil.choosing import FEW, cells_of
from vquery.learn.distil.looks import neighbours, scaled
from vquery.learn.distil.student import Mixed, Student, balanced
from vquery.learn.ends import EndModel
from vquery.learn.ends.targets import targets


class Left:
    """Says how bright the left half of a picture is, and how bright its border is."""

    def predict_proba(self, X):  # noqa: N803
        x = X.astype(np.float64) / 255
        half = x.shape[-1] // 2
        return np.stack([x[..., :half].mean((1, 2, 3)), x[..., 0, :].mean((1, 2))], axis=1)


class TestLooks:
    def test_mirrored_and_scaled_looks_are_averaged(self) -> None:
        x = np.zeros((3, 3, 8, 8), np.uint8)
        x[0, ..., :4] = 255
        x[1, ..., 2:6, 2:6] = 255
        both = Looks(mirrored=True, scales=()).predict(Left(), x)
        np.testing.assert_allclose(both[:2], [[0.5, 0.5], [0.25, 0]])
        one = Looks(mirrored=False, scales=()).predict(Left(), x)
        np.testing.assert_allclose(one[0], [1, 0.5])
        # twice as near, the square in the middle fills the border
        near = Looks(mirrored=False, scales=(2.0,)).predict(Left(), x)
        assert near[1, 1] == pytest.approx(np.mean([0, Left().predict_proba(scaled(x, 2.0))[1, 1]]))
        assert near[1, 1] > 0.3

    def test_scaling_there_and_back_keeps_the_middle(self) -> None:
        x = np.zeros((1, 3, 32, 32), np.uint8)
        x[..., 12:20, 12:20] = 255
        for scale in (0.5, 0.85, 1.2, 2.0):
            y = scaled(x, scale)
            assert y.shape == x.shape
            area = (y > 127).sum() / (x > 127).sum()
            assert area == pytest.approx(scale**2, rel=0.3)
            rows, columns = np.nonzero(y[0, 0] > 127)
            assert abs(rows.mean() - 15.5) <= 0.5
            assert abs(columns.mean() - 15.5) <= 0.5

    def test_neighbours_by_hand(self) -> None:
        rng = np.random.default_rng(0)
        n = 60
        chance, track = rng.random((n, 3)), rng.integers(-1, 4, n)
        time = rng.integers(0, 5_000_000, n)
        found = neighbours(chance, track, time, 0.7)
        for i in range(n):
            near = (track == track[i]) & (np.abs(time - time[i]) <= 700_000)
            wanted = chance[near].mean(0) if track[i] >= 0 else chance[i]
            np.testing.assert_allclose(found[i], wanted)

    def test_none_and_no_items(self) -> None:
        assert neighbours(np.zeros((0, 2)), [], [], 1.0).shape == (0, 2)
        model = EndModel(folds=2).fit(np.eye(6), list("aaabbb"))
        empty = np.zeros((0, 6), np.float32)
        assert Looks().predict(model, empty).shape == (0, 2)
        with pytest.raises(SchemaError, match="as many rows"):
            neighbours([[1.0]], [1, 2], [0], 1.0)
        with pytest.raises(LearnError, match="seconds"):
            Looks(seconds=-1)


class TestRule:
    def test_as_many_of_each_class_as_labelled_items_lead_to_expect(self) -> None:
        """Ten items are labelled, 3 of them b: of 20 others, up to 6 are b, the surest."""
        rng = np.random.default_rng(0)
        b = np.r_[np.linspace(0.51, 0.99, 12), np.linspace(0.01, 0.49, 8)]
        order = rng.permutation(20)
        chance = np.stack([1 - b, b], axis=1)[order]
        shares = shares_of(np.eye(2)[[0] * 7 + [1] * 3], np.ones(10))
        found = choose(chance, shares)
        kept = b[order][found.rows][found.label == 1]
        np.testing.assert_allclose(np.sort(kept), np.sort(b)[-6:])
        assert (found.label == 0).sum() == 8  # fewer than 14 were said to be a
        assert found.least[0, 1] == pytest.approx(kept.min())
        assert (found.chance == chance[found.rows, found.label]).all()

    def test_a_rare_class_is_kept_although_it_is_never_sure(self) -> None:
        chance = np.r_[[[0.95, 0.05]] * 18, [[0.45, 0.55]] * 2]
        found = choose(chance, [0.9, 0.1])
        assert np.bincount(found.label).tolist() == [18, 2]
        surest = np.flatnonzero(chance.max(1) > 0.9)  # one score for all would lose it
        assert not np.isin(found.rows[found.label == 1], surest).any()

    def test_nothing_is_kept_against_what_was_said(self) -> None:
        found = choose([[0.6, 0.4]] * 4, [0.5, 0.5])
        assert found.label.tolist() == [0, 0]

    def test_keep_takes_the_surer_part(self) -> None:
        chance = np.stack([np.linspace(0.6, 0.9, 10), np.linspace(0.4, 0.1, 10)], axis=1)
        found = choose(chance, [1.0, 0.0], keep=0.3)
        assert found.rows.tolist() == [7, 8, 9]

    def test_rows_of_a_track_count_as_one_item(self) -> None:
        """Four tracks of two rows, half of the items a: two tracks are kept, not four rows of 8."""
        chance = np.repeat([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]], 2, axis=0)
        found = choose(chance, [0.5, 0.5], counts=np.full(8, 0.5))
        assert found.rows.tolist() == [0, 1, 2, 3]

    def test_slices_have_shares_of_their_own(self) -> None:
        chance = np.r_[[[0.9, 0.1]] * 10, [[0.9, 0.1]] * 10]
        cells = np.repeat([0, 1], 10)
        found = choose(chance, [[0.2, 0.8], [1.0, 0.0]], cells=cells)
        assert np.bincount(cells[found.rows]).tolist() == [2, 10]

    def test_shares_of_a_slice_need_labels(self) -> None:
        soft = np.eye(2)[np.r_[np.zeros(FEW, int), np.ones(5, int)]]
        cells = np.repeat([0, 1], [FEW, 5])
        weight = np.ones(FEW + 5)
        assert shares_of(soft, weight, cells, cell=0).tolist() == [1, 0]
        few = shares_of(soft, weight, cells, cell=1)
        np.testing.assert_allclose(few, [FEW / (FEW + 5), 5 / (FEW + 5)])

    def test_cells_are_combinations(self) -> None:
        members = np.array([[1, 1], [0, 1], [0, 0], [1, 1]], bool)
        cell, number = cells_of(members)
        assert number == 3
        assert cell[0] == cell[3]
        assert len({cell[0], cell[1], cell[2]}) == 3
        assert cells_of(np.zeros((3, 0), bool))[1] == 1

    def test_what_is_not_finite_is_left_out(self) -> None:
        found = choose([[np.nan, np.nan], [0.9, 0.1]], [0.9, 0.1])
        assert found.rows.tolist() == []
        assert choose(np.zeros((0, 2)), [0.5, 0.5]).rows.shape == (0,)

    @pytest.mark.parametrize(
        ("options", "error", "said"),
        [
            ({"shares": [1, 1, 1]}, SchemaError, "shape"),
            ({"counts": [1.0]}, SchemaError, "counts"),
            ({"shares": [-1, 1]}, LearnError, "at least 0"),
            ({"cells": [0, 1]}, LearnError, "cells"),
            ({"keep": 0}, LearnError, "keep"),
        ],
    )
    def test_what_cannot_be(self, options, error, said) -> None:
        shares = options.pop("shares", [0.5, 0.5])
        with pytest.raises(error, match=said):
            choose([[0.6, 0.4], [0.5, 0.5]], shares, **options)
        with pytest.raises(LearnError, match="no item has a label"):
            shares_of([[1.0, 0.0]], [0.0])


def given_of(n: int = 40):
    rng = np.random.default_rng(1)
    code = np.arange(n) % 2
    x = rng.normal(size=(n, 5)) + 2 * code[:, None]
    return targets(x, np.eye(2)[code], weights=np.ones(n), groups=np.arange(n))


class TestStudent:
    @pytest.mark.parametrize("labelled", [5, 35])
    def test_each_batch_has_its_share_and_each_item_its_turn(self, labelled: int) -> None:
        given = given_of()
        mine = np.arange(40) < labelled
        task = Mixed(
            torch.nn.Linear(5, 2), None, given, np.arange(40), np.arange(0), batch=10,
            augment=None, labelled=mine, share=0.6,
        )  # fmt: skip
        drawn = list(task.batches(1, np.random.default_rng(0)))
        assert len(drawn) == task.steps
        for rows, _ in drawn:
            assert len(rows) == 10
            assert mine[rows].sum() == 6
        assert set(np.concatenate([rows for rows, _ in drawn])) == set(range(40))

    def test_weights_have_the_share_too(self) -> None:
        mine = np.arange(10) < 2
        found = balanced(np.arange(1.0, 11), mine, 0.6)
        assert found[mine].sum() / found.sum() == pytest.approx(0.6)
        assert found.mean() == pytest.approx(1)
        assert found[1] / found[0] == pytest.approx(2)
        assert (balanced(np.ones(3), np.ones(3, bool), 0.6) == 1).all()

    def test_a_linear_student_with_no_pseudo_labels_is_its_teacher(self) -> None:
        given = given_of()
        teacher = EndModel(folds=3).fit(given.x, given.soft, weights=given.weight)
        student = Student(teacher, 0.6).learn(given, np.ones(40, bool))
        np.testing.assert_allclose(student.logits(given.x), teacher.logits(given.x), atol=1e-3)

    def test_a_student_is_kept_and_read_as_any_end_model(self, tmp_path) -> None:
        given = given_of()
        teacher = EndModel("mlp", hidden=(4,), epochs=2, folds=2).fit(given.x, given.soft)
        student = Student(teacher, 0.6).learn(given, np.arange(40) < 5)
        student.save(tmp_path / "model.safetensors")
        again = EndModel.load(tmp_path / "model.safetensors")
        np.testing.assert_allclose(again.predict_proba(given.x), student.predict_proba(given.x))


def two_moons(n: int, seed: int):
    """Two clouds that are long: a few labels at one end, and a way from item to item."""
    rng = np.random.default_rng(seed)
    code = np.arange(n) % 2
    along = rng.random(n)
    x = np.stack([along * 6, code * 2.0 - 1 + rng.normal(scale=0.3, size=n)], axis=1)
    x = np.hstack([x, rng.normal(size=(n, 8))])
    return x, code, along


class TestRounds:
    def test_it_learns_from_what_it_says_itself(self) -> None:
        """Twelve labels in ten dimensions, of which one tells: hundreds without help."""
        gains = []
        for seed in range(3):
            x, code, _ = two_moons(400, seed)
            weight = (np.arange(400) < 12).astype(float)
            found = distil(
                x, np.eye(2)[code], weight, groups=np.arange(400), plan=Plan(rounds=2, patience=2)
            )
            rest = slice(200, 400)
            teacher = EndModel().fit(x[:12], np.eye(2)[code[:12]], groups=np.arange(12))
            right = [(m.predict_proba(x[rest]).argmax(1) == code[rest]).mean()
                     for m in (teacher, found.model)]  # fmt: skip
            gains.append(right[1] - right[0])
            assert len(found.rounds) == 3
            assert found.rounds[0]["gain"] == 0
            assert found.rounds[found.best]["measure"] == max(r["measure"] for r in found.rounds)
        assert np.mean(gains) > 0

    def test_it_stops_where_left_out_items_gain_nothing(self) -> None:
        """Labels are noise: nothing can be learnt, and no round is better by much."""
        rng = np.random.default_rng(0)
        x = rng.normal(size=(120, 30))
        soft = np.eye(2)[rng.integers(2, size=120)]
        weight = (np.arange(120) < 40).astype(float)
        found = distil(x, soft, weight, plan=Plan(rounds=5))
        assert len(found.rounds) == found.best + 2  # one round more than was good
        if found.best == 0:
            assert found.chosen is None
            assert any("no round helped" in note for note in found.notes)

    def test_left_out_groups_are_left_out_with_all_their_items(self, monkeypatch) -> None:
        from vquery.learn.distil import lanes

        seen: list[tuple[str, set[int]]] = []
        real = lanes.Lane._learn

        def spy(self, rows, chosen):
            held = set(self.material.group[~self.there].tolist())
            seen.append((self.name, held & set(self.material.group[rows].tolist())))
            return real(self, rows, chosen)

        monkeypatch.setattr(lanes.Lane, "_learn", spy)
        x, code, _ = two_moons(200, 0)
        group = np.arange(200) // 10
        distil(x, np.eye(2)[code], (np.arange(200) % 10 < 2).astype(float), groups=group,
               plan=Plan(rounds=1))  # fmt: skip
        assert {name for name, _ in seen} >= {"fold-1", "fold-2", "fold-3"}
        assert not any(shared for name, shared in seen if name != "all")

    def test_the_same_each_time_and_told_by_its_own_held_out_items(self) -> None:
        x, code, _ = two_moons(120, 1)
        weight = (np.arange(120) < 20).astype(float)
        options = {"kind": "mlp", "hidden": (4,), "epochs": 3, "folds": 2}
        plan = Plan(rounds=1, folds=2)
        runs = [distil(x, np.eye(2)[code], weight, plan=plan, options=options) for _ in range(2)]
        assert runs[0].rounds == runs[1].rounds
        np.testing.assert_array_equal(*(one.model.logits(x) for one in runs))
        assert np.isfinite(runs[0].held_out[:20]).all()
        assert np.isnan(runs[0].held_out[20:]).all()

    def test_parts_are_cut_so_that_all_classes_can_be_learnt(self) -> None:
        """Every other item is of one class: cut in their order, a part would be a class."""
        x, code, _ = two_moons(60, 0)
        weight = (np.arange(60) < 12).astype(float)
        found = distil(x, np.eye(2)[code], weight, plan=Plan(rounds=1, folds=2))
        assert found.rounds[0]["left_out"] == 12

    def test_an_interrupted_run_goes_on_to_the_same(self, tmp_path) -> None:
        x, code, _ = two_moons(120, 1)
        weight = (np.arange(120) < 20).astype(float)
        told = {"plan": Plan(rounds=1, folds=2), "options": {"kind": "mlp", "hidden": (4,),
                "epochs": 3, "folds": 2}}  # fmt: skip
        whole = distil(x, np.eye(2)[code], weight, **told)
        lines: list[str] = []

        def stop(line: str) -> None:
            lines.append(line)
            if len(lines) == 14:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            distil(x, np.eye(2)[code], weight, folder=tmp_path, progress=stop, **told)
        done: list[str] = []
        again = distil(x, np.eye(2)[code], weight, folder=tmp_path, progress=done.append, **told)
        assert sum("epoch" in line for line in done) < sum("epoch" in line for line in lines) + 8
        np.testing.assert_array_equal(again.model.logits(x), whole.model.logits(x))

    def test_one_group_measures_nothing_and_says_so(self) -> None:
        x, code, _ = two_moons(60, 0)
        weight = (np.arange(60) < 10).astype(float)
        found = distil(x, np.eye(2)[code], weight, groups=np.zeros(60), plan=Plan(rounds=4))
        assert found.best == 1
        assert any("nothing tells whether it helps" in note for note in found.notes)
        assert len(found.chosen) > 20
        assert np.isfinite(found.held_out[:10]).all()
        assert found.rounds[1]["pseudo"] == len(found.chosen)

    def test_what_is_left_out_of_one_class_alone_measures_nothing(self) -> None:
        """Whoever always says that class is right about all of it."""
        x, code, _ = two_moons(90, 0)
        weight = (np.arange(90) < 40).astype(float)
        found = distil(
            x, np.eye(2)[code], weight, groups=np.where(code == 1, 100, np.arange(90) % 5)
        )
        assert any("nothing tells whether it helps" in note for note in found.notes)
        assert len(found.rounds) == 2
        assert found.model.temperature_ == 1.0

    def test_pictures_are_distilled_too(self) -> None:
        rng = np.random.default_rng(0)
        code = np.arange(40) % 2
        x = (rng.random((40, 3, 16, 16)) * 60 + 120 * code[:, None, None, None]).astype(np.uint8)
        weight = (np.arange(40) < 12).astype(float)
        found = distil(
            x, np.eye(2)[code], weight, groups=np.arange(40) // 4, classes=("dark", "bright"),
            plan=Plan(rounds=1, folds=2, looks=Looks(scales=(0.8,))),
            options={"kind": "network", "width": 4, "blocks": (1,), "epochs": 2, "folds": 2,
                     "batch": 8},
        )  # fmt: skip
        assert found.model.classes_ == ("dark", "bright")
        assert found.model.predict_proba(x).shape == (40, 2)

    def test_what_cannot_be_is_said(self) -> None:
        x, code, _ = two_moons(20, 0)
        soft = np.eye(2)[code]
        with pytest.raises(LearnError, match="every item is labelled"):
            distil(x, soft, np.ones(20))
        with pytest.raises(LearnError, match="3 labelled items are too few"):
            distil(x, soft, (np.arange(20) < 3).astype(float))
        with pytest.raises(LearnError, match="nothing to tell apart"):
            distil(x, soft, ((np.arange(20) < 12) & (code == 0)).astype(float))
        with pytest.raises(SchemaError, match="row 3: values must be finite"):
            distil(np.where(np.arange(20)[:, None] == 3, np.nan, x), soft, np.ones(20))
        with pytest.raises(SchemaError, match="weight must be 20 numbers"):
            distil(x, soft, np.ones(3))
        with pytest.raises(LearnError, match="shares= must have a share for each"):
            distil(x, soft, np.arange(20.0) // 10, plan=Plan(shares={0: 1.0}))
        four = np.arange(4)
        items = Pictures(np.zeros((4, 3, 8, 8), np.uint8), four, four, four, four)
        jitter = Compose([TimeJitter(items, 1.0)])
        with pytest.raises(LearnError, match="leave out TimeJitter"):
            distil(x, soft, np.arange(20.0) // 10, augment=jitter)
        for wrong in ({"rounds": 0}, {"share": 1}, {"share": 0}, {"keep": 2}, {"folds": 1}):
            with pytest.raises(LearnError, match=next(iter(wrong))):
                Plan(**wrong)
