"""From human labels to labels of everything that looks alike, kept in the collection."""

from vquery.api.propagation.keeping import Undone
from vquery.api.propagation.options import Options
from vquery.api.propagation.reasons import Reasons
from vquery.api.propagation.result import Propagation
from vquery.api.propagation.running import propagate, stored

__all__ = ["Options", "Propagation", "Reasons", "Undone", "propagate", "stored"]
