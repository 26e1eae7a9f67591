"""Weights on disk: safetensors with what they are of, written whole or not at all.

A checkpoint is read without running anything that is in it. Files of PyTorch, which are pickles,
are taken for a user's own weights only, with ``weights_only``, which builds tensors and nothing
else (https://docs.pytorch.org/docs/stable/generated/torch.load.html).
"""

from __future__ import annotations

import json
import os
import re
import secrets
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes

from vquery.errors import LearnError
from vquery.learn.core.networks import Architecture, build

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import nn

FORMAT = 1
PICKLES = (b"PK\x03\x04", b"\x80")
"""How a file of ``torch.save`` begins, the present one and that before PyTorch 1.6."""
HEADER_AT = 8
"""Safetensors begin with the length of their header, of which any byte may be any, and the header
with a brace (https://github.com/huggingface/safetensors#format)."""
NETWORK = "network."


@dataclass(frozen=True)
class Saved:
    """A checkpoint: what its network is, all its tensors by name, and what else was noted."""

    path: Path
    architecture: Architecture
    tensors: Mapping[str, torch.Tensor]
    told: Mapping[str, Any]

    def part(self, prefix: str) -> dict[str, torch.Tensor]:
        """Return the tensors whose names begin with a prefix, without it."""
        return {n.removeprefix(prefix): t for n, t in self.tensors.items() if n.startswith(prefix)}

    def network(self, prefix: str = NETWORK) -> nn.Module:
        """Build the network with its weights, ready to be applied."""
        return fitted(self.architecture, self.part(prefix), what=str(self.path)).eval()


def save(
    path: Path,
    architecture: Architecture,
    tensors: Mapping[str, torch.Tensor],
    told: Mapping[str, Any],
) -> None:
    """Write a checkpoint; what was there is replaced once the new one is whole.

    Raises
    ------
    LearnError
        If it cannot be written.
    """
    metadata = {
        "vquery": str(FORMAT),
        "architecture": architecture.written(),
        "told": json.dumps(told, sort_keys=True),
    }
    plain = {name: one.detach().cpu().contiguous() for name, one in tensors.items()}
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    content = to_bytes(plain, metadata)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with unfinished.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise LearnError(f"{path}: cannot be written: {error.strerror or error}") from error


def load(path: Path, expected: Architecture | None = None) -> Saved:
    """Read a checkpoint.

    Parameters
    ----------
    expected
        The network that the weights are wanted for.

    Raises
    ------
    LearnError
        If there is no such file, it is damaged or something else, such as a pickle, or its weights
        are of another network.
    """
    tensors, metadata = _tensors(path)
    if metadata.get("vquery") != str(FORMAT):
        raise LearnError(
            f"{path}: safetensors, but no checkpoint of vquery (of format {FORMAT}); weights of "
            "your own network are given as weights="
        )
    architecture = Architecture.read(metadata.get("architecture", ""))
    if expected is not None and expected != architecture:
        raise LearnError(
            f"{path}: holds weights of {architecture}, and {expected} is asked for; give another "
            "path, or train anew"
        )
    try:
        told = dict(json.loads(metadata["told"]))
    except (KeyError, ValueError, TypeError, RecursionError) as error:
        raise LearnError(f"{path}: is damaged: its notes cannot be read") from error
    return Saved(path, architecture, tensors, told)


def _is_pickle(start: bytes) -> bool:
    r"""Tell a pickle by the first bytes of a file.

    >>> _is_pickle(b"\x80\x02\x8a\x0alfc\x9cF\xf9")
    True
    >>> _is_pickle((0x280).to_bytes(8, "little") + b"{")
    False
    """
    return start.startswith(PICKLES) and start[HEADER_AT : HEADER_AT + 1] != b"{"


