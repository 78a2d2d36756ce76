"""The tags of characters, one by one: python tests/benchmarks/character_report.py RUN/predictions/test.conll

Prints scikit-learn's classification report and the confusion matrix, as they were published for the character LSTM.
"""

import argparse
from itertools import chain
from pathlib import Path

from sklearn.metrics import classification_report, confusion_matrix

from ner_mx.evaluation.predictions import read_predictions


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("predictions", type=Path, help="a character, its gold and its predicted tag in each line")
    predictions = read_predictions(parser.parse_args().predictions)
    gold, predicted = (list(chain.from_iterable(tags)) for tags in predictions[1:])
    tags = sorted(set(gold) | set(predicted), key=lambda tag: (tag[2:], tag))
    print(classification_report(gold, predicted, labels=tags, digits=3, zero_division=0))
    print("| gold, and below predicted | " + " | ".join(tags) + " |")
    print("| --- |" + " ---: |" * len(tags))
    for tag, counts in zip(tags, confusion_matrix(gold, predicted, labels=tags)):
        print(f"| {tag} | " + " | ".join(f"{count:,}" for count in counts) + " |")


if __name__ == "__main__":
    main()
