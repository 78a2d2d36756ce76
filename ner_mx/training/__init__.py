"""A processed corpus to a run folder: optimization, checkpoints, callbacks."""
