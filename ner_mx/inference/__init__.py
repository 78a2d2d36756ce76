"""Run to bundle to entities in raw text; only the export needs MXNet."""

from ner_mx.decoding.entities import Entity
from ner_mx.inference.tagger import Tagger

__all__ = ["Entity", "Tagger"]
