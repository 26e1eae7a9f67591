"""The training loop: the same weights after an interruption, clear failures, early ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from vquery.errors import LearnError
from vquery.learn.core import checkpoints
from vquery.learn.core.networks import Architecture, build
from vquery.learn.core.training import CHECKPOINT, Settings, schedule, train

TINY = Architecture("layers", {"sizes": [2, 8, 2], "dropout": 0.2})


class Moons:
    """Two classes of points, one above the other, as a task.

    ``spoil`` breaks an epoch; ``wait`` makes it wait in the third one, in seconds.
    """

    def __init__(self, architecture=TINY, spoil=None, measures=None, rows=64, wait=0.0):
        torch.manual_seed(0)
        self.architecture, self.network = architecture, build(architecture)
        rng = np.random.default_rng(0)
        points = rng.normal(size=(rows, 2)).astype(np.float32)
        self.x = torch.from_numpy(points)
        self.y = torch.from_numpy((points[:, 0] * points[:, 1] > 0).astype(np.int64))
        self.spoil, self.measures, self.wait = spoil, measures, wait
        self.probed = 0

    @property
    def steps(self):
        return len(self.x) // 16

    def identity(self):
        return {"points": len(self.x)}

    def batches(self, epoch, rng):
        time.sleep(self.wait if epoch == 3 else 0)
        order = torch.from_numpy(rng.permutation(len(self.x)))
        for at in range(self.steps):
            rows = order[16 * at : 16 * at + 16]
            x = self.x[rows] * (float("nan") if epoch == self.spoil else 1)
            yield x, self.y[rows]

    def loss(self, batch):
        return torch.nn.functional.cross_entropy(self.network(batch[0]), batch[1])

    def probe(self):
        if self.measures is None:
            return {}
        self.probed += 1
        return {"measure": self.measures[self.probed - 1]}


class KilledError(Exception):
    pass


def stop_after(epochs):
    """Give a progress that kills the run when so many epochs are done."""

    def progress(line):
        if line.startswith(f"epoch {epochs} "):
            raise KilledError

    return progress


def weights(task):
    return {name: one.clone() for name, one in task.network.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


SETTINGS = Settings(epochs=6, rate=0.05, seed=3)


def test_training_learns_and_is_the_same_twice():
    first, second = Moons(), Moons()
    history = train(first, SETTINGS, device="cpu")
    train(second, SETTINGS, device="cpu")
    assert same(weights(first), weights(second))
    assert history.rows[-1]["loss"] < history.rows[0]["loss"]
    assert [row["epoch"] for row in history.rows] == [1, 2, 3, 4, 5, 6]
    assert (history.ended, history.best, history.resumed) == ("all epochs", 6, None)
    assert not first.network.training


@pytest.mark.parametrize("epochs", [1, 3, 5])
def test_an_interrupted_run_ends_with_the_same_weights(tmp_path, epochs):
    whole, half, rest = Moons(), Moons(), Moons()
    train(whole, SETTINGS, device="cpu")
    with pytest.raises(KilledError):
        train(half, SETTINGS, device="cpu", folder=tmp_path, progress=stop_after(epochs))
    history = train(rest, SETTINGS, device="cpu", folder=tmp_path)
    assert same(weights(whole), weights(rest))
    assert (history.resumed, len(history.rows)) == (epochs, 6)


def test_a_finished_run_is_taken_as_it_is_and_fresh_starts_anew(tmp_path):
    train(Moons(), SETTINGS, device="cpu", folder=tmp_path)
    again, lines = Moons(), []
    history = train(again, SETTINGS, device="cpu", folder=tmp_path, progress=lines.append)
    assert (lines, history.resumed, history.ended) == ([], 6, "all epochs")
    train(again, SETTINGS, device="cpu", folder=tmp_path, fresh=True, progress=lines.append)
    assert len(lines) == 6


def test_the_best_weights_by_the_measure_are_kept_also_over_an_interruption(tmp_path):
    measures = [0.1, 0.9, 0.3, 0.2, 0.4, 0.5]
    short = Moons()
    train(short, SETTINGS, device="cpu", folder=tmp_path / "a", progress=lambda _line: None)
    best = Moons(measures=measures)
    with pytest.raises(KilledError):
        train(best, SETTINGS, device="cpu", folder=tmp_path / "b", progress=stop_after(2))
    second = weights(best)
    rest = Moons(measures=measures[2:])
    history = train(rest, SETTINGS, device="cpu", folder=tmp_path / "b")
    assert history.best == 2
    assert same(weights(rest), second)


def test_it_stops_when_no_probe_is_better():
    task = Moons(measures=[0.1, 0.9, 0.3, 0.2, 0.4, 0.5])
    history = train(task, replace(SETTINGS, patience=2), device="cpu")
    assert (history.ended, history.best, len(history.rows)) == ("no longer better", 2, 4)


def test_it_stops_when_time_is_over_and_goes_on_with_more(tmp_path):
    short = replace(SETTINGS, minutes=1e-6)
    history = train(Moons(), short, device="cpu", folder=tmp_path)
    assert (history.ended, len(history.rows)) == ("out of time", 1)
    whole, rest = Moons(), Moons()
    train(whole, SETTINGS, device="cpu")
    history = train(rest, SETTINGS, device="cpu", folder=tmp_path)
    assert (history.ended, history.resumed) == ("all epochs", 1)
    assert same(weights(whole), weights(rest))


def test_a_loss_that_is_no_number_is_told_with_its_place_and_the_checkpoint_stays(tmp_path):
    with pytest.raises(LearnError, match=r"loss became nan in epoch 3, step 1: lower rate="):
        train(Moons(spoil=3), SETTINGS, device="cpu", folder=tmp_path)
    assert len(checkpoints.load(tmp_path / CHECKPOINT).told["history"]["rows"]) == 2
    rest = Moons()
    train(rest, SETTINGS, device="cpu", folder=tmp_path)
    assert torch.isfinite(rest.network[0].weight).all()


def test_other_settings_data_or_networks_are_refused(tmp_path):
    train(Moons(), SETTINGS, device="cpu", folder=tmp_path)
    with pytest.raises(LearnError, match=r"run with rate 0.05 \(asked for: 0.1\).*fresh=True"):
        train(Moons(), replace(SETTINGS, rate=0.1), device="cpu", folder=tmp_path)
    with pytest.raises(LearnError, match=r"run with points 64 \(asked for: 80\)"):
        train(Moons(rows=80), SETTINGS, device="cpu", folder=tmp_path)
    other = Architecture("layers", {"sizes": [2, 4, 2], "dropout": 0.2})
    with pytest.raises(LearnError, match=r"holds weights of layers\(.*8.*and layers\(.*4.*asked"):
        train(Moons(other), SETTINGS, device="cpu", folder=tmp_path)


def test_nothing_to_train_on_is_refused():
    with pytest.raises(LearnError, match="not one batch"):
        train(Moons(rows=3), SETTINGS, device="cpu")


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"epochs": 2.5},  # which no epoch is, so that it would never end
        {"epochs": "3"},
        {"patience": 0},
        {"patience": 1.5},
        {"seed": -1},
        {"rate": float("nan")},
        {"rate": "fast"},
        {"minutes": True},
        {"warmup": 1.0},
        {"decay": -1},
    ],
)
def test_settings_that_cannot_be_are_refused(wrong):
    (name,) = wrong
    with pytest.raises(LearnError, match=name):
        Settings(**wrong)


def test_numbers_of_numpy_are_kept_as_json_knows_them(tmp_path):
    given = Settings(epochs=np.int64(1), rate=np.float32(0.5), seed=np.int64(3))
    train(Moons(), given, device="cpu", folder=tmp_path)
    told = checkpoints.load(tmp_path / CHECKPOINT).told["settings"]
    assert (told["epochs"], told["rate"], told["seed"]) == (1, 0.5, 3)


def test_gradients_that_are_no_numbers_never_reach_a_checkpoint(tmp_path):
    class Steep(Moons):
        """Its loss is a number, and the slope of it at the end of an epoch is none."""

        def loss(self, batch):
            x, y = batch
            answers = self.network(x)
            slope = torch.sqrt((answers - answers.detach()).abs().sum())
            return torch.nn.functional.cross_entropy(answers, y) + slope

    with pytest.raises(LearnError, match="the norm of the gradients became nan in epoch 1, step 1"):
        train(Steep(), SETTINGS, device="cpu", folder=tmp_path)
    assert not (tmp_path / CHECKPOINT).exists()


@pytest.mark.parametrize("odd", [{"rows": [{}], "best": 1, "more": 2}, {"best": 1}, 3])
def test_a_checkpoint_whose_notes_are_of_something_else_is_told(tmp_path, odd):
    train(Moons(), SETTINGS, device="cpu", folder=tmp_path)
    saved = checkpoints.load(tmp_path / CHECKPOINT)
    told = {**saved.told, "history": odd}
    checkpoints.save(tmp_path / CHECKPOINT, saved.architecture, saved.tensors, told)
    with pytest.raises(LearnError, match="is damaged: it cannot be taken up"):
        train(Moons(), SETTINGS, device="cpu", folder=tmp_path)


def test_the_schedule_rises_then_falls_to_nothing():
    rates = [schedule(step, 100, Settings(warmup=0.1)) for step in range(1, 101)]
    assert np.argmax(rates) == 9
    assert rates[9] == 1
    assert rates[-1] == pytest.approx(0, abs=1e-12)
    assert all(np.diff(rates[9:]) < 0)


def test_a_run_that_is_killed_for_good_is_completed_to_the_same_weights(tmp_path):
    """`kill -9` in the middle of an epoch; torch in a process of its own."""
    program = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        import torch
        torch.set_num_threads(1)  # as here: the last bits depend on how many there are
        from tests.unit.learn.core.test_training import SETTINGS, Moons, train
        task = Moons(wait=float(sys.argv[2]))
        train(task, SETTINGS, device="cpu", folder=Path(sys.argv[1]), progress=print)
        """
    )
    command = [sys.executable, "-u", "-c", program, str(tmp_path)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    child = subprocess.Popen([*command, "600"], stdout=subprocess.PIPE, text=True, env=env)
    for line in child.stdout:
        if line.startswith("epoch 2 "):
            break
    child.send_signal(signal.SIGKILL)
    child.stdout.close()
    assert child.wait() == -signal.SIGKILL
    whole, rest = Moons(), Moons()
    train(whole, SETTINGS, device="cpu")
    history = train(rest, SETTINGS, device="cpu", folder=tmp_path)
    assert history.resumed in {2, 3}
    assert same(weights(whole), weights(rest))
