"""A student that learns from the probabilities of teachers, on annotated text and on text without annotation."""

from ner_mx.distillation.corpus import Distilling, distilled_corpus

__all__ = ["Distilling", "distilled_corpus"]
