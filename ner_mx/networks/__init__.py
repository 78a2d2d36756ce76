"""Batches to scores: Gluon blocks."""
