"""Why a result is what it is, how good it is, and which settings make it better."""
