"""Renders a synthetic newsroom collection for the demo and the tests."""
