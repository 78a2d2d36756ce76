"""Sentences to arrays to batches: one file per feature, the encoder, and the batches.

To add a feature, put a module into this package (or load one of your own) with
a subclass of :class:`TypeLookup`, :class:`TokenLookup` or :class:`Feature`
under ``@register.feature("name")``.
"""

from ner_mx.features.feature import Feature, TokenLookup, TrainingData, TypeLookup

__all__ = ["Feature", "TokenLookup", "TrainingData", "TypeLookup"]
