"""End models by their public name; they need the extra ``learn``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vquery.api.learning import room

if TYPE_CHECKING:
    from vquery.learn.ends import EndModel as EndModel
else:
    EndModel = room("ends").EndModel

__all__ = ["EndModel"]
