"""From noisy votes to calibrated soft labels, and proof of how good they are."""
