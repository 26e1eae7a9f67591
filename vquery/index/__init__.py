"""The indexing pipeline: videos, captions and detections from a folder into a collection."""
