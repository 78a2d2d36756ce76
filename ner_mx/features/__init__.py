"""Sentences to integer arrays to batches."""
