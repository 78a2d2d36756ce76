"""Files to sentences: formats, tag schemes, splits, statistics."""
