"""Train on a processed corpus: python train.py [--experiment NAME] [--set a.b=c] [--resume RUN]"""

from ner_mx.cli.main import script

if __name__ == "__main__":
    script("train")
