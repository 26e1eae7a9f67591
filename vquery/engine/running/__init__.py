"""How a plan is run: sources, batches of videos, threads, DuckDB, the cache, progress."""
