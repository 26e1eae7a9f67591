"""What label functions say of items: the label matrix, how it is made and what it shows."""

from vquery.supervise.votes.coding import ABSTAIN
from vquery.supervise.votes.matrix import LabelMatrix

__all__ = ["ABSTAIN", "LabelMatrix"]
