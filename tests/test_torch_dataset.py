"""The data set of examples/torch_dataset.py over a small Parquet export."""

import importlib
import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch.utils.data import DataLoader

import vquery.export.parquet
from vquery.export.items import ITEM, Labelled
from vquery.export.write import write_export
from vquery.media.pictures import encode_jpeg
from vquery.schema import BOX

EXAMPLES = Path(__file__).parents[1] / "examples"
ROW_GROUP = 8
COLOURS = {"green": (0, 200, 0), "red": (0, 0, 200)}  # BGR


@pytest.fixture(scope="module")
def example():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # such small work is only slowed down by threads
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLES)  # worker processes look it up by name
        yield importlib.import_module("torch_dataset")
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Sixty crops of two colours from three videos; every third label is a person's."""
    noise = np.random.default_rng(0)
    items, crops = [], {}
    for number in range(60):
        label = ("green", "red")[number % 2]
        picture = np.full((24, 20, 3), COLOURS[label]) + noise.integers(-40, 40, (24, 20, 3))
        crops[number + 1] = encode_jpeg(picture.clip(0, 255).astype(np.uint8))
        human = number % 3 == 0
        items.append(
            {
                "detection_id": number + 1,
                "video": f"{number % 3}.mp4" if number < 45 else "0.mp4",
                "start_us": number * 1000,
                "end_us": number * 1000 + 1000,
                **dict(zip(BOX, (0.1, 0.1, 0.5, 0.5), strict=True)),
                "frame": number,
                "label": label,
                "probability": None if human else 0.75,
                "label_source": "human" if human else "propagated",
            }
        )
    video = {"kind": "video", "width": 100, "height": 100, "uri": "", "sha256": ""}
    labelled = Labelled(
        concept="colour",
        items=pa.Table.from_pylist(items, schema=ITEM),
        videos={f"{i}.mp4": {"video": f"{i}.mp4", **video} for i in range(3)},
        unlabelled=pa.table(
            {"video": pa.array([], pa.string()), "frame": pa.array([], pa.int64())}
        ),
        crop=crops.get,
    )
    folder = tmp_path_factory.mktemp("exported") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vquery.export.parquet, "ROW_GROUP", ROW_GROUP)
        write_export(labelled, folder, format="parquet", split=(0.75, 0.25, 0))
    return folder


@pytest.fixture
def crops(example, exported):
    return example.CropDataset(exported / "train.parquet", size=16)


def test_items_are_pictures_labels_and_weights(crops):
    assert len(crops) == 45
    assert crops.classes == ["green", "red"]
    for row in (0, ROW_GROUP - 1, ROW_GROUP, len(crops) - 1):
        image, label, weight = crops[row]
        assert image.shape == (3, 16, 16)
        assert image.dtype == torch.float32
        assert 0 <= image.min() <= image.max() <= 1
        red, green, _ = image.mean(dim=(1, 2))
        assert label == (0 if green > red else 1), "the picture is that of its label, in RGB"
        assert weight == 1


def test_soft_labels_weigh_what_they_are_worth(example, exported):
    soft = example.CropDataset(exported / "train.parquet", soft=True)
    weights = [soft[row].weight for row in range(len(soft))]
    assert set(weights) == {0.75, 1.0}
    assert weights.count(1.0) == 20, "those of a person count in full"


def test_only_the_row_groups_asked_for_are_read(crops, example, monkeypatch):
    read = []
    real = example.pq.ParquetFile.read_row_group

    def reading(self, number, **options):
        read.append(number)
        return real(self, number, **options)

    monkeypatch.setattr(example.pq.ParquetFile, "read_row_group", reading)
    crops[0], crops[5], crops[ROW_GROUP]
    assert read == [0, 1]
    crops.cached = 2
    crops[0], crops[3 * ROW_GROUP], crops[0], crops[ROW_GROUP]
    assert read == [0, 1, 3, 1], "the one not used for longest is dropped"


def test_the_sampler_takes_every_row_once_and_reads_every_group_once(example, crops, monkeypatch):
    read = []
    real = crops._group
    crops.cached = 2
    sampler = example.RowGroupSampler(crops, seed=1)
    monkeypatch.setattr(
        crops, "_group", lambda n: (n in crops._groups or read.append(n), real(n))[1]
    )
    first, second = list(sampler), list(sampler)
    assert sorted(first) == sorted(second) == list(range(len(crops)))
    assert len(sampler) == len(crops)
    assert first != second, "another order in every epoch"
    for row in first:
        crops[row]
    assert sorted(read) == list(range(-(-len(crops) // ROW_GROUP)))


def test_a_transform_is_applied(example, exported):
    flipped = example.CropDataset(
        exported / "train.parquet", size=8, transform=lambda image: image.flip(2)
    )
    plain = example.CropDataset(exported / "train.parquet", size=8)
    assert torch.equal(flipped[3].image, plain[3].image.flip(2))


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_give_the_same_batches(example, crops, start):
    assert crops[0]  # the parent's file is open by now
    kinds = {"num_workers": 1, "multiprocessing_context": start}
    plain, parallel = (list(DataLoader(crops, batch_size=16, **kind)) for kind in ({}, kinds))
    assert len(plain) == len(parallel) == 3
    for one, other in zip(plain, parallel, strict=True):
        assert torch.equal(one.image, other.image)
        assert torch.equal(one.label, other.label)


def test_it_can_be_pickled_while_it_is_open(crops):
    assert crops[7].label == pickle.loads(pickle.dumps(crops))[7].label


def test_what_is_not_there_is_said(example, exported, crops):
    with pytest.raises(FileNotFoundError, match="export with --format parquet first"):
        example.CropDataset(exported / "test.parquet")
    with pytest.raises(IndexError, match="from 0 to 44"):
        crops[45]
    with pytest.raises(ValueError, match="not a picture"):
        example.decode(b"nothing", 8)


def test_one_command_trains_and_tests(example, exported, capsys):
    example.main([str(exported), "--epochs", "8", "--size", "16", "--batch", "8", "--soft"])
    told = capsys.readouterr().out
    assert "45 crops of 2 classes: green, red" in told
    assert "epoch 8: loss 0." in told
    assert "accuracy on 15 crops of videos held out: 100.0%" in told


def test_without_a_second_video_nothing_is_held_out(example, exported, tmp_path, capsys):
    (tmp_path / "train.parquet").write_bytes((exported / "train.parquet").read_bytes())
    example.main([str(tmp_path), "--size", "16"])
    assert "nothing is held out" in capsys.readouterr().out
