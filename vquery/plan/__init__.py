"""From query nodes to steps: rewrites, the split of join predicates, SQL text, EXPLAIN."""
