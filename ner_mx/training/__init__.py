"""A processed corpus to a run folder: optimisation, checkpoints, early stopping."""
