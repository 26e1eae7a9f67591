"""The oracle: every operation as nested loops over Python rows. Slow, obvious, used by tests."""

from vquery.engine.reference.oracle import Reference, in_order, run

__all__ = ["Reference", "in_order", "run"]
