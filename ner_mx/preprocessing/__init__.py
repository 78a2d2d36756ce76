"""A configuration to a processed corpus: the folder between the two scripts."""
