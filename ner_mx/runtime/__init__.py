"""Run folder to bundle to entities in raw text; only the export needs MXNet."""

from ner_mx.runtime.tagger import Tagger
from ner_mx.runtime.text import Entity

__all__ = ["Entity", "Tagger"]
