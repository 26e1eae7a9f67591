"""End models on arrays: what they learn, that they resume, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vquery.errors import LabelError, LearnError, SchemaError
from vquery.learn.augment import Compose, Flip, Mixup, Uncertain
from vquery.learn.core.networks import SmallResNet
from vquery.learn.ends import EndModel
from vquery.learn.ends.folds import temperature
from vquery.metrics.calibration import log_loss

SMALL = {"epochs": 8, "batch": 32}


def clusters(n: int = 120, d: int = 6, seed: int = 0, apart: float = 1.5):
    """Two clouds; returns vectors, classes and groups of ten."""
    rng = np.random.default_rng(seed)
    y = rng.integers(2, size=n)
    x = rng.normal(size=(n, d))
    x[:, 0] += apart * (2 * y - 1)
    return x, y, np.arange(n) // 10


def blots(n: int = 60, side: int = 16, seed: int = 0):
    """Pictures with a bright half, left or right."""
    rng = np.random.default_rng(seed)
    y = rng.integers(2, size=n)
    pixels = rng.integers(0, 120, (n, 3, side, side), np.uint8)
    for picture, right in zip(pixels, y, strict=True):
        half = slice(side // 2, None) if right else slice(None, side // 2)
        picture[0, :, half] += 120
    return pixels, y, np.arange(n) // 6


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_it_learns_clouds_and_says_how_sure_it_is(kind):
    x, y, group = clusters(300)
    test, truth, _ = clusters(300, seed=1)
    model = EndModel(kind, **({} if kind == "linear" else {"epochs": 25}), folds=4)
    model.fit(x, y, groups=group)
    chance = model.predict_proba(test)
    assert (model.predict(test) == truth).mean() > 0.9
    assert np.allclose(chance.sum(1), 1)
    # with a half-width of 1.5 the best there is has .07 errors and a log-loss of about .18
    assert log_loss(chance, truth) < 0.27
    assert model.oof_.shape == (300, 2)
    assert (model.oof_.argmax(1) == y).mean() > 0.88
    assert model.calibrated_
    assert model.curves_


def test_soft_labels_teach_what_they_say_and_no_more():
    x = np.repeat([[0.0], [1.0]], 400, 0)
    soft = np.repeat([[0.8, 0.2], [0.3, 0.7]], 400, 0)
    model = EndModel(penalty=1e-5, calibrate=False).fit(x, soft, weights=None)
    assert np.allclose(model.predict_proba([[0.0], [1.0]]), [[0.8, 0.2], [0.3, 0.7]], atol=0.01)


def test_what_nobody_is_sure_of_counts_little():
    x, y, group = clusters(200, apart=3)
    soft = np.eye(2)[y]
    soft[::2] = np.eye(2)[1 - y[::2]] * 0.06 + 0.47  # wrong, and hardly sure
    model = EndModel().fit(x, soft, groups=group)
    assert (model.predict(x) == y).mean() > 0.97


def test_items_without_a_label_are_left_out_and_predicted():
    x, y, group = clusters(100, apart=3)
    labels = np.array(["no", "yes"], object)[y]
    labels[::3] = None
    model = EndModel().fit(x, labels, groups=group)
    assert model.classes_ == ("no", "yes")
    assert np.isfinite(model.oof_).all()
    assert (model.predict(x)[::3] == np.array(["no", "yes"])[y[::3]]).mean() > 0.9


def test_left_out_groups_are_left_out():
    """Labels are random but the same in a group, and vectors tell groups: only leaks can score."""
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(40), 10)
    x = np.eye(40)[group] + 0.01 * rng.normal(size=(400, 40))
    y = rng.permutation(np.repeat([0, 1], 20))[group]
    honest = EndModel(penalty=1e-4).fit(x, y, groups=group)
    leaky = EndModel(penalty=1e-4).fit(x, y)
    assert (leaky.oof_.argmax(1) == y).mean() == 1
    assert (honest.oof_.argmax(1) == y).mean() < 0.7
    assert any("neighbouring" in note for note in leaky.notes_)


def test_balance_brings_out_the_rare_class():
    x, y, _ = clusters(600, apart=0.8)
    rare = np.flatnonzero((y == 0) | (np.arange(600) % 8 == 0))
    x, y = x[rare], y[rare]
    plain, even = (EndModel(balance=one, calibrate=False).fit(x, y) for one in (None, "even"))
    found = [(model.predict(x)[y == 1] == 1).mean() for model in (plain, even)]
    assert found[1] > found[0] + 0.1
    shares = EndModel(balance={0: 0.5, 1: 0.5}, calibrate=False).fit(x, y)
    assert np.allclose(shares.predict_proba(x), even.predict_proba(x), atol=1e-3)
    with pytest.raises(LearnError, match="share for each"):
        EndModel(balance={0: 1}).fit(x, y)


def test_heads_of_slices_learn_what_holds_there_alone():
    """In the slice, told by the second coordinate, the first one means the opposite."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(800, 2)).astype(np.float32)
    inside = x[:, 1] > 0.8
    y = ((x[:, 0] > 0) ^ inside).astype(int)
    options = {"hidden": (6,), "epochs": 30, "folds": 3, "dropout": 0.0, "rate": 5e-3}
    found = {}
    for name, given in (("plain", None), ("heads", {"odd": inside})):
        right = []
        for seed in range(3):
            model = EndModel("mlp", seed=seed, **options)
            model.fit(x, y, groups=np.arange(800) // 20, slices=given)
            right.append((model.predict(x) == y)[inside].mean())
        found[name] = np.mean(right)
    assert found["heads"] > found["plain"]


def test_slices_as_weights_count_more():
    x, y, _ = clusters(200)
    inside = np.arange(200) < 30
    y = np.where(inside, 1 - y, y)
    plain = EndModel(penalty=1e-3, calibrate=False).fit(x, y)
    more = EndModel(penalty=1e-3, calibrate=False, slices_as="weights", slice_weight=20.0)
    more.fit(x, y, slices={"odd": inside})
    right = [(one.predict(x) == y)[inside].mean() for one in (plain, more)]
    assert right[1] > right[0] + 0.3


def test_a_network_learns_pictures_and_starts_from_a_backbone():
    pixels, y, group = blots()
    model = EndModel("network", width=4, blocks=(1, 1), folds=3, epochs=10, batch=16, rate=5e-3)
    model.fit(pixels, y, groups=group)
    assert (model.predict(pixels) == y).mean() > 0.9
    as_numbers = model.predict_proba(pixels / 255)
    assert np.allclose(as_numbers, model.predict_proba(pixels), atol=1e-4)

    backbone = SmallResNet(4, (1, 2))
    begun = EndModel("network", start=backbone, folds=2, epochs=1, rate=1e-9, decay=0.0)
    begun.fit(pixels, y, groups=group)
    assert begun.architecture_.values["blocks"] == [1, 2]
    mine, its = (dict(one.named_parameters()) for one in (begun.network_.body, backbone))
    assert all(torch.allclose(mine[name], its[name], atol=1e-6) for name in its)
    with pytest.raises(LearnError, match="no weights of a SmallResNet"):
        EndModel("network", start=torch.nn.Linear(2, 2)).fit(pixels, y)


@pytest.mark.parametrize(
    "augment",
    [Compose([Flip(), Mixup()]), Uncertain(tries=2, length=1), lambda x, _: x.flip(3)],
    ids=["composed", "uncertain", "function"],
)
def test_pictures_are_changed_while_learning(augment):
    """A bright half is the class: whatever flips pictures takes away what there is to learn."""
    pixels, y, group = blots()
    options = {"width": 4, "blocks": (1, 1), "folds": 2, "epochs": 14, "batch": 16, "rate": 5e-3}
    model = EndModel("network", **options).fit(pixels, y, groups=group, augment=augment)
    again = EndModel("network", **options).fit(pixels, y, groups=group, augment=augment)
    assert (model.predict_proba(pixels) == again.predict_proba(pixels)).all()
    right = (model.predict(pixels) == y).mean()
    if isinstance(augment, Uncertain):
        assert right > 0.6
    elif isinstance(augment, Compose):
        assert right < 0.75
    else:  # always flipped: the other class
        assert right < 0.3


def test_the_same_seed_gives_the_same_bits():
    x, y, group = clusters()
    one, two = (EndModel("mlp", **SMALL).fit(x, y, groups=group) for _ in range(2))
    other = EndModel("mlp", seed=1, **SMALL).fit(x, y, groups=group)
    assert (one.predict_proba(x) == two.predict_proba(x)).all()
    assert (one.predict_proba(x) != other.predict_proba(x)).any()


def test_an_interrupted_run_ends_as_if_it_had_not_been(tmp_path):
    x, y, group = clusters()
    whole = EndModel("mlp", **SMALL).fit(x, y, groups=group)

    lines: list[str] = []

    def stop(line: str) -> None:
        lines.append(line)
        if len(lines) == 11:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        EndModel("mlp", **SMALL).fit(x, y, groups=group, folder=tmp_path, progress=stop)
    again = EndModel("mlp", **SMALL).fit(x, y, groups=group, folder=tmp_path)
    assert again.histories_["fold 1"].resumed
    assert (again.predict_proba(x) == whole.predict_proba(x)).all()
    with pytest.raises(LearnError, match="fresh=True"):
        EndModel("mlp", **SMALL).fit(x, 1 - y, groups=group, folder=tmp_path)


def test_it_is_kept_and_read_again(tmp_path):
    x, y, group = clusters()
    model = EndModel("mlp", **SMALL).fit(x, np.array(["no", "yes"])[y], groups=group)
    model.save(tmp_path / "model.safetensors")
    back = EndModel.load(tmp_path / "model.safetensors")
    assert back.classes_ == ("no", "yes")
    assert (back.predict_proba(x) == model.predict_proba(x)).all()
    (tmp_path / "hostile.pt").write_bytes(b"PK\x03\x04rest")
    with pytest.raises(LearnError, match="pickle"):
        EndModel.load(tmp_path / "hostile.pt")
    (tmp_path / "half").write_bytes((tmp_path / "model.safetensors").read_bytes()[:500])
    with pytest.raises(LearnError, match="damaged"):
        EndModel.load(tmp_path / "half")


def test_a_temperature_undoes_what_logits_were_multiplied_by():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 3))
    chance = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    drawn = (rng.random(4000)[:, None] > chance.cumsum(1)).sum(1)
    found = temperature(4 * logits, np.eye(3)[drawn], np.ones(4000))
    assert found == pytest.approx(4, rel=0.1)


