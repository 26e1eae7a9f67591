"""Immutable query nodes: expressions, predicates, merge operations, relations. No I/O."""
