"""``python -m ner_mx`` is ``ner-mx``."""

from ner_mx.cli import main

main()
