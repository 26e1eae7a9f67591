"""Small sets with known classes, which accuracy is measured on. Nothing is downloaded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn import datasets

CLASS_ROWS = 178
"""Rows of the most frequent class of the imbalanced digits; the rarest has a tenth."""


@dataclass(frozen=True)
class Labelled:
    """Unit vectors (n, d), classes (n,), and how labels are drawn and accuracy is counted."""

    name: str
    vectors: np.ndarray
    truth: np.ndarray
    imbalanced: bool = False

    def draw(self, per_class: int, seed: int) -> np.ndarray:
        """Rows to label: so many of each class, or one of each and the rest from all rows."""
        rng = np.random.default_rng(1000 * per_class + seed)
        classes = np.unique(self.truth)
        take = 1 if self.imbalanced else per_class
        rows = np.concatenate(
            [rng.choice(np.flatnonzero(self.truth == c), take, replace=False) for c in classes]
        )
        more = len(classes) * per_class - len(rows)
        others = np.setdiff1d(np.arange(len(self.truth)), rows)
        return np.r_[rows, rng.choice(others, more, replace=False)] if more else rows

    def accuracy(self, found: np.ndarray, rows: np.ndarray) -> float:
        """Share right of the unlabelled rows; the mean over classes for imbalanced ones."""
        rest = np.ones(len(self.truth), bool)
        rest[rows] = False
        right, truth = (found == self.truth)[rest], self.truth[rest]
        if not self.imbalanced:
            return float(right.mean())
        return float(np.mean([right[truth == c].mean() for c in np.unique(truth)]))


def unit(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(length > 0, length, 1)).astype(np.float32)


def standardised(vectors: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and deviation 1, then unit rows: for columns with units of their own."""
    spread = vectors.std(0)
    return unit((vectors - vectors.mean(0)) / np.where(spread > 0, spread, 1))


def digits() -> Labelled:
    vectors, truth = datasets.load_digits(return_X_y=True)
    return Labelled("digits", unit(vectors), truth)


def imbalanced_digits() -> Labelled:
    """``int(178 · 10^(-c/9))`` rows of class c, drawn once."""
    every, rng = digits(), np.random.default_rng(0)
    rows = [
        rng.choice(
            np.flatnonzero(every.truth == c), int(CLASS_ROWS * 10 ** (-c / 9)), replace=False
        )
        for c in range(10)
    ]
    keep = np.concatenate(rows)
    return Labelled("imbalanced digits", every.vectors[keep], every.truth[keep], imbalanced=True)


def others() -> Iterator[Labelled]:
    """Sets of other kinds; those whose file or reader is missing are named and left out."""
    for name in ("iris", "wine", "breast_cancer"):
        vectors, truth = getattr(datasets, f"load_{name}")(return_X_y=True)
        yield Labelled(name.replace("_", " "), standardised(vectors), truth)
    try:
        vectors, truth = datasets.fetch_olivetti_faces(download_if_missing=False, return_X_y=True)
        yield Labelled("olivetti faces", unit(vectors), truth)
    except OSError:
        print("olivetti faces: left out, not on this machine")
    where = os.environ.get("VQUERY_DATA")
    if not where:
        print("mice proteins, spam: left out, VQUERY_DATA does not point to them")
        return
    folder = Path(where) / "embeddings"
    spam = folder / "youtube_spam"
    truth = np.load(spam / "Y_test.npy").ravel() > 0
    yield Labelled("spam", unit(np.load(spam / "embeddings_test.npy")), truth.astype(int))
    try:
        import h5py
    except ImportError:
        print("mice proteins: left out, h5py is not installed (the file is MATLAB 7.3)")
        return
    with h5py.File(folder / "mice_protein" / "data.mat") as file:
        vectors = np.asarray(file["data"], float).T
    with h5py.File(folder / "mice_protein" / "labels.mat") as file:
        truth = np.asarray(file["labels"]).ravel().astype(int)
    yield Labelled("mice proteins", standardised(vectors), truth)
