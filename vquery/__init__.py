"""Query video with Python and turn a few labels into a training set."""
