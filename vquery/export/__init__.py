"""Labels as training sets: one file per format, and a manifest with the provenance of each."""
