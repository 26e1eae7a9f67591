"""One soft label an item from several sources and human labels, on plain arrays."""

from vquery.supervise.fusion.fuse import Fusion, fuse
from vquery.supervise.fusion.sources import Source, aligned, hints, posterior

__all__ = ["Fusion", "Source", "aligned", "fuse", "hints", "posterior"]
