"""Batches to emissions: one folder per model, each with its network and its ONNX export.

The modules of this package and the ``__init__`` of each model import no MXNet;
the networks in them do.
"""
