"""What every kind of learning shares."""
