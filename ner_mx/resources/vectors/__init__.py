"""Word vectors: read from files of several layouts, looked up, and trained from text."""

from ner_mx.resources.vectors.reading import read_vectors
from ner_mx.resources.vectors.settings import VectorSettings, WordVectors

__all__ = ["VectorSettings", "WordVectors", "read_vectors"]
