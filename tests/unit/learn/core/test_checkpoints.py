"""Weights on disk: what is damaged, of another network, or hostile is refused with a reason."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from vquery.errors import LearnError
from vquery.learn.core import checkpoints
from vquery.learn.core.networks import Architecture, build

TINY = Architecture("small_resnet", {"width": 4})


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.fixture
def kept(tmp_path):
    network = build(TINY)
    tensors = {f"network.{name}": one for name, one in network.state_dict().items()}
    checkpoints.save(tmp_path / "a.safetensors", TINY, tensors, {"classes": ["Ann"]})
    return tmp_path / "a.safetensors", network.eval()


def test_what_is_saved_comes_back(kept):
    path, network = kept
    saved = checkpoints.load(path, TINY)
    picture = torch.rand(2, 3, 64, 64)
    assert torch.equal(saved.network()(picture), network(picture))
    assert saved.told == {"classes": ["Ann"]}
    assert [one.name for one in path.parent.iterdir()] == ["a.safetensors"]


def test_weights_of_another_network_are_refused(kept):
    path, network = kept
    with pytest.raises(LearnError, match=r"holds weights of small_resnet\(width=4\), and .*=8"):
        checkpoints.load(path, Architecture("small_resnet", {"width": 8}))
    wide = build(Architecture("small_resnet", {"width": 8}))
    with pytest.raises(LearnError, match=r"another network: \d+ of another shape, such as 'stem"):
        checkpoints.put(wide, network.state_dict(), what="a")
    with pytest.raises(LearnError, match=r"missing, such as 'stem.*unknown, such as 'x'"):
        checkpoints.put(wide, {"x": torch.zeros(1)}, what="a")


@pytest.mark.parametrize("keep", [0, 3, 100, 5000])
def test_a_damaged_file_is_refused(kept, keep):
    path, _ = kept
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(LearnError, match=r"a\.safetensors: is damaged or no safetensors"):
        checkpoints.load(path)


def test_a_missing_file_and_other_safetensors_are_told_apart(tmp_path):
    with pytest.raises(LearnError, match="cannot be read: No such file"):
        checkpoints.load(tmp_path / "none")
    save_file({"x": torch.zeros(1)}, tmp_path / "b.safetensors")
    with pytest.raises(LearnError, match="no checkpoint of vquery"):
        checkpoints.load(tmp_path / "b.safetensors")


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_pickle_is_never_run(tmp_path, protocol):
    path, harm = tmp_path / "weights.pt", tmp_path / "harm"
    path.write_bytes(pickle.dumps({"state_dict": Bomb(harm)}, protocol))
    with pytest.raises(LearnError, match="is a pickle, which could run anything"):
        checkpoints.load(path)
    with pytest.raises(LearnError, match="only tensors are read"):
        checkpoints.foreign(path)
    torch.save({"x": torch.zeros(1), "bomb": Bomb(harm)}, path)
    with pytest.raises(LearnError, match="only tensors are read"):
        checkpoints.foreign(path)
    assert not harm.exists()


@pytest.mark.parametrize("under", [None, "state_dict", "model"])
def test_weights_of_a_user_are_taken_as_torch_writes_them(tmp_path, under):
    network, path = build(TINY), tmp_path / "own.pt"
    state = {f"module.{name}": one for name, one in network.state_dict().items()}
    torch.save(state if under is None else {under: state, "epoch": 3}, path)
    other = build(TINY)
    checkpoints.put(other, checkpoints.foreign(path), what=str(path))
    assert torch.equal(other.stem[0].weight, network.stem[0].weight)
    save_file(network.state_dict(), path.with_suffix(".safetensors"))
    assert (
        checkpoints.foreign(path.with_suffix(".safetensors")).keys() == network.state_dict().keys()
    )


def test_what_is_no_state_dict_is_refused(tmp_path):
    torch.save([torch.zeros(1)], tmp_path / "list.pt")
    with pytest.raises(LearnError, match="holds no state dict"):
        checkpoints.foreign(tmp_path / "list.pt")
    torch.save({"x": 3}, tmp_path / "three.pt")
    with pytest.raises(LearnError, match="'x' is no tensor"):
        checkpoints.foreign(tmp_path / "three.pt")


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LearnError, match="cannot be written"):
        checkpoints.save(tmp_path / "file" / "a", TINY, {}, {})


def test_any_length_of_the_header_is_read(tmp_path):
    """A length that ends with the byte 0x80 looks like the beginning of a pickle."""
    lengths = set()
    for size in range(0, 300, 8):  # lengths are multiples of 8
        path = tmp_path / "one.safetensors"
        checkpoints.save(path, Architecture("layers", {}), {"a": torch.zeros(1)}, {"x": "y" * size})
        lengths.add(path.read_bytes()[0])
        checkpoints.load(path)
        checkpoints.foreign(path)
    assert 0x80 in lengths


HOSTILE = {
    "deep": "[" * 100_000,
    "no backbone": '{"kind": "pretext", "values": {}}',
    "an empty one": '{"kind": "pretext", "values": {"backbone": {}, "sizes": [4, 2]}}',
    "huge": '{"kind": "small_resnet", "values": {"width": 100000}}',
    "high": '{"kind": "small_resnet", "values": {"width": 1, "blocks": [1000000000]}}',
    "nested": '{"kind": "pretext", "values": {"backbone": {"kind": "pretext", "values": {}}}}',
}


@pytest.mark.parametrize("architecture", HOSTILE.values(), ids=HOSTILE)
def test_a_description_by_a_stranger_takes_no_memory(tmp_path, architecture, monkeypatch):
    notes = {"vquery": "1", "architecture": architecture, "told": "{}"}
    save_file({"network.x": torch.zeros(1)}, tmp_path / "a.safetensors", notes)
    made = []
    start = torch.nn.Conv2d.__init__

    def counted(self, *args, **more):
        start(self, *args, **more)
        made.append(self.weight)

    monkeypatch.setattr(torch.nn.Conv2d, "__init__", counted)
    with pytest.raises(LearnError):
        checkpoints.load(tmp_path / "a.safetensors").network()
    assert all(one.is_meta for one in made)


def test_notes_that_are_nested_for_ever_are_told(tmp_path):
    notes = {"vquery": "1", "architecture": TINY.written(), "told": "[" * 100_000}
    save_file({"x": torch.zeros(1)}, tmp_path / "a.safetensors", notes)
    with pytest.raises(LearnError, match="its notes cannot be read"):
        checkpoints.load(tmp_path / "a.safetensors")


@pytest.mark.parametrize("zipped", [True, False])
def test_whatever_is_wrong_with_a_pickle_is_told(tmp_path, zipped):
    path = tmp_path / "a.pt"
    torch.save(build(TINY).state_dict(), path, _use_new_zipfile_serialization=zipped)
    content, rng = path.read_bytes(), np.random.default_rng(0)
    refused = 0
    for _ in range(60):
        changed = np.frombuffer(content, np.uint8).copy()
        changed[rng.integers(4, 3000, 5)] = rng.integers(0, 256, 5)
        path.write_bytes(changed.tobytes())
        try:
            checkpoints.foreign(path)
        except LearnError:
            refused += 1
    assert refused > 10


def test_a_whole_model_is_refused_and_the_way_out_is_told(tmp_path):
    torch.save(build(TINY), tmp_path / "a.pt")
    with pytest.raises(LearnError) as told:
        checkpoints.foreign(tmp_path / "a.pt")
    assert "it holds vquery.learn.core.networks.SmallResNet. Give a state dict" in str(told.value)
    assert "\x1b" not in str(told.value)


def test_tensors_that_no_network_takes_are_told():
    network = build(TINY)
    sparse = {n: t.to_sparse() if t.ndim > 1 else t for n, t in network.state_dict().items()}
    with pytest.raises(LearnError, match="a: the weights cannot be taken"):
        checkpoints.put(network, sparse, what="a")
