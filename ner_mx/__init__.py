"""Named-entity recognition with a bidirectional LSTM-CNN on Apache MXNet Gluon."""

__version__ = "0.1.0"
