"""``python -m ner_mx`` is ``ner-mx``."""

from ner_mx.cli.main import main

if __name__ == "__main__":
    main()
