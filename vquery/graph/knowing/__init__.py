"""What a propagation knows, why it says so, and which labels would tell it more."""

from vquery.graph.knowing.curve import precision_coverage
from vquery.graph.knowing.explain import Reason, Step, Why, strongest_path, why
from vquery.graph.knowing.gaps import Gaps, components_of, gaps
from vquery.graph.knowing.overview import Overview, overview
from vquery.graph.knowing.suggest import STRATEGIES, Suggestions, suggest

__all__ = [
    "STRATEGIES",
    "Gaps",
    "Overview",
    "Reason",
    "Step",
    "Suggestions",
    "Why",
    "components_of",
    "gaps",
    "overview",
    "precision_coverage",
    "strongest_path",
    "suggest",
    "why",
]
