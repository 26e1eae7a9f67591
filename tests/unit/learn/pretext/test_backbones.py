"""Weights of the user's own: what fits is taken, what does not is told."""

from __future__ import annotations

import pickle
import sys

import pytest
import torch
from safetensors.torch import save_file

from vquery.errors import LearnError, MissingDependencyError
from vquery.learn.core.networks import Architecture, SmallResNet, build
from vquery.learn.pretext.backbones import dimension_of, start

SMALL = {"width": 4, "blocks": [1, 1, 1, 1]}


def test_a_state_dict_says_how_wide_and_deep_its_network_is(tmp_path):
    torch.manual_seed(0)
    mine = SmallResNet(8, (1, 2, 1)).eval()
    save_file(mine.state_dict(), tmp_path / "mine.safetensors")
    torch.save({"state_dict": mine.state_dict()}, tmp_path / "mine.pt")
    x = torch.rand(2, 3, 32, 32)
    for name in ("mine.safetensors", "mine.pt"):
        found, architecture = start(None, tmp_path / name, SMALL)
        assert architecture.values == {"width": 8, "blocks": [1, 2, 1], "channels": 3}
        assert (found.eval()(x) == mine(x)).all()


def test_weights_of_something_else_are_told(tmp_path):
    save_file({"conv1.weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(LearnError, match=r"no weights of the residual network .*'conv1.weight'"):
        start(None, tmp_path / "other.safetensors", SMALL)
    with pytest.raises(LearnError, match="of another network"):
        start(torch.nn.Linear(2, 2), tmp_path / "other.safetensors", SMALL)


class Hostile:
    def __reduce__(self):
        return (print, ("this must not run",))


def test_a_hostile_pickle_is_refused(tmp_path, capsys):
    (tmp_path / "bad.pt").write_bytes(pickle.dumps({"stem": Hostile()}))
    with pytest.raises(LearnError, match="only tensors are read from a pickle"):
        start(None, tmp_path / "bad.pt", SMALL)
    assert capsys.readouterr().out == ""


def test_pictures_are_brought_to_the_size_and_range_of_a_module():
    seen = []

    class Inner(torch.nn.Module):
        def forward(self, x):
            seen.append(x)
            return x[:, :2]

    network, architecture = start(
        Inner(), None, SMALL, size=8, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25)
    )
    assert network(torch.ones(2, 3, 32, 32)).shape == (2, 2)
    assert seen[0].shape == (2, 3, 8, 8)
    assert torch.allclose(seen[0], torch.tensor(2.0))
    with pytest.raises(LearnError, match="Inner is the user's own: give it again"):
        build(architecture)


def test_what_is_no_backbone_is_told():
    with pytest.raises(LearnError, match=r"Flatten gives \(1, 3, 4\)"):
        dimension_of(start(torch.nn.Flatten(2), None, SMALL)[0], 2)
    with pytest.raises(LearnError, match="cannot take pictures"):
        dimension_of(start(torch.nn.Linear(7, 2), None, SMALL)[0], 16)


def test_libraries_are_asked_for_by_name():
    with pytest.raises(LearnError, match="'timm:NAME' or 'open_clip:NAME', got 'resnet18'"):
        start("resnet18", None, SMALL)
    with pytest.raises(MissingDependencyError, match="pip install timm"):
        build(Architecture("named", {"name": "timm:resnet18"}))


@pytest.mark.parametrize("name", ["timm:hf-hub:some/one", "timm:local-dir:/x", "open_clip:a/b"])
def test_nothing_is_fetched_from_an_address(name, monkeypatch):
    """Both libraries would take it for one, also where pretrained weights are not wanted."""
    monkeypatch.setitem(sys.modules, name.partition(":")[0], None)
    with pytest.raises(LearnError, match="a network by name is"):
        build(Architecture("named", {"name": name}))


def test_the_user_s_own_network_stays_as_it_is(tmp_path):
    mine = torch.nn.Linear(2, 2)
    save_file({n: t + 1 for n, t in mine.state_dict().items()}, tmp_path / "more.safetensors")
    before = mine.weight.detach().clone()
    found, _ = start(mine, tmp_path / "more.safetensors", SMALL)
    assert (found.inner.weight == before + 1).all()
    assert (mine.weight == before).all()


class Fixed(torch.nn.Module):
    def forward(self, x):
        assert x.shape[-1] == 224, "224 pixels"
        return x.flatten(1)


@pytest.mark.parametrize(
    ("module", "how", "message"),
    [
        (None, {"size": 8}, "are of a network of your own"),
        (torch.nn.Flatten(), {"std": (0.0, 1.0, 1.0)}, "std= takes three numbers other than 0"),
        (torch.nn.Flatten(), {"mean": ("a", 0, 0)}, "mean= takes three numbers"),
        (torch.nn.Flatten(), {"size": 2.5}, "size must be a whole number"),
        (3, {}, "a network is a torch.nn.Module, .* got int"),
        (Fixed(), {}, "(?s)224 pixels.*; give size="),
    ],
)
def test_options_that_cannot_be_are_told(module, how, message):
    with pytest.raises(LearnError, match=message):
        dimension_of(start(module, None, SMALL, **how)[0], 16)
