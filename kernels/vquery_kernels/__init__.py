"""Array kernels of vquery: arrays in, row numbers out; one folder per operation.

Nothing is imported here. Take a function from its operation::

    from vquery_kernels.overlap_join import overlap_join, overlap_count, overlap_any
    from vquery_kernels.window_join import window_join
    from vquery_kernels.coalesce import coalesce
    from vquery_kernels.subtract import subtract
    from vquery_kernels.intersect import intersect
    from vquery_kernels.coverage import coverage
    from vquery_kernels.nearest import nearest
    from vquery_kernels.box_iou import box_iou, box_iou_join

Time is int64 microseconds, half-open. The rules and measured figures are in ``kernels/README.md``.
"""
