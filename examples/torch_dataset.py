"""Train on exported crops: a `torch.utils.data.Dataset` over a Parquet export.

Export a collection, then train a small classifier on its crops::

    vquery export news.vq training/ --format parquet
    python examples/torch_dataset.py training/ --epochs 3 --soft

Copy `CropDataset` and `RowGroupSampler` into your own training; they need torch, pyarrow,
numpy and OpenCV, and nothing of vquery.
"""

from __future__ import annotations

import argparse
import json
import os
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
import pyarrow.parquet as pq
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset, Sampler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

COLUMNS = ["image.bytes", "label", "probability"]


class Crop(NamedTuple):
    """One training example; a `DataLoader` makes batches of the same form."""

    image: Tensor
    """float32 ``(3, size, size)``, RGB in [0, 1]."""
    label: int
    """Number into ``classes``."""
    weight: float
    """How much it counts: its probability with ``soft``, else 1."""


class CropDataset(Dataset[Crop]):
    """The crops of one split, read from disk a row group at a time.

    Parameters
    ----------
    path
        ``train.parquet``, ``val.parquet`` or ``test.parquet`` of an export.
    size
        Crops are scaled to this many pixels in both directions.
    soft
        Weigh each label by its probability, so that doubtful labels teach less; human labels
        have probability 1. Otherwise every label counts the same.
    transform
        Applied to the image, for augmentation.
    cached
        Row groups kept in memory, some 500 crops each. `RowGroupSampler` jumps about among that
        many; with plain shuffling nearly every row needs another one, which is slow.

    Notes
    -----
    The file is opened anew in every worker of a `DataLoader`. Splits are made of whole videos:
    a good result on val does not come from frames that are neighbours of those in train.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        size: int = 64,
        soft: bool = False,
        transform: Callable[[Tensor], Tensor] | None = None,
        cached: int = 8,
    ) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise FileNotFoundError(
                f"{self.path}: no such file; export with --format parquet first"
            )
        self.size, self.soft, self.transform, self.cached = size, soft, transform, cached
        about = pq.read_metadata(self.path)
        features = json.loads(about.metadata[b"huggingface"])["info"]["features"]
        self.classes: list[str] = features["label"]["names"]
        rows = [about.row_group(i).num_rows for i in range(about.num_row_groups)]
        self.starts = np.cumsum([0, *rows])
        """First row of each row group, and the number of rows at the end."""
        self._forget()

    def _forget(self) -> None:
        self._file: pq.ParquetFile | None = None
        self._process = 0
        self._groups: OrderedDict[int, tuple[list[bytes], list[int], list[float]]] = OrderedDict()

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_file": None, "_process": 0, "_groups": OrderedDict()}

    def __len__(self) -> int:
        return int(self.starts[-1])

    def __getitem__(self, row: int) -> Crop:
        if not 0 <= row < len(self):
            raise IndexError(f"row must be from 0 to {len(self) - 1}, got {row}")
        number = int(np.searchsorted(self.starts, row, side="right")) - 1
        jpegs, labels, probabilities = self._group(number)
        at = row - int(self.starts[number])
        image = decode(jpegs[at], self.size)
        if self.transform is not None:
            image = self.transform(image)
        return Crop(image, labels[at], probabilities[at] if self.soft else 1.0)

    def _group(self, number: int) -> tuple[list[bytes], list[int], list[float]]:
        if self._file is None or self._process != os.getpid():
            self._forget()  # a worker must not share the parent's open file
            self._file, self._process = pq.ParquetFile(self.path), os.getpid()
        if number not in self._groups:
            rows = self._file.read_row_group(number, columns=COLUMNS, use_threads=False)
            jpegs = [image["bytes"] for image in rows["image"].to_pylist()]
            # a label without a probability was given by hand
            weights = [1.0 if one is None else one for one in rows["probability"].to_pylist()]
            self._groups[number] = jpegs, rows["label"].to_pylist(), weights
            if len(self._groups) > self.cached:
                self._groups.popitem(last=False)
        self._groups.move_to_end(number)
        return self._groups[number]


def decode(jpeg: bytes, size: int) -> Tensor:
    """Decode a JPEG to RGB in [0, 1], float32 ``(3, size, size)``."""
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"a crop of {len(jpeg)} bytes is not a picture; export again")
    shrinks = max(image.shape[:2]) > size
    scaled = cv2.resize(
        image, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )
    rgb = np.ascontiguousarray(scaled[:, :, ::-1].transpose(2, 0, 1))
    return torch.from_numpy(rgb).float() / 255


class RowGroupSampler(Sampler[int]):
    """Shuffle the row groups, and the rows of as many as the data set keeps in memory.

    Every row group is read once an epoch, and a batch has crops from several of them.
    """

    def __init__(self, dataset: CropDataset, *, seed: int = 0) -> None:
        self.starts, self.together = dataset.starts, dataset.cached
        self.generator = np.random.default_rng(seed)

    def __len__(self) -> int:
        return int(self.starts[-1])

    def __iter__(self) -> Iterator[int]:
        groups = self.generator.permutation(len(self.starts) - 1)
        for first in range(0, len(groups), self.together):
            some = groups[first : first + self.together]
            rows = np.concatenate([np.arange(*self.starts[one : one + 2]) for one in some])
            yield from self.generator.permutation(rows).tolist()


def small_network(classes: int) -> nn.Module:
    """Return a classifier of 3 convolutions: an example, not a recommendation."""

    def block(inputs: int, outputs: int) -> list[nn.Module]:
        convolution = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False)
        return [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]

    return nn.Sequential(
        *block(3, 16),
        *block(16, 32),
        *block(32, 64),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, classes),
    )


def train_one_epoch(
    network: nn.Module, batches: DataLoader[Crop], optimiser: torch.optim.Optimizer
) -> float:
    """Return the mean loss; every example counts by its weight."""
    network.train()
    total = weights = 0.0
    for images, labels, weight in batches:
        loss = functional.cross_entropy(network(images), labels, reduction="none")
        weight = weight.float()
        mean = (loss * weight).sum() / weight.sum().clamp(min=1e-9)
        optimiser.zero_grad()
        mean.backward()
        optimiser.step()
        total += float((loss.detach() * weight).sum())
        weights += float(weight.sum())
    return total / max(weights, 1e-9)


@torch.no_grad()
def accuracy(network: nn.Module, batches: DataLoader[Crop]) -> float:
    """Return the share of crops whose most probable class is their label."""
    network.eval()
    right = total = 0
    for images, labels, _ in batches:
        right += int((network(images).argmax(dim=1) == labels).sum())
        total += len(labels)
    return right / total


def main(arguments: Sequence[str] | None = None) -> None:
    """Train on ``train.parquet`` of a folder and test on ``val.parquet``, if there is one."""
    parser = argparse.ArgumentParser(description="Train a small classifier on exported crops.")
    parser.add_argument("folder", type=Path, help="a folder exported with --format parquet")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--size", type=int, default=64, help="pixels a side")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--soft", action="store_true", help="weigh labels by their probability")
    parser.add_argument("--workers", type=int, default=0, help="processes that decode")
    options = parser.parse_args(arguments)

    torch.manual_seed(0)
    train = CropDataset(options.folder / "train.parquet", size=options.size, soft=options.soft)
    loading = {"batch_size": options.batch, "num_workers": options.workers}
    batches = DataLoader(train, sampler=RowGroupSampler(train), **loading)
    network = small_network(len(train.classes))
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    print(f"{len(train):,} crops of {len(train.classes)} classes: {', '.join(train.classes)}")
    for epoch in range(1, options.epochs + 1):
        print(f"epoch {epoch}: loss {train_one_epoch(network, batches, optimiser):.3f}")
    held_out = options.folder / "val.parquet"
    if held_out.exists():
        test = CropDataset(held_out, size=options.size)
        share = accuracy(network, DataLoader(test, **loading))
        print(f"accuracy on {len(test):,} crops of videos held out: {share:.1%}")
    else:
        print("no val.parquet: a single video cannot be split, so nothing is held out")


if __name__ == "__main__":
    main()
