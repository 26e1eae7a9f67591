"""Uncertainty-based sampling: it keeps what the model loses most on, of each item."""

import pytest
import torch

from vquery.errors import LearnError
from vquery.learn import augment as au


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def batch(n=6, k=3):
    return torch.rand(n, 3, 12, 12, generator=seeded(4)), torch.eye(k)[torch.arange(n) % k]


def test_what_is_kept_is_of_the_highest_loss_of_its_item():
    x, y = batch()
    seen = []

    def losses(pictures, labels):
        seen.append((pictures, labels))
        return pictures.mean((1, 2, 3))

    found = au.Uncertain(length=2, tries=5, keep=2)(x, y, losses, seeded(1))
    tried = seen[0][0].view(6, 5, 3, 12, 12)
    highest = tried.mean((2, 3, 4)).topk(2, 1)
    assert torch.equal(found.loss, highest.values.flatten())
    wanted = tried.gather(1, highest.indices[..., None, None, None].expand(-1, -1, 3, 12, 12))
    assert torch.equal(found.pictures, wanted.flatten(0, 1))
    assert found.item.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert torch.equal(found.labels, y[found.item])
    again = au.Uncertain(length=2, tries=5, keep=2)(x, y, losses, seeded(1))
    assert torch.equal(found.pictures, again.pictures)


def test_labels_are_mixed_with_their_pictures():
    y = torch.eye(3).repeat(4, 1)
    x = y[:, :, None, None].expand(-1, 3, 4, 4).contiguous()
    tf = au.Uncertain([au.Mixup(1.0)], length=1, tries=4)
    found = tf(x, y, lambda _, y: -(y * y.log().nan_to_num()).sum(1), seeded(2))
    torch.testing.assert_close(found.pictures[:, :, 0, 0], found.labels)
    assert (found.labels.amax(1) < 1).any()


def test_the_network_is_asked_as_in_use_and_stays_in_training():
    network = torch.nn.Sequential(
        torch.nn.Flatten(),
        torch.nn.BatchNorm1d(432),
        torch.nn.Dropout(0.5),
        torch.nn.Linear(432, 3),
    )
    kept = {name: one.clone() for name, one in network.state_dict().items()}
    x, y = batch()
    network.train()
    losses = au.losses_of(network)
    assert torch.equal(losses(x, y), losses(x, y))
    assert network.training
    assert all(torch.equal(one, kept[name]) for name, one in network.state_dict().items())
    found = au.Uncertain(tries=3)(x, y, losses, seeded())
    assert not found.pictures.requires_grad
    assert not found.loss.requires_grad


def test_a_loss_that_is_no_number_is_never_the_highest():
    x, y = batch(1)
    found = au.Uncertain(tries=2)(x, y, lambda *_: torch.tensor([torch.nan, 0.5]), seeded())
    assert found.loss.tolist() == [0.5]


def test_what_cannot_be_is_said():
    x, y = batch()
    with pytest.raises(LearnError, match="one for each picture"):
        au.Uncertain()(x, y, lambda x, _: x.mean(), seeded())
    with pytest.raises(LearnError, match="length must be at least 1"):
        au.Uncertain(length=0)
    with pytest.raises(LearnError, match="float"):
        au.Uncertain()(x.byte(), y, lambda x, _: x.mean((1, 2, 3)), seeded())
