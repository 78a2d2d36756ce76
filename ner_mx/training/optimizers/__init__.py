"""Optimizers, one per file; each is a section of the configuration that builds an MXNet optimizer."""
