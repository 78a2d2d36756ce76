"""Emissions to tags and probabilities, in numpy: the lattice of a linear chain."""
