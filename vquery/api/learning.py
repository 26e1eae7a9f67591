"""The room `vquery.learn`, entered only where something is learnt, since it needs PyTorch."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from vquery.errors import MissingDependencyError

if TYPE_CHECKING:
    from types import ModuleType

NEEDED = ("torch", "safetensors")


def room(part: str = "") -> ModuleType:
    """Import the room of learning, or a part of it by its path within: ``room("pretext.embed")``.

    Raises
    ------
    MissingDependencyError
        If PyTorch or safetensors is not installed.

    >>> room("core.device").__name__
    'vquery.learn.core.device'
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingDependencyError(
            f"learning needs {' and '.join(missing)}: pip install 'vquery-video[learn]'"
        )
    return importlib.import_module(".".join(["vquery.learn", *filter(None, [part])]))
