"""The scores of every tag, and which are taken for which: what is published of systems that tag characters."""

from __future__ import annotations

from typing import List

from ner_mx.data.spans import parse_tag
from ner_mx.errors import UserError, install
from ner_mx.evaluation.scores import Tags


def tag_report(gold: Tags, predicted: Tags) -> str:
    """scikit-learn's report over the tags without their prefixes, its averages without O, and the confusion matrix.

    Raises
    ------
    UserError : scikit-learn is not installed.
    """
    try:
        from sklearn.metrics import classification_report, confusion_matrix, f1_score
    except ImportError:
        raise UserError(f'the report of tags needs scikit-learn: {install("cpu")}') from None
    expected, found = _labels(gold), _labels(predicted)
    names = sorted({*expected, *found} - {"O"})
    lines = [classification_report(expected, found, labels=["O", *names], digits=4, zero_division=0.0)]
    for average in ("micro", "macro"):
        score = f1_score(expected, found, labels=names, average=average, zero_division=0.0) if names else 0.0
        lines.append(f"{average} F1 without O: {score:.4f}")
    names = ["O", *names]
    width = max(9, *map(len, names))
    lines += ["", "gold in rows, predicted in columns", " ".join(f"{name:>{width}}" for name in ["", *names])]
    for name, row in zip(names, confusion_matrix(expected, found, labels=names)):
        lines.append(" ".join(f"{cell:>{width}}" for cell in [name, *row]))
    return "\n".join(lines)


def _labels(tags: Tags) -> List[str]:
    return [parse_tag(tag)[1] or "O" for sentence in tags for tag in sentence]
