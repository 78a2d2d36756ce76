"""Files to sentences: readers, tag schemes, splits, statistics."""
