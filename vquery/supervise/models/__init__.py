"""Label models: how far to believe each function, learnt from votes alone."""

from vquery.supervise.models.label_model import LabelModel

__all__ = ["LabelModel"]
