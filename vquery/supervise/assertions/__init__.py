"""What cannot be: rules over rows, what breaks them, and what may be done about it."""
