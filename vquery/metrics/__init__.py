"""How good a result is against what is true."""
