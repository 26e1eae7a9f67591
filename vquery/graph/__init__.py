"""Embeddings → kNN graph → labels: affinities, temporal edges, propagation.

Arrays in, arrays out. The only code that imports faiss and networkx.
"""
