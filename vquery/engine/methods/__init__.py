"""The methods of a relation, one file for each family."""
