"""Methods of a collection that learn from it; all of them need the extra ``learn``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vquery.store.store import Store


class Learned:
    """What a collection learns from itself."""

    _store: Store
