"""End models of a collection: what they learn from, what is kept of them, what they predict."""
