"""Readers: one file of captions, words, detections or labels in, Arrow tables out."""
