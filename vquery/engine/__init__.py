"""The fluent relation and what runs it: DuckDB for expressions, kernels for intervals."""
