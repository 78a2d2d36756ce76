"""Turn a corpus into features: python preprocess.py [--experiment NAME] [--set a.b=c]"""

from ner_mx.cli.main import script

if __name__ == "__main__":
    script("preprocess")
