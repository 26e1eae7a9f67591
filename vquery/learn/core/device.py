"""Where tensors live, how exactly they are computed, and the seeds of all that is random."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch

from vquery.errors import LearnError


def pick(device: str | torch.device | None = None) -> torch.device:
    """Return the device to compute on: the one asked for, else a GPU if there is one.

    Raises
    ------
    LearnError
        If there is no such device here.

    >>> pick("cpu")
    device(type='cpu')
    >>> pick("abacus")
    Traceback (most recent call last):
    vquery.errors.LearnError: device='abacus': PyTorch knows no such device; try 'cpu' or 'cuda'
    """
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    unknown = f"device={str(device)!r}: PyTorch knows no such device; try 'cpu' or 'cuda'"
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError):
        raise LearnError(unknown) from None
    if found.type == "meta":  # which keeps no numbers
        raise LearnError(unknown)
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        there = torch.cuda.device_count() or "no"
        raise LearnError(
            f"device={str(device)!r}: PyTorch {torch.__version__} sees {there} GPU here"
        )
    return found


def mixed(device: torch.device) -> AbstractContextManager[object]:
    """Compute in bfloat16 where that is fast and safe: on a GPU; elsewhere change nothing.

    bfloat16 has the range of float32, so that losses need no scaling.
    """
    if device.type == "cuda":
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return nullcontext()


def seed_torch(*numbers: int) -> None:
    """Seed PyTorch, on all devices, by several numbers: as `numpy.random.default_rng` takes them.

    >>> seed_torch(3, 1)
    >>> first = float(torch.rand(1))
    >>> seed_torch(3, 1)
    >>> first == float(torch.rand(1))
    True
    """
    state = np.random.SeedSequence(list(numbers)).generate_state(1, np.uint64)[0]
    torch.manual_seed(int(state >> np.uint64(1)))
