"""How good soft labels are against what people say: figures with intervals, slices, comparisons."""

from vquery.supervise.proof.assess import assess
from vquery.supervise.proof.assessment import Assessment
from vquery.supervise.proof.comparison import Comparison
from vquery.supervise.proof.errors import LabelErrors, label_errors, out_of_fold

__all__ = ["Assessment", "Comparison", "LabelErrors", "assess", "label_errors", "out_of_fold"]
