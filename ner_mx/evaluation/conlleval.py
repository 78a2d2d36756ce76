"""Scores in the layout of conlleval, the script of the CoNLL shared tasks."""

from __future__ import annotations

from ner_mx.evaluation.scores import Evaluation, Score


def conlleval(evaluation: Evaluation) -> str:
    """The scores in conlleval's layout, percentages with two decimals."""
    micro = evaluation.micro
    lines = [
        f"processed {evaluation.tokens} tokens with {micro.gold} phrases; "
        f"found: {micro.found} phrases; correct: {micro.correct}.",
        f"accuracy: {100 * evaluation.accuracy:6.2f}%; {_figures(micro)}",
    ]
    lines += [f"{label:>17}: {_figures(score)}  {score.found}"
              for label, score in evaluation.types.items()]
    return "\n".join(lines)


def _figures(score: Score) -> str:
    return (f"precision: {100 * score.precision:6.2f}%; recall: {100 * score.recall:6.2f}%; "
            f"FB1: {100 * score.f1:6.2f}")
