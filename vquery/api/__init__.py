"""What a notebook calls: the collection and its tables, labels, propagation, export and demo."""
