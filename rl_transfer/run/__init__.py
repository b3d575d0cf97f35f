"""One run, from its specification to a stored curve."""
