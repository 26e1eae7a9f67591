"""Array kernels of vquery: arrays in, arrays out; one folder per operation."""
