"""What the arrays of a graph take in memory at a time, in whatever order its operators run."""

from __future__ import annotations

from typing import Collection, Sequence

import numpy as np

from ner_mx.inference.onnx_file import Node

# Each read takes a step over all nodes.
MAX_READS = 1 << 16


def held_together(nodes: Sequence[Node], outputs: Collection[str] = ()) -> np.ndarray:
    """Which nodes' arrays could be in memory at a time.

    The arrays of a node are in memory until the last node that reads one of them has run.  If all of those are
    ancestors of another node, they are gone before that one runs, in every order.

    Parameters
    ----------
    nodes : N of them, each after those that it reads.
    outputs : of the graph, which are never gone.

    Returns
    -------
    (N, N) bool, symmetric.

    Raises
    ------
    ValueError : the nodes read more than ``MAX_READS`` arrays.
    """
    source = {output: index for index, node in enumerate(nodes) for output in node.outputs}
    sources = [{source[name] for name in node.inputs if name in source} for node in nodes]
    if sum(map(len, sources)) > MAX_READS:
        raise ValueError(f"a model whose operators read more than {MAX_READS:,} arrays")
    ancestors = np.zeros((len(nodes), len(nodes)), bool)
    for index, read in enumerate(sources):
        for other in read:
            ancestors[index] |= ancestors[other]
            ancestors[index, other] = True
    gone = np.ones_like(ancestors)  # [a, b]: what a gives is gone before b runs
    is_read = np.zeros(len(nodes), bool)
    for index, read in enumerate(sources):
        for other in read:
            gone[other] &= ancestors[:, index]
            is_read[other] = True
    gone[~is_read] = False
    for name in outputs:
        if name in source:
            gone[source[name]] = False
    together: np.ndarray = ~(gone | gone.T)
    return together


def most_memory(together: np.ndarray, sizes: np.ndarray) -> float:
    """A limit of what is in memory at a time.

    Of the arrays that are, one is the largest, and the others are no larger and could be there with it: they take
    no more than the sum of all such arrays.

    Parameters
    ----------
    together : see :func:`held_together`.
    sizes : (N,) bytes of the arrays of each node.
    """
    others = np.where(sizes[None, :] <= sizes[:, None], sizes, 0)
    return float(np.einsum("ij,ij->i", others, together, dtype=np.float64).max(initial=0))
