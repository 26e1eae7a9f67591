"""Fusion of a collection: its items, what is said of them, and why each is what it is."""
