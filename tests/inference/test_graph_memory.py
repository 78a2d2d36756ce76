"""The limit of what a graph takes in memory, compared with every order in which its operators can run."""

import itertools

import numpy as np
import pytest
import random_checkpoints
from random_networks import build

from ner_mx.inference import graph_check
from ner_mx.inference.bundle import bundle_content, check_graphs
from ner_mx.inference.exporting import bundle_of
from ner_mx.inference.graph_memory import held_together, most_memory
from ner_mx.inference.onnx_file import Node


def nodes_of(reads):
    """One node for each list of the numbers of those that it reads."""
    return [Node("Add", [str(other) for other in read], [str(number)], {}) for number, read in enumerate(reads)]


def largest_of_all_orders(reads, sizes):
    """The most that is in memory at a time in any order, by trying them all."""
    largest = 0
    for order in itertools.permutations(range(len(reads))):
        place = {node: index for index, node in enumerate(order)}
        if any(place[other] > place[node] for node, read in enumerate(reads) for other in read):
            continue
        last = [max([place[node] for node, read in enumerate(reads) if other in read], default=len(reads))
                for other in range(len(reads))]
        for now in range(len(reads)):
            largest = max(largest, sum(size for node, size in enumerate(sizes) if place[node] <= now <= last[node]))
    return largest


@pytest.mark.parametrize("seed", range(30))
def test_no_order_takes_more(seed):
    random = np.random.RandomState(seed)
    reads = [sorted(set(random.randint(0, number, 2).tolist())) if number and random.rand() < 0.8 else []
             for number in range(7)]
    sizes = random.randint(1, 9, 7)
    limit = most_memory(held_together(nodes_of(reads)), sizes)
    assert largest_of_all_orders(reads, sizes) <= limit <= sizes.sum()


def test_a_chain_takes_two_arrays_at_a_time_and_a_fan_all():
    chain, fan = [[number - 1] if number else [] for number in range(50)], [*([] for _ in range(49)), list(range(49))]
    sizes = np.full(50, 3)
    assert most_memory(held_together(nodes_of(chain)), sizes) == 9  # the one before, and the one after
    assert most_memory(held_together(nodes_of(fan)), sizes) == 150
    assert most_memory(held_together([]), np.zeros(0)) == 0
    # The output of the graph stays, although a node reads it.
    assert most_memory(held_together(nodes_of([[], [0], [1]]), ["0"]), np.array([100, 1, 100])) == 201
    assert most_memory(held_together(nodes_of([[], [0], [1]])), np.array([100, 1, 100])) == 101


def test_a_graph_with_many_reads_is_refused(monkeypatch):
    monkeypatch.setattr("ner_mx.inference.graph_memory.MAX_READS", 3)
    with pytest.raises(ValueError, match="operators read more than 3 arrays"):
        held_together(nodes_of([[], [0], [0, 1], [0]]))


def test_an_encoder_of_more_layers_takes_no_more_memory(tmp_path, monkeypatch):
    limits = []

    def recorded(together, sizes):
        limits.append((most_memory(together, sizes), sizes.sum()))
        return limits[-1][0]

    monkeypatch.setattr(graph_check, "most_memory", recorded)
    for layers in (2, 8):
        monkeypatch.setattr(random_checkpoints, "LAYERS", layers)
        folder = random_checkpoints.write_checkpoint(tmp_path / str(layers), "mpnet")
        recognizer, config = build({"features.transformer.path": str(folder), "model.units": 5})
        bundle = bundle_of(recognizer, config, {"data": {}, "seed": 1})
        check_graphs(bundle_content(bundle).files, bundle.encoder)
    (of_two, written_by_two), (of_eight, written_by_eight) = limits[1], limits[len(limits) // 2 + 1]
    assert written_by_eight > 2.5 * written_by_two
    assert of_eight < 1.02 * of_two < written_by_two / 3


def test_a_graph_of_many_operators_is_refused(monkeypatch):
    recognizer, config = build({})
    bundle = bundle_of(recognizer, config, {"data": {}, "seed": 1})
    monkeypatch.setattr(graph_check, "MAX_OPERATORS", 5)
    with pytest.raises(ValueError, match="operators, more than 5"):
        check_graphs(bundle_content(bundle).files, bundle.encoder)