def _tensors(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    try:
        with path.open("rb") as file:
            start = file.read(HEADER_AT + 1)
    except OSError as error:
        raise LearnError(f"{path}: cannot be read: {error.strerror or error}") from error
    if _is_pickle(start):
        raise LearnError(
            f"{path}: is a pickle, which could run anything; checkpoints are safetensors. Weights "
            "of your own network are given as weights=, and are loaded as tensors only"
        )
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118 - no dict
    except (SafetensorError, OSError, ValueError) as error:
        raise LearnError(
            f"{path}: is damaged or no safetensors file ({error}); delete it, or give another"
        ) from error


def foreign(path: Path) -> dict[str, torch.Tensor]:
    """Read a user's weights: safetensors, or what ``torch.save`` wrote of a state dict.

    Raises
    ------
    LearnError
        If it cannot be read, or holds anything but tensors.
    """
    try:
        with path.open("rb") as file:
            pickled = _is_pickle(file.read(HEADER_AT + 1))
    except OSError as error:
        raise LearnError(f"{path}: cannot be read: {error.strerror or error}") from error
    if not pickled:
        return _tensors(path)[0]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of rare pickle protocols: it reads or it fails
            found = torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # what a damaged pickle raises may be anything
        raise LearnError(f"{path}: {_refused(error)}") from error
    return _flat(path, found)


def _refused(error: Exception) -> str:
    """Say why PyTorch did not read a pickle, without its advice to run it.

    >>> _refused(ValueError("Unsupported global: GLOBAL os.system was not an allowed global"))
    'refused: only tensors are read from a pickle, and it holds os.system. Give a state dict: ...'
    """
    inside = re.search(r"(?:GLOBAL|global:?|class) ([\w.]+\.\w+)", str(error))
    if inside is None:
        return f"refused or damaged: only tensors are read from a pickle ({type(error).__name__})"
    return (
        f"refused: only tensors are read from a pickle, and it holds {inside[1]}. Give a state "
        "dict: torch.save(model.state_dict(), path)"
    )


def _flat(path: Path, found: object) -> dict[str, torch.Tensor]:
    """Take the state dict, which some tools put under a name."""
    for name in ("state_dict", "model", "model_state_dict"):
        if isinstance(found, dict) and isinstance(found.get(name), dict):
            found = found[name]
    if not isinstance(found, dict) or not found:
        raise LearnError(f"{path}: holds no state dict (names and tensors)")
    odd = next((str(n) for n, one in found.items() if not isinstance(one, torch.Tensor)), None)
    if odd is not None:
        raise LearnError(f"{path}: {odd[:60]!r} is no tensor; give the state dict alone")
    return {str(name).removeprefix("module."): one for name, one in found.items()}


def put(network: nn.Module, tensors: Mapping[str, torch.Tensor], *, what: str) -> None:
    """Give a network its weights, all of them.

    Raises
    ------
    LearnError
        If they are of another network: the message says what differs.
    """
    wanted = network.state_dict()
    missing = [name for name in wanted if name not in tensors]
    extra = [name for name in tensors if name not in wanted]
    other = [n for n, one in wanted.items() if n in tensors and tensors[n].shape != one.shape]
    if missing or extra or other:
        said = [
            f"{len(names)} {how}, such as {names[0][:80]!r}"
            for names, how in (
                (missing, "missing"),
                (extra, "unknown"),
                (other, "of another shape"),
            )
            if names
        ]
        raise LearnError(f"{what}: the weights are of another network: {'; '.join(said)}")
    if next(network.parameters(), torch.empty(0)).is_meta:
        return
    try:
        network.load_state_dict(dict(tensors))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise LearnError(f"{what}: the weights cannot be taken: {reason}") from error


def fitted(
    architecture: Architecture, tensors: Mapping[str, torch.Tensor], *, what: str
) -> nn.Module:
    """Build the network of some weights and give it them.

    It is built without memory first: a small file that describes a huge network takes none.

    Raises
    ------
    LearnError
        If it cannot be built, or they are of another network.
    """
    with torch.device("meta"):
        put(build(architecture), tensors, what=what)
    network = build(architecture)
    put(network, tensors, what=what)
    return network
