"""Is an LSTM faster if the products of its inputs are given?  python lstm_products.py [UNITS]

Batches of 32 sentences of 25 words on one thread of onnxruntime, both directions, in microseconds a word: ONNX's LSTM
over 111 inputs, over one input (a bound of what could be saved), a Scan over given products, and the lookups in numpy
of vectors and of products.
"""

from __future__ import annotations

import statistics
import sys
import time

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

STEPS, SENTENCES, INPUTS, TYPES, ROUNDS = 25, 32, 111, 6000, 60
random = np.random.RandomState(0)


def normal(*shape):
    """Small random numbers."""
    return (random.randn(*shape) / 10).astype(np.float32)


def array(name, *shape):
    """An array of 32-bit numbers, whatever its shape where none is given."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape or None)


def session(nodes, inputs, outputs, constants=()):
    """A graph on one thread."""
    graph = helper.make_graph(nodes, "graph", inputs, outputs, [
        numpy_helper.from_array(value, name) for name, value in constants])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def lstm(units, inputs):
    """ONNX's operator."""
    node = helper.make_node("LSTM", ["x", "w", "r"], ["y"], hidden_size=units, direction="bidirectional")
    return session([node], [array("x", STEPS, SENTENCES, inputs)], [array("y")], [
        ("w", normal(2, 4 * units, inputs)), ("r", normal(2, 4 * units, units))])


def scan(units):
    """The same recurrence, step by step; padding is not masked."""
    state, gates = ("N", units), ("N", 4 * units)
    steps = [("MatMul", "h r", "hr"), ("Add", "hr x", "g"), ("Split", "g", "i f c o"), ("Sigmoid", "i", "si"),
             ("Sigmoid", "f", "sf"), ("Sigmoid", "o", "so"), ("Tanh", "c", "tc"), ("Mul", "sf cell", "kept"),
             ("Mul", "si tc", "new"), ("Add", "kept new", "next"), ("Tanh", "next", "tn"), ("Mul", "so tn", "out"),
             ("Identity", "out", "y")]
    nodes = [helper.make_node(name, into.split(), out.split(), **({"axis": 1} if name == "Split" else {}))
             for name, into, out in steps]
    body = helper.make_graph(nodes, "body", [array("h", *state), array("cell", *state), array("x", *gates)],
                             [array("out", *state), array("next", *state), array("y", *state)],
                             [numpy_helper.from_array(normal(units, 4 * units), "r")])
    both = [helper.make_node("Scan", ["zero_h", "zero_c", f"x{side}"], [f"h{side}", f"c{side}", f"y{side}"], body=body,
                             num_scan_inputs=1, scan_input_directions=[side], scan_output_directions=[side])
            for side in (0, 1)]
    zeros = np.zeros((SENTENCES, units), np.float32)
    return session(both, [array(f"x{side}", STEPS, SENTENCES, 4 * units) for side in (0, 1)],
                   [array("y0"), array("y1")], [("zero_h", zeros), ("zero_c", zeros)])


def microseconds(function):
    """Of the median call, a word."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1e6 * statistics.median(times) / (STEPS * SENTENCES)


def main(units: int = 128) -> None:
    whole, bound, steps = lstm(units, INPUTS), lstm(units, 1), scan(units)
    vectors, one = normal(STEPS, SENTENCES, INPUTS), normal(STEPS, SENTENCES, 1)
    products = {f"x{side}": normal(STEPS, SENTENCES, 4 * units) for side in (0, 1)}
    tables = [normal(TYPES, size) for size in (INPUTS, 8 * units)]
    types = random.zipf(1.3, size=(STEPS, SENTENCES)) % TYPES
    rows = {"LSTM": lambda: whole.run(None, {"x": vectors}), "LSTM, one input": lambda: bound.run(None, {"x": one}),
            "Scan": lambda: steps.run(None, products), "lookup of vectors": lambda: tables[0].take(types, axis=0),
            "lookup of products": lambda: tables[1].take(types, axis=0)}
    for name, function in rows.items():
        print(f"{name:20} {microseconds(function):.2f} us a word")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
