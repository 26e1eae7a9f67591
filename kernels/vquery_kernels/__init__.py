"""Array kernels of vquery: arrays in, row numbers out; one folder per operation.

Nothing is imported here. Take a function from its operation::

    from vquery_kernels.overlap_join import overlap_join, overlap_count, overlap_any
    from vquery_kernels.window_join import window_join
    from vquery_kernels.coalesce import coalesce
    from vquery_kernels.subtract import subtract

Time is int64 microseconds, half-open. The rules and measured figures are in ``kernels/README.md``.
"""
