"""What label functions say of items: the label matrix, how it is made and what it shows."""

from vquery.supervise.votes.matrix import ABSTAIN, LabelMatrix

__all__ = ["ABSTAIN", "LabelMatrix"]
