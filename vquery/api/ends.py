"""End models and few-shot heads by their public names; they need the extra ``learn``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vquery.api.learning import room

if TYPE_CHECKING:
    from vquery.learn.ends import EndModel as EndModel
    from vquery.learn.ends import FewShot as FewShot
else:
    EndModel, FewShot = room("ends").EndModel, room("ends").FewShot

__all__ = ["EndModel", "FewShot"]