def test_people_calibrate_where_there_are_enough():
    """Weak labels are surer than they may be: only a tenth of the items is known to be right."""
    x, y, group = clusters(600, apart=0.7)
    trusted = np.arange(600) % 10 == 0
    weak = np.clip(0.5 + x[:, 0], 0.001, 0.999)
    weak = np.where(trusted, y, weak)
    soft = np.c_[1 - weak, weak]
    plain = EndModel().fit(x, soft, groups=group)
    known = EndModel().fit(x, soft, groups=group, trusted=trusted)
    test, truth, _ = clusters(600, seed=1, apart=0.7)
    losses = [log_loss(one.predict_proba(test), truth) for one in (plain, known)]
    assert losses[1] < losses[0]


def test_what_cannot_be_is_said():
    x, y, group = clusters(40)
    with pytest.raises(LearnError, match="all 40 labelled items are most likely 'a'"):
        EndModel().fit(x, ["a"] * 40, groups=group)
    with pytest.raises(LearnError, match=r"3 labelled items are too few.*FewShot"):
        EndModel().fit(x[:3], y[:3])
    holes = x.copy()
    holes[7, 2] = np.nan
    with pytest.raises(SchemaError, match="X, row 7: values must be finite"):
        EndModel().fit(holes, y)
    with pytest.raises(LabelError, match="probability, row 0"):
        EndModel().fit(x, np.full((40, 2), 0.7))
    with pytest.raises(SchemaError, match="P must have 40 rows"):
        EndModel().fit(x, y[:5])
    with pytest.raises(LearnError, match="learns from pictures"):
        EndModel("network").fit(x, y)
    with pytest.raises(LearnError, match="learns from vectors"):
        EndModel().fit(*blots()[:2])
    with pytest.raises(LearnError, match="kind= must be one of"):
        EndModel("forest")
    with pytest.raises(LearnError, match="there are kind, hidden"):
        EndModel(depth=3)
    with pytest.raises(LearnError, match="not trained"):
        EndModel().predict(x)
    with pytest.raises(SchemaError, match=r"shape \(items, 6\)"):
        EndModel().fit(x, y).predict(x[:, :2])
    with pytest.raises(LearnError, match="lower rate="):
        EndModel("mlp", rate=1e30, **SMALL).fit(1e18 * x, y, groups=group)
    with pytest.raises(LearnError, match="start= is the beginning"):
        EndModel("mlp", start=SmallResNet(4))
    with pytest.raises(SchemaError, match="slice 'a'"):
        EndModel().fit(x, y, slices={"a": [True]})


def test_two_groups_and_one_group_still_train():
    x, y, _ = clusters(60)
    two = EndModel("mlp", **SMALL).fit(x, y, groups=np.arange(60) % 2)
    assert np.isfinite(two.oof_).all()
    one = EndModel("mlp", **SMALL).fit(x, y, groups=np.zeros(60))
    assert any("one group" in note for note in one.notes_)
