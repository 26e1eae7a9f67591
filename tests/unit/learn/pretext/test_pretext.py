"""What SimCLR and rotation compute, what they learn, and what they refuse."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.unit.learn.pretext.conftest import things
from vquery.errors import LearnError
from vquery.learn.core import checkpoints
from vquery.learn.core.pictures import Pictures
from vquery.learn.core.training import CHECKPOINT, Settings
from vquery.learn.pretext.contrast import nt_xent
from vquery.learn.pretext.learning import Recipe, learn
from vquery.learn.pretext.pairs import Known
from vquery.learn.pretext.probe import Probe, asked, purity, retrieval
from vquery.learn.pretext.rotation import turned

TINY = Recipe(width=4, batch=16, settings=Settings(epochs=2, rate=3e-3))


def naive(one, other, different, temperature):
    """NT-Xent row by row, as it is written down."""
    z = [row / row.norm() for row in [*one, *other]]
    m, total = len(one), 0.0
    for i in range(2 * m):
        partner = (i + m) % (2 * m)
        likes = {
            k: torch.exp(z[i] @ z[k] / temperature)
            for k in range(2 * m)
            if k == partner or (k != i and different[i, k])
        }
        total -= torch.log(likes[partner] / sum(likes.values()))
    return total / (2 * m)


def test_the_loss_is_that_of_the_definition():
    rng = torch.Generator().manual_seed(0)
    one, other = (torch.randn(5, 7, generator=rng) for _ in range(2))
    every = torch.ones(10, 10, dtype=torch.bool)
    some = torch.rand(10, 10, generator=rng) < 0.6
    assert nt_xent(one, other, temperature=0.3).item() == pytest.approx(
        naive(one, other, every, 0.3).item(), rel=1e-5
    )
    assert nt_xent(one, other, some, temperature=0.3).item() == pytest.approx(
        naive(one, other, some, 0.3).item(), rel=1e-5
    )


def test_without_a_negative_there_is_nothing_to_tell_apart():
    z = torch.randn(3, 4)
    assert nt_xent(z, z, torch.zeros(6, 6, dtype=torch.bool)).item() == pytest.approx(0)


def test_rotations_are_those_of_numpy():
    x = torch.rand(2, 3, 4, 4)
    found = turned(x).numpy().reshape(4, 2, 3, 4, 4)
    for way in range(4):
        assert np.array_equal(found[way], np.rot90(x.numpy(), way, (2, 3)))


def test_pairs_across_a_track_teach_what_changes_over_time():
    """Each second has a light of its own; pairs within one picture cannot know that it is none."""
    pictures = things(count=6, each=8)
    tints = np.random.default_rng(0).uniform(0.1, 1, (48, 3, 1, 1))
    pictures = replace(pictures, pixels=(pictures.pixels * tints).astype(np.uint8))
    found = []
    for across in (0.0, 1.0):
        settings = Settings(epochs=16, rate=1e-2)
        recipe = Recipe(width=4, batch=16, across=across, settings=settings)
        points = learn(pictures, recipe, view=lambda x, _: x).vectors(pictures)
        found.append(purity(points, pictures.track, np.arange(48), 3).mean())
    assert found[1] > found[0] + 0.15, found


def test_what_a_descriptor_takes_for_the_same_is_learnt_as_one():
    """Each thing is two tracks, one lit red and one blue: the tracks alone cannot know of it."""
    pictures = things(count=6, each=8)
    late = np.arange(48) % 8 >= 4
    tints = np.where(late[:, None], [1.0, 0.3, 0.1], [0.1, 0.3, 1.0])[:, :, None, None]
    thing = pictures.track
    pictures = replace(
        pictures,
        pixels=(pictures.pixels * tints).astype(np.uint8),
        track=thing + 6 * late,
        video=pictures.video + 2 * late,
    )
    looks = np.eye(6, dtype=np.float32)[thing]
    found = []
    for descriptor in (None, looks):
        recipe = Recipe(width=4, batch=16, settings=Settings(epochs=16, rate=1e-2))
        learnt = learn(pictures, recipe, descriptor=descriptor, view=lambda x, _: x)
        points = learnt.vectors(pictures)
        found.append(purity(points, thing, pictures.track, 3).mean())
    assert found[1] > found[0] + 0.3, found


def test_rotation_learns_which_way_up():
    slope = np.broadcast_to(np.arange(16) * 15, (48, 3, 16, 16)).swapaxes(2, 3)
    noise = np.random.default_rng(0).integers(0, 15, slope.shape)
    base = things(count=6, each=8)
    pictures = replace(base, pixels=(slope + noise).astype(np.uint8))
    recipe = Recipe("rotation", width=4, batch=32, settings=Settings(epochs=8, rate=1e-2))
    losses = [row["loss"] for row in learn(pictures, recipe).history.rows]
    assert losses[-1] < 0.5 * np.log(4) < losses[0]


@pytest.mark.parametrize("method", ["simclr", "rotation"])
def test_an_interrupted_run_ends_with_the_same_weights(pictures, tmp_path, method):
    recipe = replace(TINY, method=method)
    whole = learn(pictures, recipe).vectors(pictures)

    class KilledError(Exception):
        pass

    def kill(_):
        raise KilledError

    with pytest.raises(KilledError):
        learn(pictures, recipe, folder=tmp_path, progress=kill)
    again = learn(pictures, recipe, folder=tmp_path)
    assert again.history.resumed == 1
    assert (again.vectors(pictures) == whole).all()


def test_a_checkpoint_of_other_pictures_settings_or_width_is_refused(pictures, tmp_path):
    learn(pictures, TINY, folder=tmp_path)
    with pytest.raises(LearnError, match=r"of a run with .*fresh=True"):
        learn(things(seed=1, each=7), TINY, folder=tmp_path)
    with pytest.raises(LearnError, match=r"across 0\.7 \(asked for: 0\.5\)"):
        learn(pictures, replace(TINY, across=0.5), folder=tmp_path)
    with pytest.raises(LearnError, match="holds weights of"):
        learn(pictures, replace(TINY, width=8), folder=tmp_path)
    (tmp_path / CHECKPOINT).write_bytes(b"\x10" * 50)
    with pytest.raises(LearnError, match="is damaged"):
        learn(pictures, TINY, folder=tmp_path)
    torch.save({"a": torch.zeros(1)}, tmp_path / CHECKPOINT)
    with pytest.raises(LearnError, match="is a pickle"):
        learn(pictures, TINY, folder=tmp_path)


def test_three_pictures_are_too_few(pictures):
    with pytest.raises(LearnError, match="3 pictures are too few"):
        learn(pictures.take([0, 1, 2]), TINY)


def test_views_that_are_no_numbers_are_told(pictures):
    with pytest.raises(LearnError, match="the loss became nan in epoch 1, step 1"):
        learn(pictures, TINY, view=lambda x, _: x * float("nan"))


def test_held_out_tracks_are_not_learnt_from_and_choose_the_epoch():
    pictures = things(count=60, each=3, videos=4)
    seen = []

    def view(x, _):
        seen.append(x)
        return x

    learnt = learn(pictures, replace(TINY, batch=64), view=view)
    held = learnt.questions.held_out
    assert len(np.unique(pictures.track[held])) == 6
    shown = {x.numpy().tobytes() for batch in seen for x in batch}
    assert not any(pictures.tensor([row])[0].numpy().tobytes() in shown for row in held.tolist())
    measures = [row["measure"] for row in learnt.history.rows]
    assert learnt.history.best == 1 + int(np.argmax(measures))


def test_of_many_held_out_tracks_others_choose_the_epoch_than_tell_how_good_it_is(monkeypatch):
    pictures = things(count=60, each=3, videos=4)
    every = asked(Known.of(pictures))
    assert every.halves == (every, every)
    monkeypatch.setattr("vquery.learn.pretext.probe.HALVED", 6)
    choosing, telling = every.halves
    assert (len(np.unique(choosing.thing)), len(np.unique(telling.thing))) == (3, 3)
    assert not np.isin(telling.thing, choosing.thing).any()
    assert set(every.queries) == {*choosing.queries, *telling.queries}
    for half in (choosing, telling):
        at = np.searchsorted(every.queries, half.queries)
        assert (every.queries[at] == half.queries).all()
        assert (every.right[at] == half.right).all()
        assert (every.allowed[at] == half.allowed).all()
    probed = []
    monkeypatch.setattr(
        "vquery.learn.pretext.learning.Probe", lambda *a: probed.append(a[2]) or Probe(*a)
    )
    learnt = learn(pictures, replace(TINY, batch=64))
    assert probed[0].queries.tolist() == choosing.queries.tolist()
    assert learnt.questions.queries.tolist() == telling.queries.tolist()
    assert learnt.questions.held_out.tolist() == every.held_out.tolist()


def test_few_tracks_are_all_learnt_from_and_the_last_epoch_is_kept(pictures):
    learnt = learn(pictures, TINY)
    assert len(learnt.questions.held_out) == 0
    assert all("measure" not in row for row in learnt.history.rows)
    assert learnt.history.best == 2


def test_a_probe_never_asks_for_what_is_seen_in_the_same_second():
    known = Known(np.array([0, 0, 0, 1, 1]), np.zeros(5, int), np.array([0, 5, 20, 0, 30]) * 10**5)
    questions = asked(known)
    points = np.eye(2, dtype=np.float32)[[0, 0, 1, 1, 0]]  # the copy half a second on is no answer
    found = retrieval(questions, points[questions.queries], points[questions.candidates])
    assert found["retrieval"] == 0
    good = np.eye(2, dtype=np.float32)[[0, 0, 0, 1, 1]]
    assert retrieval(questions, good[questions.queries], good[questions.candidates]) == {
        "retrieval": 1.0,
        "measure": pytest.approx(1, abs=1e-3),
    }


def test_pictures_all_alone_have_no_probe():
    base = things(count=3, each=4)
    alone = Pictures(base.pixels, base.ids, base.video, np.full(12, -1), base.start_us, base.videos)
    learnt = learn(alone, TINY)
    assert not learnt.questions.any
    assert set(learnt.history.rows[0]) == {"epoch", "loss", "rate", "seconds"}


def test_a_model_is_read_again_with_its_mean(pictures, tmp_path):
    learnt = learn(pictures, TINY)
    tensors = {f"network.{n}": t for n, t in learnt.network.state_dict().items()}
    checkpoints.save(tmp_path / "m.safetensors", learnt.architecture, tensors, {})
    again = replace(learnt, network=checkpoints.load(tmp_path / "m.safetensors").network())
    assert (again.vectors(pictures) == learnt.vectors(pictures)).all()
    assert abs(learnt.vectors(pictures).mean(0)).max() < 0.3
