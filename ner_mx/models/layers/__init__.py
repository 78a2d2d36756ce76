"""Gluon blocks that models are made of; this package imports MXNet."""
